//! The handle that a submission returns: ask it, wait for it, cancel it, await it.

mod cancel_on_drop;
mod collect;
mod completed;
#[cfg(feature = "stream")]
mod completed_stream;
mod compose;
mod derived;
mod group;
mod handle;
mod reporters;
mod sources;

use crate::driver::outcome::Outcome;
use crate::driver::promise::{Phase, Promise};
use crate::error::{Error, Result};
use crate::pool::callbacks::{self, Calling};
pub use cancel_on_drop::CancelOnDrop;
pub use collect::collect;
pub use completed::{AsCompleted, AsCompletedTimeout, as_completed};
#[cfg(feature = "stream")]
pub use completed_stream::AsCompletedStream;
pub use compose::{catch, compose, then};
pub use derived::Resolve;
pub use group::{DoneAndNotDone, ReturnWhen, wait};
pub(crate) use handle::{Handle, Listening};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A handle to the result of one task: pending, then running, then finished, unless it is cancelled while it is
/// pending.
///
/// A future is a handle: clones are handles of the same task and equal, dropping handles cancels nothing, and a handle
/// may outlive its executor, which fulfills every future before it goes. The result stays in the future in encoded form
/// and is decoded by each call that asks for it, in the thread that asks; so it may be asked for more than once.
///
/// It is also a [`std::future::Future`] that needs no particular runtime. Each handle has the waker of its last poll,
/// which goes when the handle is dropped.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn add(a: i32, b: i32) -> i32 {
///     a + b
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let future = executor.submit(add::ID, (2, 3));
/// assert_eq!(future.result()?, 5);
/// assert!(future.done() && !future.running() && !future.cancelled());
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[must_use = "the task runs without its future, but its result and its error are lost; say so by `drop` or `let _ =`"]
pub struct Future<T> {
    form: Form<T>,
}

/// What a future consists of: three words, because millions may be held.
enum Form<T> {
    Quiet(Handle, Extract<T>),
    /// It has been polled in vain; its waker goes with it.
    Polled(Box<(Listening, Extract<T>)>),
}

/// Makes the value out of the outcome.
type Extract<T> = fn(&Outcome) -> Result<T>;

impl<T> Future<T> {
    pub(crate) fn new(handle: Handle, extract: Extract<T>) -> Self {
        Future { form: Form::Quiet(handle, extract) }
    }

    fn handle(&self) -> &Handle {
        match &self.form {
            Form::Quiet(handle, _) => handle,
            Form::Polled(polled) => &polled.0.handle,
        }
    }

    fn promise(&self) -> &Arc<Promise> {
        &self.handle().promise
    }

    /// What tells the future from all others that are held.
    fn address(&self) -> usize {
        Arc::as_ptr(self.promise()).addr()
    }

    /// The pool by whose threads this future is brought forward.
    #[cfg(test)]
    pub(crate) fn pool(&self) -> &crate::pool::shared::Pool {
        &self.handle().pool
    }

    fn extract(&self) -> Extract<T> {
        match &self.form {
            Form::Quiet(_, extract) => *extract,
            Form::Polled(polled) => polled.1,
        }
    }

    /// Waits until the task is done and returns what its function returned.
    ///
    /// # Errors
    ///
    /// The reason why the task failed: its own panic or `Err`, its cancellation, arguments or results that do not pass
    /// the codec, a lost worker, its `task_timeout`, a broken pool, an executor that had been shut down.
    pub fn result(&self) -> Result<T> {
        self.handle().wait(None).and_then(self.extract())
    }

    /// Like [`result`](Self::result), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As for [`result`](Self::result); and an error for which [`Error::is_timeout`] holds if the task is not done in
    /// time, after which the future is as it was and may be waited for again.
    pub fn result_timeout(&self, timeout: Duration) -> Result<T> {
        self.handle().wait(deadline(timeout)).and_then(self.extract())
    }

    /// Waits until the task is done and returns why it failed, or `None` if it succeeded.
    pub fn exception(&self) -> Option<Error> {
        self.result().err()
    }

