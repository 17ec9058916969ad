//! Calls of one function for many items: a builder for the options, then an iterator over the results.

use crate::codec::PAYLOAD_LIMIT_BYTES;
use crate::error::{Error, Kind, Result};
use crate::executor::Client;
use crate::future::State;
use crate::inbox::Task;
use crate::payload::{self, Outcome};
use crate::task::{IntoArgs, TaskId};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::iter::Fuse;
use std::sync::Arc;

/// So many tasks are submitted ahead of the one whose result is awaited.
const TASKS_AHEAD: usize = 4096;

/// So many bytes of encoded arguments are submitted ahead, unless a few tasks are more than that.
const BYTES_AHEAD: usize = 64 << 20;

/// So many tasks are submitted ahead whatever their size.
const FEW_TASKS: usize = 64;

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
    chunksize: usize,
}

impl<Args, T, I> Map<Args, T, I> {
    pub(crate) fn new(client: Arc<Client>, function: TaskId<Args, T>, items: I) -> Self {
        Map { client, function, items, chunksize: 1 }
    }

    /// How many calls travel and are executed together as one task; 1 if not set.
    ///
    /// Larger chunks cost less per call and spread the work less evenly. A chunk size of 0 is an error, which the
    /// iterator yields instead of results.
    pub fn chunksize(mut self, chunksize: usize) -> Self {
        self.chunksize = chunksize;
        self
    }
}

impl<Args, T, I> IntoIterator for Map<Args, T, I>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned,
{
    type Item = Result<T>;
    type IntoIter = MapIter<Args, T, I>;

    /// Submits the first calls.
    fn into_iter(self) -> MapIter<Args, T, I> {
        let Map { client, function, items, chunksize } = self;
        // A chunk's calls are counted in 32 bits on the wire.
        let chunksize = chunksize.min(u32::MAX as usize);
        let front = if chunksize == 0 { Front::Failed(zero_chunksize()) } else { Front::Empty };
        let mut iter =
            MapIter { client, function, items: items.fuse(), chunksize, ahead: VecDeque::new(), bytes_ahead: 0, front };
        iter.submit_ahead();
        iter
    }
}

/// The iterator over the results of a [`Map`], in the order of the items.
///
/// Dropping it cancels the calls that have not been sent to a worker.
pub struct MapIter<Args, T, I> {
    client: Arc<Client>,
    function: TaskId<Args, T>,
    items: Fuse<I>,
    chunksize: usize,
    /// The chunks whose results come after those of `front`, in order.
    ahead: VecDeque<Chunk>,
    /// The sum of the chunks' bytes.
    bytes_ahead: usize,
    front: Front,
}

/// Consecutive items, submitted as one task.
struct Chunk {
    /// None if no item of the chunk could be encoded.
    state: Option<Arc<State>>,
    count: usize,
    /// The items that could not be encoded, by their place in the chunk, last first.
    unencodable: Vec<(usize, Error)>,
    bytes: usize,
}

/// What the results at hand are taken from.
enum Front {
    Empty,
    Chunk {
        chunk: Chunk,
        /// The place of the next item in the chunk, counting all.
        next: usize,
        /// The same without those that could not be encoded.
        next_submitted: usize,
        /// How many bytes of the encoded values are used up.
        used: usize,
    },
    /// One error and nothing more.
    Failed(Error),
}

impl<Args, T, I> Iterator for MapIter<Args, T, I>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned,
{
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            match &mut self.front {
                Front::Failed(_) => {
                    let Front::Failed(error) = std::mem::replace(&mut self.front, Front::Empty) else { continue };
                    return Some(Err(error));
                }
                Front::Chunk { chunk, next, next_submitted, used } if *next < chunk.count => {
                    let place = *next;
                    *next += 1;
                    if let Some((_, error)) = chunk.unencodable.pop_if(|(unencodable, _)| *unencodable == place) {
                        return Some(Err(error));
                    }
                    let item = *next_submitted;
                    *next_submitted += 1;
                    return Some(chunk.result(item, used));
                }
                Front::Empty if self.chunksize == 0 => return None,
                _ => {
                    self.submit_ahead();
                    let chunk = self.ahead.pop_front()?;
                    self.bytes_ahead -= chunk.bytes;
                    self.front = Front::Chunk { chunk, next: 0, next_submitted: 0, used: 0 };
                }
            }
        }
    }
}

impl<Args, T, I> MapIter<Args, T, I>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned,
{
    /// Submits chunks until enough are on their way, once half of them have come back.
    fn submit_ahead(&mut self) {
        if self.chunksize == 0 || self.ahead.len() > TASKS_AHEAD / 2 {
            return;
        }
        let mut tasks = Vec::new();
        while self.ahead.len() < TASKS_AHEAD && (self.bytes_ahead < BYTES_AHEAD || self.ahead.len() < FEW_TASKS) {
            let Some(chunk) = self.next_chunk(&mut tasks) else { break };
            self.bytes_ahead += chunk.bytes;
            self.ahead.push_back(chunk);
        }
        if !tasks.is_empty() {
            self.client.submit_all(tasks);
        }
    }

    /// Encodes the next items, and adds the task of those that could be encoded to `tasks`.
    fn next_chunk(&mut self, tasks: &mut Vec<Task>) -> Option<Chunk> {
        let mut arguments = Vec::new();
        let mut chunk = Chunk { state: None, count: 0, unencodable: Vec::new(), bytes: 0 };
        for item in self.items.by_ref().take(self.chunksize) {
            let name = self.function.name();
            if let Err(error) = payload::append_arguments(name, &item.into_args(), &mut arguments, PAYLOAD_LIMIT_BYTES)
            {
                chunk.unencodable.push((chunk.count, error));
            }
            chunk.count += 1;
        }
        let submitted = chunk.count - chunk.unencodable.len();
        chunk.bytes = arguments.len();
        chunk.unencodable.reverse();
        if submitted > 0 {
            let state = self.client.manager().inbox().new_state();
            chunk.state = Some(Arc::clone(&state));
            let function = self.function.key();
            tasks.push(Task { state, function, count: submitted as u32, arguments: payload::pack(arguments) });
        }
        (chunk.count > 0).then_some(chunk)
    }
}

impl Chunk {
    /// Waits for the result of the submitted item `item`; `used` are the bytes of the values before it.
    fn result<T: DeserializeOwned>(&self, item: usize, used: &mut usize) -> Result<T> {
        let state = self.state.as_ref().expect("a chunk with a submitted item has a task");
        match state.wait(None)? {
            Outcome::Values(bytes) => {
                let mut rest = bytes.get(*used..).unwrap_or(&[]);
                let value = payload::decode_result(&mut rest);
                // After a value that cannot be decoded nobody knows where the next one begins.
                *used = if value.is_ok() { bytes.len() - rest.len() } else { usize::MAX };
                value
            }
            Outcome::Items(items) => items[item]
                .as_ref()
                .map_err(Error::clone)
                .and_then(|bytes| payload::decode_result(&mut bytes.as_slice())),
            Outcome::Failed(error) => Err(error.clone()),
        }
    }
}

impl<Args, T, I> Drop for MapIter<Args, T, I> {
    fn drop(&mut self) {
        for chunk in &self.ahead {
            if let Some(state) = &chunk.state {
                state.cancel();
            }
        }
    }
}

fn zero_chunksize() -> Error {
    Error::new(Kind::Configuration, "the chunk size of a map is 0; it must be at least 1")
}
