//! Calls of one function for many items: a builder for the options.

#[cfg(feature = "stream")]
use super::map_iter::stream::MapStream;
use super::map_iter::{MapIter, Settings};
use crate::driver::policy::{Attempt, TaskPolicy, policy_options};
use crate::error::{Error, Kind};
use crate::executor::client::Client;
use crate::executor::yields::{Alone, Beside, Yields};
use crate::task::{IntoArgs, TaskId};
use serde::de::DeserializeOwned;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
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
pub struct Map<Args, T, I, B = Alone> {
    client: Arc<Client>,
    function: TaskId<Args, T>,
    items: I,
    settings: Settings,
    policy: Option<Arc<TaskPolicy>>,
    beside: PhantomData<fn() -> B>,
}

impl<Args, T, I> Map<Args, T, I> {
    pub(crate) fn new(client: Arc<Client>, function: TaskId<Args, T>, items: I) -> Self {
        let settings =
            Settings { chunksize: None, lease_micros: None, buffersize: None, timeout: None, unordered: false };
        Map { client, function, items, settings, policy: None, beside: PhantomData }
    }
}

impl<Args, T, I, B> Map<Args, T, I, B> {
    /// The number of calls that travel and are executed together as one task.
    ///
    /// If not set, the map chooses: short calls travel together, in chunks that grow while calls turn out to be short
    /// and shrink towards the end of the input, and a worker gives back what it has not begun of a chunk that takes
    /// longer than expected. So calls may wait behind others on their worker. Each call travels alone, as with a chunk
    /// size of 1, where the map has [`retries`](Self::retries) or a [`task_timeout`](Self::task_timeout), where
    /// [`prefetch`](Self::prefetch) is off, for the map or its executor, and where the input is slow or does not
    /// announce its items by its [size hint](Iterator::size_hint). **Calls that wait for one another need a chunk size of 1.**
    ///
    /// Larger chunks cost less per call and spread the work less evenly. A chunk size of 0 is an error, which the
    /// iterator yields instead of results.
    pub fn chunksize(mut self, chunksize: usize) -> Self {
        self.settings.chunksize = Some(chunksize);
        self
    }

    /// Lends chunks of a set size to the workers for so many microseconds, as those of the library's choice; for
    /// simulations.
    #[doc(hidden)]
    pub fn lent(mut self, micros: NonZeroU32) -> Self {
        self.settings.lease_micros = Some(micros);
        self
    }

    /// The number of items that may be submitted ahead of the results taken from the iterator; with a
    /// [`chunksize`](Self::chunksize), that of chunks.
    ///
    /// If not set, the map submits as many as keep the workers busy: a few thousand items. When calls are short it
    /// submits more, but no more than the results that you have taken. When arguments or results take more than 64 MiB
    /// together it submits fewer. A buffer size of 0 is an error, which the iterator yields instead of results.
    ///
    /// With a buffer size the iterator asks the input for an item only while the next result is not available: with a
    /// buffer size of 1 no result waits for the item behind it. Without one it may ask also while a result is available,
    /// if the input announces more items. While the iterator waits for the input it cannot yield a result. So
    /// if the input depends on the results, such as a channel that the loop over them fills, the buffer size must not
    /// exceed the number of items that the input gives without a result.
    pub fn buffersize(mut self, buffersize: usize) -> Self {
        self.settings.buffersize = Some(buffersize);
        self
    }

    /// Ends the iteration with an error for which [`Error::is_timeout`] holds, if the next result is not available
    /// `timeout` after the iteration began; it begins when the first calls are submitted. The remaining calls are then
    /// cancelled. A result that is available is yielded also after that time, but nothing more is submitted then.
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

    /// Yields `(index, result)`: the result of an item together with the item's place in the input, counted from 0.
    ///
    /// Meant for [`unordered`](Self::unordered) maps, whose results come in any order. An item whose encoding has
    /// panicked yields nothing, but is counted. The error of a [`timeout`](Self::timeout) has the index of the first
    /// item that has no result, and the error of a bad option has the index 0.
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
    /// let mut squares = [0; 10];
    /// for (index, square) in executor.map(square::ID, 0..10).unordered().indexed() {
    ///     squares[index] = square?;
    /// }
    /// assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn indexed(self) -> Map<Args, T, I, B::AndIndex>
    where
        B: Beside,
    {
        self.with_beside()
    }

