//! Calls of one function for many items: a builder for the options.

use super::map_iter::{MapIter, Settings};
use crate::driver::policy::{TaskPolicy, policy_options};
use crate::error::{Error, Kind, Result};
use crate::executor::client::Client;
use crate::task::{IntoArgs, TaskId};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The results of [`Executor::map`](crate::Executor::map) to be: options first, then iterate.
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
/// // An endless iterator: only what is needed is taken from it.
/// let squares: Result<Vec<u64>, _> = executor.map(square::ID, 0..).chunksize(2).into_iter().take(5).collect();
/// assert_eq!(squares?, [0, 1, 4, 9, 16]);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[must_use = "a map does nothing until it is iterated over"]
pub struct Map<Args, T, I> {
    client: Arc<Client>,
    function: TaskId<Args, T>,
    items: I,
    settings: Settings,
    policy: Option<Arc<TaskPolicy>>,
}

impl<Args, T, I> Map<Args, T, I> {
    pub(crate) fn new(client: Arc<Client>, function: TaskId<Args, T>, items: I) -> Self {
        let settings = Settings { chunksize: 1, buffersize: None, timeout: None, unordered: false };
        Map { client, function, items, settings, policy: None }
    }

    /// How many calls travel and are executed together as one task; 1 if not set.
    ///
    /// Larger chunks cost less per call and spread the work less evenly. A chunk size of 0 is an error, which the
    /// iterator yields instead of results.
    pub fn chunksize(mut self, chunksize: usize) -> Self {
        self.settings.chunksize = chunksize;
        self
    }

    /// How many tasks, each of one chunk, may be submitted ahead of the results that have been taken from the iterator.
    ///
    /// If not set, so many that the workers stay busy with short tasks: a few thousand, fewer when their arguments are
    /// large. A buffer size of 0 is an error, which the iterator yields instead of results.
    ///
    /// The input is asked for more when the next result is not there yet, and not before: with a buffer size of 1 no
    /// result waits for the item behind it. So an input that depends on the results, as a channel that the loop over
    /// them fills, needs a buffer size that is no larger than the number of items that it gives without a result: while
    /// the input is waited for no result can be given.
    pub fn buffersize(mut self, buffersize: usize) -> Self {
        self.settings.buffersize = Some(buffersize);
        self
    }

    /// Ends the iteration by an error, for which [`Error::is_timeout`] holds, when a result is awaited that is not
    /// there `timeout` after the iteration began, which is when the first calls are submitted. What is left is
    /// cancelled then.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// Yields results as soon as they are there instead of in the order of the items; those of a chunk stay together.
    pub fn unordered(mut self) -> Self {
        self.settings.unordered = true;
        self
    }

    policy_options!();

    /// What is wrong with the options.
    fn refusal(&self) -> Option<Error> {
        let zero =
            |what| Error::new(Kind::Configuration, format!("the {what} size of a map is 0; it must be at least 1"));
        match (self.settings.chunksize, self.settings.buffersize) {
            (0, _) => Some(zero("chunk")),
            (_, Some(0)) => Some(zero("buffer")),
            _ => None,
        }
    }
}

impl<Args, T, I> IntoIterator for Map<Args, T, I>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned,
{
    type Item = Result<T>;
    type IntoIter = MapIter<Args, T, I>;

    /// Submits the first calls. Here a time-out begins to count.
    fn into_iter(self) -> MapIter<Args, T, I> {
        let refusal = self.refusal();
        MapIter::new(self.client, (self.function, self.items), self.settings, self.policy, refusal)
    }
}

impl<Args, T, I> fmt::Debug for Map<Args, T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Map { function, settings, .. } = self;
        f.debug_struct("Map").field("function", function).field("settings", settings).finish_non_exhaustive()
    }
}
