//! Waiting for several futures at once: [`wait`] for some of them.

use super::reporters::{Reporters, distinct};
use super::{Future, deadline};
use std::borrow::Borrow;
use std::time::Duration;

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
    while reporters.left() > 0 {
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
