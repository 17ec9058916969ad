//! What users hold: submits calls to a pool, and shuts its part of the pool down.

pub(crate) mod call;
mod client;
pub(crate) mod map;
pub(crate) mod map_iter;
pub mod options;
pub(crate) mod thread_pool;
pub(crate) mod thread_transport;
mod yields;

use crate::base::ids::WorkerNumber;
use crate::error::Result;
use crate::executor::call::Call;
use crate::executor::client::Client;
use crate::executor::map::Map;
use crate::executor::options::Decided;
use crate::future::Future;
use crate::pool::manager::Manager;
use crate::task::{IntoArgs, TaskFunction};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A handle to a pool of workers, which takes calls of task functions and returns futures.
///
/// This is what all kinds of executors have in common: [`ThreadPoolExecutor`](crate::ThreadPoolExecutor) and
/// `MpiPoolExecutor` dereference to it, so that a function that takes `&Executor` works with each of them.
///
/// Dropping an executor shuts it down and waits until its futures are done and its exit function, if it has one, has been
/// called; while the thread panics it cancels what is queued and does not wait.
#[derive(Debug)]
pub struct Executor {
    client: Arc<Client>,
}

impl Executor {
    /// An executor with a pool of its own, which was made with the same options.
    #[doc(hidden)]
    pub fn owning(manager: Arc<Manager>, options: Decided) -> Self {
        Executor::new(manager, options, true)
    }

    /// An executor that shares a pool with others; whoever made the pool starts and ends it.
    #[doc(hidden)]
    pub fn sharing(manager: Arc<Manager>, options: Decided) -> Self {
        Executor::new(manager, options, false)
    }

    fn new(manager: Arc<Manager>, options: Decided, owns_pool: bool) -> Self {
        Executor { client: Arc::new(Client::new(manager, options, owns_pool)) }
    }

    /// Schedules the call of a task function and returns its future.
    ///
    /// `args` is the tuple of arguments; a lone argument needs no tuple, and a reference is accepted where the task
    /// takes the value, see [`IntoArgs`]. The arguments are encoded here, in the calling thread. The pool's workers are
    /// started by the first submission.
    ///
    /// Never fails by itself: arguments that cannot be encoded, an executor that has been shut down and a broken pool
    /// are errors of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn power(base: u64, exponent: u32) -> u64 {
    ///     base.pow(exponent)
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let future = executor.submit(power::ID, (2, 10));
    /// assert_eq!(future.result()?, 1024);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn submit<F, A>(&self, function: F, args: A) -> Future<F::Output>
    where
        F: TaskFunction<Output: DeserializeOwned + 'static>,
        A: IntoArgs<F::Args>,
    {
        self.client.submit(function.id(), args, None)
    }

    /// Calls a task function once on each worker, with the same arguments, and returns one future for each of them, in
    /// the order of their numbers.
    ///
    /// Those workers count that are ready when the call is made: as many as [`num_workers`](Self::num_workers) says. If
    /// they are still being started, it waits for them as `num_workers` does. A worker that comes later, in the place
    /// of a lost one, gets no call; what every worker has to do before its first task is for the builder's
    /// `initializer`, and what it has to keep for its `state`.
    ///
    /// While a call waits, its worker gets no other tasks and finishes those that it holds; then it executes the call. If
    /// several such calls wait for one worker, it executes another task between two of them. Until a call is sent it is
    /// pending and can be cancelled. No other worker can execute it: if its worker is lost, also before that, its
    /// future fails by an error for which [`Error::is_worker_lost`](crate::Error::is_worker_lost) holds, and which
    /// [names the worker](crate::Error::worker). If its worker is in a task, or in the initializer of another
    /// executor, that has timed out and may never end, its future fails by an error for which
    /// [`Error::is_timeout`](crate::Error::is_timeout) holds, and which names the worker as well.
    ///
    /// # Errors
    ///
    /// If the arguments cannot be encoded, or if the executor is broken or has been shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    /// use std::cell::Cell;
    ///
    /// thread_local! {
    ///     static CALLS: Cell<u64> = const { Cell::new(0) };
    /// }
    ///
    /// #[remote_task]
    /// fn work(_item: u64) {
    ///     CALLS.set(CALLS.get() + 1);
    /// }
    ///
    /// #[remote_task]
    /// fn calls() -> u64 {
    ///     CALLS.get()
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(3).build()?;
    /// executor.map(work::ID, 0..100).into_iter().collect::<Result<Vec<()>, _>>()?;
    /// let futures = executor.everywhere(calls::ID, ())?;
    /// assert_eq!(futures.len(), 3);
    /// let of_each: Result<Vec<u64>, _> = futures.iter().map(|future| future.result()).collect();
    /// assert_eq!(of_each?.iter().sum::<u64>(), 100);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn everywhere<F, A>(&self, function: F, args: A) -> Result<Vec<Future<F::Output>>>
    where
        F: TaskFunction<Output: DeserializeOwned + 'static>,
        A: IntoArgs<F::Args>,
    {
        self.client.everywhere(function.id(), args)
    }

