//! Waiting for several futures at once: [`wait`] for some of them, [`as_completed`] for one after the other.

use super::watch::Watch;
use super::{Future, deadline};
use crate::error::{Error, Kind, Result};
use crate::inbox::Inbox;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When [`wait`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReturnWhen {
    /// When any of the futures is finished or cancelled.
    FirstCompleted,
    /// When any of the futures has failed, a cancellation not counted; if none fails, when all are done.
    FirstException,
    /// When all futures are finished or cancelled.
    #[default]
    AllCompleted,
}

/// What [`wait`] found: each future once, in the order in which they were given.
#[derive(Debug)]
pub struct Waited<T> {
    /// The futures that were finished or cancelled.
    pub done: Vec<Future<T>>,
    /// The others.
    pub not_done: Vec<Future<T>>,
}

/// Waits for futures, which may come from different executors, until `return_when` says so or `timeout` has passed.
///
/// A time-out is no error: it shows in what is not done. A future that is given more than once counts once.
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
pub fn wait<T, I>(futures: I, return_when: ReturnWhen, timeout: Option<Duration>) -> Waited<T>
where
    I: IntoIterator<Item: Borrow<Future<T>>>,
{
    let deadline = timeout.and_then(deadline);
    let futures = distinct(futures);
    let (watch, inbox) = watch(&futures);
    let mut left = futures.len();
    while left > 0 {
        let Some(token) = watch.next(inbox.as_deref(), deadline) else { break };
        left -= 1;
        let enough = match return_when {
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => futures[token].has_failed(),
            ReturnWhen::AllCompleted => false,
        };
        if enough {
            break;
        }
    }
    let (done, not_done) = futures.into_iter().partition(Future::done);
    Waited { done, not_done }
}

/// Yields each of the futures when it is finished or cancelled, those that are done already first.
///
/// A future that is given more than once is yielded once.
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
    let (watch, inbox) = watch(&futures);
    AsCompleted { called, left: futures.len(), futures, watch, inbox }
}

/// The iterator of [`as_completed`].
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompleted<T> {
    called: Instant,
    futures: Vec<Future<T>>,
    watch: Arc<Watch>,
    /// The door to the pool of all of them, if they have one pool.
    inbox: Option<Arc<Inbox>>,
    left: usize,
}

impl<T> AsCompleted<T> {
    /// Ends the iteration by an error, for which [`Error::is_timeout`] holds, when a future is awaited that is not done
    /// `timeout` after the call of [`as_completed`].
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
    pub fn timeout(self, timeout: Duration) -> AsCompletedInTime<T> {
        AsCompletedInTime { deadline: self.called.checked_add(timeout), timeout, inner: self }
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Future<T>> {
        let token = self.watch.next(self.inbox.as_deref(), deadline)?;
        self.left -= 1;
        Some(self.futures[token].clone())
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Future<T>;

    fn next(&mut self) -> Option<Future<T>> {
        if self.left == 0 { None } else { self.next_until(None) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} of {} to come)", self.left, self.futures.len())
    }
}

/// The iterator of [`AsCompleted::timeout`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompletedInTime<T> {
    inner: AsCompleted<T>,
    timeout: Duration,
    deadline: Option<Instant>,
}

impl<T> Iterator for AsCompletedInTime<T> {
    type Item = Result<Future<T>>;

    fn next(&mut self) -> Option<Result<Future<T>>> {
        if self.inner.left == 0 {
            return None;
        }
        let left = self.inner.left;
        Some(self.inner.next_until(self.deadline).ok_or_else(|| {
            self.inner.left = 0;
            let total = self.inner.futures.len();
            let seconds = self.timeout.as_secs_f64();
            Error::new(Kind::Timeout, format!("{left} of {total} futures were not done {seconds:.3} s after the call"))
        }))
    }
}

/// Each future once, in the order of its first appearance.
fn distinct<T>(futures: impl IntoIterator<Item: Borrow<Future<T>>>) -> Vec<Future<T>> {
    let mut seen = BTreeSet::new();
    let futures = futures.into_iter().map(|future| future.borrow().clone());
    futures.filter(|future| seen.insert(Arc::as_ptr(&future.state).addr())).collect()
}

/// A watch to which every future reports by its place, and the door to their pool: whoever waits drives it, if all that
/// are not done have the same.
fn watch<T>(futures: &[Future<T>]) -> (Arc<Watch>, Option<Arc<Inbox>>) {
    let watch = Arc::new(Watch::default());
    let mut pending = futures.iter().filter(|future| !future.done()).map(|future| future.state.inbox());
    let inbox = pending.next().filter(|first| pending.all(|other| Arc::ptr_eq(first, other))).map(Arc::clone);
    for (token, future) in futures.iter().enumerate() {
        future.state.watch(&watch, token, inbox.is_none());
    }
    (watch, inbox)
}