    /// Like [`exception`](Self::exception), but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// An error for which [`Error::is_timeout`] holds if the task is not done in time.
    pub fn exception_timeout(&self, timeout: Duration) -> Result<Option<Error>> {
        match self.handle().wait(deadline(timeout)) {
            Err(error) if error.is_timeout() => Err(error),
            outcome => Ok(outcome.and_then(self.extract()).err()),
        }
    }

    /// Tries to cancel the task; returns whether it is cancelled.
    ///
    /// A task can be cancelled until it is sent to a worker. Tasks that have proved to be short are sent ahead of their
    /// execution: up to 4 ms of work waits on each worker, or one task of up to 20 ms. Those count as running, unless
    /// they come back, see [`running`](Self::running).
    pub fn cancel(&self) -> bool {
        self.handle().cancel()
    }

    /// Whether the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.promise().phase() == Phase::Cancelled
    }

    /// Whether the task has been sent to a worker and is not done. It may not have begun: short tasks are sent ahead of
    /// their execution. One that would wait there for long comes back; then it is not running any more, and can be
    /// cancelled, until it is sent again. A task that is to be [tried again](crate::Call::retries) is not running
    /// either.
    ///
    /// Without [`prefetch`](crate::Call::prefetch) a task is sent to a worker that has nothing else to do, and begins
    /// there.
    pub fn running(&self) -> bool {
        self.promise().phase() == Phase::Running
    }

    /// Whether the task is done and has failed; a cancellation does not count. What it has returned is not decoded.
    fn has_failed(&self) -> bool {
        matches!(self.promise().finished(), Some(Outcome::Failed(_)))
    }

    /// Whether the task is finished, successfully or not, or cancelled.
    pub fn done(&self) -> bool {
        self.handle().is_done()
    }
}

impl<T: 'static> Future<T> {
    /// Calls `callback` with this future when the task is finished or cancelled: at once, if it is already, unless
    /// some dozens of callbacks and hooks are being called within each other.
    ///
    /// A callback is called exactly once. Those of one future are called in the order in which they were added, in the
    /// thread that cancels the task, or in a thread that the pool keeps for callbacks; one that waits for other futures
    /// does not hold up those behind it. A panic of a callback is printed on standard error and has no other effect,
    /// wherever the callback is called.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    /// use std::sync::mpsc;
    ///
    /// #[remote_task]
    /// fn add(a: i32, b: i32) -> i32 {
    ///     a + b
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
    /// let (sender, receiver) = mpsc::channel();
    /// executor.submit(add::ID, (1, 2)).add_done_callback(move |future| {
    ///     let _ = sender.send(future.result());
    /// });
    /// assert_eq!(receiver.recv().unwrap()?, 3);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Future<T>) + Send + 'static) {
        let future = self.clone();
        self.handle().add_callback(Calling::Callback, Box::new(move || callback(&future)));
    }
}

impl<T> std::future::Future for Future<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let (this, waker) = (self.get_mut(), context.waker());
        let waits = matches!(&this.form, Form::Polled(polled) if polled.0.wake_instead(waker));
        if !waits {
            match this.handle().poll(waker) {
                Ok(outcome) => return Poll::Ready(outcome.and_then(this.extract())),
                Err(listening) => this.form = Form::Polled(Box::new((listening, this.extract()))),
            }
        }
        // Whoever polls may run a runtime within a callback.
        callbacks::may_block();
        Poll::Pending
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Future::new(self.handle().clone(), self.extract())
    }
}

/// Whether both are handles of the same task.
impl<T> PartialEq for Future<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.promise(), other.promise())
    }
}

impl<T> Eq for Future<T> {}

impl<T> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.promise().phase() {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Finished => "finished",
            Phase::Cancelled => "cancelled",
        };
        write!(f, "Future(task {}, {phase})", self.promise().task())
    }
}

/// The end of a wait; none if it lies beyond what a clock can show.
fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
