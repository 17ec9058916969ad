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

/// A map that has not started yet: set options, then iterate over its results; made by
/// [`Executor::map`](crate::Executor::map).
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

    /// The number of calls that travel and are executed together as one task; 1 if not set.
    ///
    /// Larger chunks cost less per call and spread the work less evenly. A chunk size of 0 is an error, which the
    /// iterator yields instead of results.
    pub fn chunksize(mut self, chunksize: usize) -> Self {
        self.settings.chunksize = chunksize;
        self
    }

    /// The number of tasks, each of one chunk, that may be submitted ahead of the results taken from the iterator.
    ///
    /// If not set, as many as keep the workers busy with short tasks: a few thousand, fewer when their arguments are
    /// large. A buffer size of 0 is an error, which the iterator yields instead of results.
    ///
    /// The iterator takes further items from the input only while the next result is not available: with a buffer size
    /// of 1 no result waits for the item behind it. While the iterator waits for the input it cannot yield a result. So
    /// if the input depends on the results, such as a channel that the loop over them fills, the buffer size must not
    /// exceed the number of items that the input gives without a result.
    pub fn buffersize(mut self, buffersize: usize) -> Self {
        self.settings.buffersize = Some(buffersize);
        self
    }

    /// Ends the iteration with an error for which [`Error::is_timeout`] holds, if the next result is not available
    /// `timeout` after the iteration began; it begins when the first calls are submitted. The remaining calls are then
    /// cancelled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// Yields results as soon as they are available instead of in the order of the items; those of a chunk stay
    /// together.
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
    T: DeserializeOwned + 'static,
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