    /// Schedules one of the calls of [`everywhere`](Self::everywhere), for simulations, which cannot wait.
    #[doc(hidden)]
    pub fn submit_to<F, A>(&self, worker: usize, function: F, args: A) -> Future<F::Output>
    where
        F: TaskFunction<Output: DeserializeOwned + 'static>,
        A: IntoArgs<F::Args>,
    {
        self.client.submit_to(WorkerNumber(worker as u32), function.id(), args)
    }

    /// Prepares calls of a task function with retries and limits: set them on the returned [`Call`], then
    /// [`submit`](Call::submit) as often as needed.
    ///
    /// A [`map`](Self::map) has the same methods for its tasks.
    pub fn call<F: TaskFunction>(&self, function: F) -> Call<F::Args, F::Output> {
        Call::new(Arc::clone(&self.client), function.id())
    }

    /// Calls a task function for every item and returns the results in the order of the items.
    ///
    /// The returned builder makes an iterator of `Result<T, Error>`: set options such as [`chunksize`](Map::chunksize)
    /// on it and iterate. Nothing is called before the iteration begins, nor after the executor has been shut down.
    /// Items are taken from `items` during the iteration, as many ahead as keep the workers busy. Endless iterators are
    /// fine, and so are slow ones: without a chunk size each item of an input that is slow, or does not announce its
    /// items, is submitted as soon as it is available. Each call that fails yields its
    /// error in its own place, and the others are not affected. Dropping the iterator cancels the tasks that have not
    /// been sent to a worker.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let mut sum = 0;
    /// for square in executor.map(square::ID, 1..=10).chunksize(4) {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 385);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn map<F, I>(&self, function: F, items: I) -> Map<F::Args, F::Output, I::IntoIter>
    where
        F: TaskFunction<Output: DeserializeOwned + 'static>,
        I: IntoIterator<Item: IntoArgs<F::Args>>,
    {
        Map::new(Arc::clone(&self.client), function.id(), items.into_iter())
    }

    /// Calls a task function for every tuple of arguments: [`map`](Self::map) under the name that it has in Python for
    /// arguments that are already grouped in tuples.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn power(base: u64, exponent: u32) -> u64 {
    ///     base.pow(exponent)
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let powers: Result<Vec<u64>, _> = executor.starmap(power::ID, (0..4).map(|n| (2, n))).into_iter().collect();
    /// assert_eq!(powers?, [1, 2, 4, 8]);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn starmap<F, I>(&self, function: F, items: I) -> Map<F::Args, F::Output, I::IntoIter>
    where
        F: TaskFunction<Output: DeserializeOwned + 'static>,
        I: IntoIterator<Item: IntoArgs<F::Args>>,
    {
        self.map(function, items)
    }

    /// Starts the workers now instead of at the first submission; with `wait`, returns when they are all ready: when
    /// each of them has answered and has executed the executor's initializer, if it has one.
    ///
    /// # Errors
    ///
    /// If the executor has been shut down. With `wait`, also if it is broken, with the reason: what kept workers from
    /// starting, the failure of its initializer, which workers were not ready within the boot limit, or that all of
    /// them have been lost since. Without `wait`, such errors show up in the futures of later submissions.
    pub fn bootup(&self, wait: bool) -> Result<()> {
        self.client.begin()?;
        if wait { self.client.wait_for_boot().map(drop) } else { Ok(()) }
    }

