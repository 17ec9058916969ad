//! Waiting for several futures at once: [`wait`] for some of them, [`as_completed`] for one after the other.

use super::{Future, Listening, deadline};
use crate::driver::completions::CompletionQueue;
use crate::error::{Error, Kind, Result};
use crate::pool::shared::Pool;
use crate::pool::waiting::next_report;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The condition on which [`wait`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ReturnWhen {
    /// Return when any of the futures is finished or cancelled.
    FirstCompleted,
    /// Return when any of the futures has failed, a cancellation not counted; if none fails, when all are done.
    FirstException,
    /// Return when all futures are finished or cancelled.
    #[default]
    AllCompleted,
}

/// The result of [`wait`]: each future once, in the order in which they were given.
#[derive(Debug)]
pub struct DoneAndNotDone<T> {
    /// The futures that were finished or cancelled.
    pub done: Vec<Future<T>>,
    /// The futures that are still pending or running.
    pub not_done: Vec<Future<T>>,
}

/// Waits for futures, which may come from different executors, until `return_when` is met or `timeout` has passed.
///
/// A time-out is not an error: the unfinished futures are in `not_done`. A future that is given more than once counts
/// once.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ReturnWhen, ThreadPoolExecutor, remote_task, wait};
///
/// #[remote_task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let futures: Vec<_> = (0..10).map(|n| executor.submit(square::ID, n)).collect();
/// let waited = wait(&futures, ReturnWhen::AllCompleted, None);
/// assert_eq!((waited.done.len(), waited.not_done.len()), (10, 0));
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn wait<T, I>(futures: I, return_when: ReturnWhen, timeout: Option<Duration>) -> DoneAndNotDone<T>
where
    I: IntoIterator<Item: Borrow<Future<T>>>,
{
    let deadline = timeout.and_then(deadline);
    let futures = distinct(futures);
    let mut reporters = Reporters::new(&futures);
    while reporters.left > 0 {
        let Some(token) = reporters.next(deadline) else { break };
        let enough = match return_when {
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => futures[token].has_failed(),
            ReturnWhen::AllCompleted => false,
        };
        if enough {
            break;
        }
    }
    drop(reporters);
    let (done, not_done) = futures.into_iter().partition(Future::done);
    DoneAndNotDone { done, not_done }
}

/// Yields each of the futures when it is finished or cancelled, those that are done already first.
///
/// A future that is given more than once is yielded once. The iterator keeps no handle of a future that it has yielded:
/// its result is freed with the caller's last handle, even during the iteration.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, as_completed, remote_task};
///
/// #[remote_task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let mut sum = 0;
/// for future in as_completed((0..10).map(|n| executor.submit(square::ID, n))) {
///     sum += future.result()?;
/// }
/// assert_eq!(sum, 285);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn as_completed<T, I>(futures: I) -> AsCompleted<T>
where
    I: IntoIterator<Item: Borrow<Future<T>>>,
{
    let called = Instant::now();
    let futures = distinct(futures);
    let reporters = Reporters::new(&futures);
    AsCompleted { called, reporters, futures: futures.into_iter().map(Some).collect() }
}

/// The iterator of [`as_completed`].
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompleted<T> {
    called: Instant,
    reporters: Reporters,
    /// None in the place of one that has been yielded.
    futures: Vec<Option<Future<T>>>,
}

impl<T> AsCompleted<T> {
    /// Ends the iteration with an error for which [`Error::is_timeout`] holds, if the next future is not done `timeout`
    /// after the call of [`as_completed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, as_completed, remote_task};
    /// use std::time::Duration;
    ///
    /// #[remote_task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// for future in as_completed([executor.submit(square::ID, 3)]).timeout(Duration::from_secs(60)) {
    ///     assert_eq!(future?.result()?, 9);
    /// }
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn timeout(self, timeout: Duration) -> AsCompletedTimeout<T> {
        AsCompletedTimeout { deadline: self.called.checked_add(timeout), timeout, inner: self }
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Future<T>> {
        self.futures[self.reporters.next(deadline)?].take()
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Future<T>;

    fn next(&mut self) -> Option<Future<T>> {
        if self.reporters.left == 0 { None } else { self.next_until(None) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.reporters.left, Some(self.reporters.left))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} of {} to come)", self.reporters.left, self.futures.len())
    }
}

/// The iterator of [`AsCompleted::timeout`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompletedTimeout<T> {
    inner: AsCompleted<T>,
    timeout: Duration,
    deadline: Option<Instant>,
}

impl<T> Iterator for AsCompletedTimeout<T> {
    type Item = Result<Future<T>>;

    fn next(&mut self) -> Option<Result<Future<T>>> {
        let left = self.inner.reporters.left;
        if left == 0 {
            return None;
        }
        Some(self.inner.next_until(self.deadline).ok_or_else(|| {
            self.inner.reporters.give_up();
            let total = self.inner.futures.len();
            let seconds = self.timeout.as_secs_f64();
            Error::new(
                Kind::Timeout,
                format!(
                    "timed out after {seconds:.3} s: {left} of {total} futures are not \
                     finished"
                ),
            )
        }))
    }
}

/// Each future once, in the order of its first appearance.
fn distinct<T>(futures: impl IntoIterator<Item: Borrow<Future<T>>>) -> Vec<Future<T>> {
    let mut seen = BTreeSet::new();
    let futures = futures.into_iter().map(|future| future.borrow().clone());
    futures.filter(|future| seen.insert(Arc::as_ptr(future.promise()).addr())).collect()
}

/// A queue to which futures report, each by its place, until it is dropped.
struct Reporters {
    completions: Arc<CompletionQueue>,
    /// None in the place of a future that has reported.
    listening: Vec<Option<Listening>>,
    /// How many have not reported.
    left: usize,
    /// The pool of all that were not done: whoever waits drives it. None if they have several.
    pool: Option<Arc<Pool>>,
}

impl Reporters {
    fn new<T>(futures: &[Future<T>]) -> Self {
        let completions = Arc::new(CompletionQueue::default());
        let mut pending = futures.iter().filter(|future| !future.done()).map(|future| &future.handle().pool);
        let pool = pending.next().filter(|first| pending.all(|other| Arc::ptr_eq(first, other))).map(Arc::clone);
        let listen =
            |(token, future): (usize, &Future<T>)| Some(future.handle().report_to(&completions, token, pool.is_none()));
        let listening = futures.iter().enumerate().map(listen).collect();
        Reporters { listening, completions, left: futures.len(), pool }
    }

    /// The place of the next future that is done; `None` if the deadline passes before.
    fn next(&mut self, deadline: Option<Instant>) -> Option<usize> {
        let token = next_report(&self.completions, self.pool.as_deref(), deadline)?;
        self.left -= 1;
        self.listening[token] = None;
        Some(token)
    }

    /// Waits for no more of them.
    fn give_up(&mut self) {
        self.left = 0;
        self.listening = Vec::new();
    }
}