    /// Yields `(item, result)`: the result of an item together with the item itself, as the input gave it; after
    /// [`indexed`](Self::indexed), or before it, `(index, item, result)`.
    ///
    /// The item is not copied: the map encodes it and keeps it, until its result is taken or the iterator is dropped.
    /// So the map holds the items of all tasks that are submitted ahead, see [`buffersize`](Self::buffersize). An item
    /// comes back whatever becomes of its call: with the result of the last of its [`retries`](Self::retries), with
    /// its own error, with that of its cancellation or of a shutdown. The error of a [`timeout`](Self::timeout) has
    /// the first item without a result; the iterator drops those behind it. The error of a bad option has the first
    /// item of the input; if the input is empty, the map yields nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn parse(text: &str) -> Result<u32, String> {
    ///     text.parse().map_err(|_| "not a number".to_owned())
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let texts = ["1".to_owned(), "two".to_owned(), "3".to_owned()];
    /// for (text, number) in executor.map(parse::ID, texts).unordered().with_items() {
    ///     match number {
    ///         Ok(number) => assert_eq!(number.to_string(), text),
    ///         Err(error) => assert_eq!((text.as_str(), error.message()), ("two", "not a number")),
    ///     }
    /// }
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn with_items(self) -> Map<Args, T, I, B::AndItem<I::Item>>
    where
        B: Beside,
        I: Iterator,
    {
        self.with_beside()
    }

    fn with_beside<Other>(self) -> Map<Args, T, I, Other> {
        let Map { client, function, items, settings, policy, beside: _ } = self;
        Map { client, function, items, settings, policy, beside: PhantomData }
    }

    /// Makes a stream of the results, for programs that await; it needs no particular runtime.
    ///
    /// The stream yields what the iterator would, by the same options, and submits the first calls now. It holds back
    /// as the iterator does: no more is submitted than the [buffer](Self::buffersize) allows, however slowly the stream
    /// is polled. A poll takes items from the input until a result is available or the buffer is full, so an input that
    /// blocks blocks the runtime's thread. A [`timeout`](Self::timeout) costs a thread that sleeps.
    ///
    /// The stream has the waker of its last poll, which goes when the stream is dropped; the drop cancels the calls
    /// that have not been sent to a worker. With the feature `stream`.
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
    /// let squares = executor.map(square::ID, 0..10).buffersize(4).into_stream();
    /// let mut sum = 0;
    /// // In an async function: `while let Some(square) = squares.next().await`, by the trait `StreamExt`.
    /// for square in futures_executor::block_on_stream(squares) {
    ///     sum += square?;
    /// }
    /// assert_eq!(sum, 285);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    #[cfg(feature = "stream")]
    pub fn into_stream(self) -> MapStream<Args, T, I, B>
    where
        I: Iterator<Item: IntoArgs<Args>>,
        T: DeserializeOwned + 'static,
        B: Yields<I::Item>,
    {
        MapStream::new(self.begin(true))
    }

    fn begin(self, is_stream: bool) -> MapIter<Args, T, I, B>
    where
        I: Iterator<Item: IntoArgs<Args>>,
        T: DeserializeOwned + 'static,
        B: Yields<I::Item>,
    {
        let refusal = self.refusal();
        let mut settings = self.settings;
        if self.is_one_by_one() {
            settings.chunksize = settings.chunksize.or(Some(1));
        }
        MapIter::new(self.client, (self.function, self.items), settings, self.policy, refusal, is_stream)
    }

    /// Whether an option is set that concerns each item, and not several together.
    fn is_one_by_one(&self) -> bool {
        let policy = self.policy.as_ref();
        let prefetch = policy.and_then(|policy| policy.prefetch).or(self.client.prefetch());
        prefetch == Some(false) || policy.is_some_and(|policy| Attempt::of(policy).is_some())
    }

    /// What is wrong with the options.
    fn refusal(&self) -> Option<Error> {
        let zero =
            |what| Error::new(Kind::Configuration, format!("the {what} size of a map is 0; it must be at least 1"));
        match (self.settings.chunksize, self.settings.buffersize) {
            (Some(0), _) => Some(zero("chunk")),
            (_, Some(0)) => Some(zero("buffer")),
            _ => None,
        }
    }
}

impl<Args, T, I, B> IntoIterator for Map<Args, T, I, B>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned + 'static,
    B: Yields<I::Item>,
{
    type Item = B::Output<T>;
    type IntoIter = MapIter<Args, T, I, B>;

    /// Submits the first calls. Here a time-out begins to count.
    fn into_iter(self) -> MapIter<Args, T, I, B> {
        self.begin(false)
    }
}

impl<Args, T, I, B> fmt::Debug for Map<Args, T, I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Map { function, settings, .. } = self;
        f.debug_struct("Map").field("function", function).field("settings", settings).finish_non_exhaustive()
    }
}