    /// Returns the number of workers that are ready; starts them and waits for them if need be, as
    /// [`bootup`](Self::bootup) does.
    ///
    /// Lost workers do not count from the moment when the loss is noticed, and those that replace them count once they
    /// are ready, so that the number may be 0 while a replacement is on its way.
    ///
    /// # Errors
    ///
    /// If the executor is broken, for instance because all workers are lost, or has been shut down.
    pub fn num_workers(&self) -> Result<usize> {
        self.bootup(false)?;
        self.client.wait_for_boot()
    }

    /// Does some work while no thread looks for messages of the pool, which must have been booted; for measurements.
    #[doc(hidden)]
    pub fn undisturbed<R>(&self, work: impl FnOnce() -> R) -> R {
        self.client.manager().pool().undisturbed(work)
    }

    /// Shuts the executor down as [`shutdown`](Self::shutdown) does, waits, and returns what the exit function of its
    /// builder (`exit`) has returned on each worker: one item for each worker that was ready when all other tasks were
    /// done, in the order of their numbers. `T` is the type that the function returns; for a function that returns
    /// `Result<T, E>`, it is `T`.
    ///
    /// An item is an error if the function has failed or panicked there. It is one for which
    /// [`Error::is_worker_lost`](crate::Error::is_worker_lost) holds if the worker was lost meanwhile, and one for which
    /// [`Error::is_timeout`](crate::Error::is_timeout) holds if the worker was still in a task, or in the initializer of
    /// another executor, that had timed out: then it has not called the function. Each of them
    /// [names the worker](crate::Error::worker). Workers that were lost before have no item, nor have those that come in
    /// their places later; so there may be none. There are none if the executor was never used. Called again, it returns
    /// the same.
    ///
    /// An executor that is dropped without `finish` calls the exit function, too, but then nobody learns how that went.
    ///
    /// # Errors
    ///
    /// If the builder has set no exit function, or one that returns another type than `T`; then the executor goes on as
    /// before. If the executor was broken before the workers were to call the function, with the reason; if it breaks
    /// later, the items are errors.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::{remote_state, remote_task}; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_state, remote_task};
    ///
    /// #[derive(Default)]
    /// struct Seen(u64);
    ///
    /// #[remote_state]
    /// fn seen() -> Seen {
    ///     Seen::default()
    /// }
    ///
    /// #[remote_task]
    /// fn look(#[state] seen: &mut Seen, _item: u64) {
    ///     seen.0 += 1;
    /// }
    ///
    /// #[remote_task]
    /// fn report(#[state] seen: &Seen) -> u64 {
    ///     seen.0
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(3).state(seen::ID, ()).exit(report::ID).build()?;
    /// executor.map(look::ID, 0..100).into_iter().collect::<Result<Vec<()>, _>>()?;
    /// let counts = executor.finish::<u64>()?; // each worker calls `report`
    /// assert_eq!(counts.len(), 3);
    /// assert_eq!(counts.into_iter().sum::<Result<u64, _>>()?, 100);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn finish<T: DeserializeOwned + 'static>(&self) -> Result<Vec<Result<T>>> {
        self.client.finish()
    }

    /// Shuts the executor down: it accepts no more tasks. When its futures are done, its workers call the exit function,
    /// if it has one; then its part of the pool is freed.
    ///
    /// With `cancel_futures`, tasks that have not been sent to a worker are cancelled, but never the exit function; the
    /// others go on. With `wait`, returns when all of this is done. Call it again to wait or to cancel after all.
    pub fn shutdown(&self, wait: bool, cancel_futures: bool) {
        self.client.shutdown(wait, cancel_futures);
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        self.client.shutdown(!panicking, panicking);
        if panicking {
            self.client.manager().pool().end_callbacks(self.client.number());
        }
    }
}
