//! The iteration over the results of a map, which submits as it goes on.

mod ahead;
#[cfg(feature = "stream")]
mod alarm;
mod chunk;
mod room;
mod sizes;
#[cfg(feature = "stream")]
pub(crate) mod stream;

use crate::driver::command::{Special, Task};
use crate::driver::policy::{Attempt, TaskPolicy};
use crate::error::{Error, Kind, Result};
use crate::executor::client::Client;
use crate::executor::yields::{Alone, Yields};
use crate::future::Handle;
use crate::task::{IntoArgs, TaskId, encode};
use crate::wire::attachments::Encoded;
use crate::wire::parts;
use ahead::Ahead;
use chunk::{Chunk, Panic, too_late};
use room::Room;
use serde::de::DeserializeOwned;
use sizes::ChunkSizes;
use std::collections::VecDeque;
use std::iter::Fuse;
use std::mem;
use std::num::NonZeroU32;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// While the iterator makes many tasks, or takes many available results, it drives the pool once in this many tasks.
const TASKS_PER_LOOK: usize = 16;

/// After this many chunks that were not slow, an input that announces more is taken to be quick.
const QUICK_CHUNKS: usize = 32;

/// More of them do not count.
const QUICK_MOST: usize = 64;

/// A slow one takes so many quick ones back, and not all: the thread may only have been held up.
const SLOW_COUNTS: usize = 8;

/// Chunks of a quick input are submitted several at once only while this many others are on their way: then a short
/// delay keeps no worker waiting.
const CHUNKS_ON_THEIR_WAY: usize = 64;

/// [`TASKS_PER_LOOK`] in items, for chunks.
const ITEMS_PER_LOOK: usize = 1024;

/// The options of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// As the calls show if none.
    pub(super) chunksize: Option<usize>,
    /// Chunks of a set size are lent for so long.
    pub(super) lease_micros: Option<NonZeroU32>,
    pub(super) buffersize: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) unordered: bool,
}

/// The iterator over the results of a [`Map`](crate::Map).
///
/// The results of a chunk are decoded together, when the first of them is asked for; if that of one panics, the panic
/// goes on where that one is asked for, and the results behind it are still to come. Dropping the iterator cancels the
/// calls that have not been sent to a worker.
pub struct MapIter<Args, T, I, B = Alone> {
    client: Arc<Client>,
    policy: Option<Arc<TaskPolicy>>,
    function: TaskId<Args, T>,
    items: Fuse<I>,
    sizes: ChunkSizes,
    room: Room,
    begin: Instant,
    deadline: Option<Instant>,
    ahead: Ahead<B>,
    /// The chunk that was taken out last, until it is decoded; kept here, because the input may panic before.
    taken: Option<Chunk<B>>,
    /// The results of the chunk that was decoded last, until they are taken; instead of one whose decoding has
    /// panicked, its panic.
    results: VecDeque<Result<Result<T>, Panic>>,
    /// What comes beside these results, or beside the error that ends the map.
    beside: B,
    /// How many items have been taken from the input.
    items_taken: usize,
    /// How many items the last chunk was to have.
    last_size: usize,
    /// An error after which there is nothing more.
    last_word: Option<Error>,
    over: bool,
    /// Whether the input has ended.
    dry: bool,
    /// How many times the input was not slow, or fewer if it was.
    quick: usize,
    /// Until when to wait for results before the input is asked again, which was slow.
    patient_until: Option<Instant>,
    /// Scratch for the arguments of a chunk.
    arguments: Encoded,
    /// Scratch for tasks that are submitted at once.
    tasks: Vec<Task>,
    /// How many chunks have been made or taken out since the pool was last looked after.
    chunks_since_look: usize,
}

impl<Args, T, I, B> MapIter<Args, T, I, B>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned + 'static,
    B: Yields<I::Item>,
{
    /// Begins to submit, unless the map was refused for a reason, which is then all that is yielded. The results are
    /// taken by `next`, or are those of a stream.
    pub(super) fn new(
        client: Arc<Client>,
        (function, items): (TaskId<Args, T>, I),
        settings: Settings,
        policy: Option<Arc<TaskPolicy>>,
        last_word: Option<Error>,
        is_stream: bool,
    ) -> Self {
        let begin = Instant::now();
        let mut iter = MapIter {
            over: last_word.is_some(),
            last_word,
            client,
            policy,
            function,
            items: items.fuse(),
            sizes: ChunkSizes::new(settings.chunksize, settings.lease_micros),
            room: Room::new(settings.buffersize, begin),
            deadline: settings.timeout.and_then(|timeout| begin.checked_add(timeout)),
            begin,
            ahead: Ahead::new(settings.unordered, is_stream),
            taken: None,
            results: VecDeque::new(),
            beside: B::begin(0),
            items_taken: 0,
            last_size: settings.chunksize.unwrap_or(1),
            chunks_since_look: 0,
            dry: false,
            quick: 0,
            patient_until: None,
            arguments: Encoded::default(),
            tasks: Vec::new(),
        };
        if !iter.over {
            iter.top_up(true);
            while iter.has_room() && !iter.ahead.is_ready() && (is_stream || !iter.take_out_soon()) {
                iter.top_up(false);
            }
        }
        iter
    }
}

impl<Args, T, I, B> Iterator for MapIter<Args, T, I, B>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned + 'static,
    B: Yields<I::Item>,
{
    type Item = B::Output<T>;

    fn next(&mut self) -> Option<B::Output<T>> {
        if let Some(result) = self.results.pop_front() {
            return Some(self.output(result));
        }
        loop {
            if let Some(yielded) = self.at_hand() {
                return yielded;
            }
            if self.take_out_soon() || self.submit_more() {
                continue;
            }
            match self.ahead.next_done(self.client.manager().pool(), self.deadline) {
                Some(chunk) => self.take_out(chunk),
                None => self.give_up(),
            }
        }
    }
}

impl<Args, T, I, B> MapIter<Args, T, I, B>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned + 'static,
    B: Yields<I::Item>,
{
    /// What can be yielded without a further chunk: a result, or nothing because all is over.
    #[inline]
    fn at_hand(&mut self) -> Option<Option<B::Output<T>>> {
        loop {
            if let Some(result) = self.results.pop_front() {
                return Some(Some(self.output(result)));
            }
            if let Some(chunk) = self.taken.take() {
                self.beside = chunk.take_results(&mut self.results);
                continue;
            }
            if !self.over {
                return None;
            }
            let last_word = self.last_word.take();
            return Some(last_word.and_then(|error| self.beside.last_word(|| self.items.next(), error)));
        }
    }

    /// Submits what is to be submitted before the next chunk is taken out; whether to look again before that.
    #[inline]
    fn submit_more(&mut self) -> bool {
        if self.is_half_empty() {
            self.top_up(true);
        }
        if self.ahead.is_ready() {
            self.look(1);
        } else if self.has_room() {
            if !self.is_late() {
                self.top_up(false);
                return true;
            } else if self.ahead.is_empty() {
                self.end_late();
            }
        }
        self.over = self.ahead.is_empty();
        self.over
    }

    /// After a slow input: whether a chunk is done soon and has been taken out. Otherwise its results would wait until
    /// the input has given its next item.
    #[inline]
    fn take_out_soon(&mut self) -> bool {
        let Some(soon) = self.patient_until.filter(|_| !self.ahead.is_empty()) else { return false };
        let soon = self.deadline.map_or(soon, |deadline| deadline.min(soon));
        let Some(chunk) = self.ahead.next_done(self.client.manager().pool(), Some(soon)) else {
            self.patient_until = None;
            return false;
        };
        self.take_out(chunk);
        true
    }

    /// A chunk is done and has been taken out.
    #[inline]
    fn take_out(&mut self, mut chunk: Chunk<B>) {
        let parts = chunk.divide(self.client.manager().pool());
        if !parts.is_empty() {
            self.room.divide(parts.len());
            self.ahead.put_back(parts);
        }
        self.room.remove(chunk.count, chunk.bytes, || self.client.manager().boot().round_trip());
        self.taken = Some(chunk);
    }

    /// Nothing is submitted any more: if the input has a further item, its result is not there in time.
    #[cold]
    fn end_late(&mut self) {
        if let Some(item) = self.items.next() {
            self.beside = B::begin(self.items_taken);
            self.beside.keep(item);
            self.last_word = Some(self.timed_out());
        }
    }

    /// The next chunk is not done in time.
    fn give_up(&mut self) {
        self.last_word = Some(self.timed_out());
        self.over = true;
        self.ahead.cancel();
        if let Some(chunk) = self.ahead.take_first() {
            self.beside = chunk.beside;
        }
    }

    /// What is yielded for the result of the next item, whose panic goes on.
    #[inline]
    fn output(&mut self, result: Result<Result<T>, Panic>) -> B::Output<T> {
        match result {
            Ok(result) => self.beside.output(result),
            Err(panic) => {
                self.beside.skip();
                panic::resume_unwind(panic)
            }
        }
    }

    /// Drives the pool now and then while the iterator does not wait: making tasks and taking available results takes
    /// time, in which the workers would have to wait. Returns whether it did.
    fn look(&mut self, chunks: usize) -> bool {
        self.chunks_since_look += chunks;
        let looks = self.chunks_since_look >= self.chunks_per_look();
        if looks {
            self.chunks_since_look = 0;
            self.client.manager().pool().serve_inbox();
        }
        looks
    }

    /// Whether more may be submitted.
    fn has_room(&self) -> bool {
        !self.dry && self.room.is_left(&self.sizes, self.workers())
    }

    fn workers(&self) -> usize {
        self.client.manager().boot().ready().max(1)
    }

    /// Whether to fill the buffer up although a result may be available: if it is large, so that the workers do not run
    /// out of tasks while their results are taken, and if the input announces more.
    fn is_half_empty(&self) -> bool {
        let is_half_left = self.room.is_large() && self.room.is_half_left(&self.sizes, self.workers());
        is_half_left && self.has_room() && self.items.size_hint().0 > 0 && !self.is_late()
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn chunks_per_look(&self) -> usize {
        TASKS_PER_LOOK.min(ITEMS_PER_LOOK / self.last_size).max(1)
    }

    /// Submits chunks until enough are on their way, or the input was slow, or a result is available, unless that does
    /// not matter.
    fn top_up(&mut self, whatever_is_ready: bool) {
        let mut before = Instant::now();
        while self.has_room() && (whatever_is_ready || !self.ahead.is_ready()) {
            let (made, now) = self.submit_some(before);
            let Some(now) = now else {
                self.quick = self.quick.saturating_sub(SLOW_COUNTS);
                self.client.manager().pool().serve_inbox();
                return;
            };
            self.quick = (self.quick + 1).min(QUICK_MOST);
            before = if self.look(made) { Instant::now() } else { now };
        }
    }

    /// Submits the next chunk before another is asked for, because that may take however long; or several at once of an
    /// input that has been quick and says that it has more, because that costs less. How many, and when the last one
    /// was there, unless the input was slow. What was taken before a panic of the input is submitted first.
    fn submit_some(&mut self, mut before: Instant) -> (usize, Option<Instant>) {
        let is_quick =
            self.quick >= QUICK_CHUNKS && self.ahead.len() >= CHUNKS_ON_THEIR_WAY && self.items.size_hint().0 > 0;
        let most = if is_quick { self.chunks_per_look() } else { 1 };
        let (mut made, mut panicked, mut is_slow) = (0, None, false);
        while made < most && !is_slow && !self.dry && self.has_room() && panicked.is_none() {
            let (items, panic) = self.make_chunk(before);
            self.dry = items == 0 && panic.is_none();
            panicked = panic;
            made += usize::from(items > 0);
            let now = Instant::now();
            let taken = now.duration_since(before);
            is_slow = taken > self.sizes.time_for_input(items);
            self.patient_until = is_slow.then(|| now + sizes::patience(taken));
            before = now;
        }
        self.client.submit_all(self.tasks.drain(..), self.policy.as_ref(), too_late);
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
        (made, (!is_slow).then_some(before))
    }

    /// Encodes the next items and puts their chunk behind the others, and the task of those that could be encoded
    /// behind those that are to be submitted; how many items there were, and the panic that has ended the chunk, if one
    /// has. A chunk that was begun at this time ends when the input is slow, unless its size is fixed.
    fn make_chunk(&mut self, begin: Instant) -> (usize, Option<Panic>) {
        let is_quick = self.quick >= QUICK_CHUNKS;
        let workers = self.workers();
        let size = self.sizes.next(is_quick, self.items.size_hint(), self.room.items(&self.sizes, workers), workers);
        self.last_size = size;
        let mut arguments = mem::take(&mut self.arguments);
        let (mut count, mut unencodable) = (0, Vec::new());
        let (first, mut begun, mut beside) = (self.items_taken, 0, B::begin(self.items_taken));
        let (mut whole_bytes, mut whole_attachments) = (0, 0);
        let filled = panic::catch_unwind(AssertUnwindSafe(|| {
            let limits = self.client.limits();
            for item in self.items.by_ref().take(size) {
                begun += 1;
                let name = self.function.name();
                let append =
                    |arguments: &mut Encoded| encode::append_arguments(name, item.as_args(), arguments, &limits);
                let appended = if size == 1 { append(&mut arguments) } else { parts::append(&mut arguments, append) };
                if let Err(error) = appended {
                    unencodable.push((count, error));
                }
                count += 1;
                beside.keep(item);
                (whole_bytes, whole_attachments) = (arguments.bytes.len(), arguments.attachments.len());
                if self.sizes.is_full(arguments.len_bytes()) || self.sizes.is_slow(count, || begin.elapsed()) {
                    break;
                }
            }
        }));
        self.items_taken += begun;
        // After a panic in the middle of an item more may be there than belongs to whole ones.
        arguments.bytes.truncate(whole_bytes);
        arguments.attachments.truncate(whole_attachments);
        let submitted = count - unencodable.len();
        if submitted == 1 && size > 1 {
            parts::strip(&mut arguments);
        }
        let bytes = arguments.len_bytes();
        unencodable.reverse();
        let future = (submitted > 0).then(|| self.prepare(submitted as u32, &mut arguments));
        self.arguments = arguments;
        if count > 0 {
            self.ahead.push(Chunk { future, first, count, unencodable, bytes, beside });
            self.room.add(count, bytes);
        }
        (count, filled.err())
    }

    /// Appends a task of `count` calls to those that are to be submitted.
    fn prepare(&mut self, count: u32, arguments: &mut Encoded) -> Handle {
        let pool = self.client.manager().pool();
        let promise = pool.new_promise(self.client.number());
        let future = Handle::new(Arc::clone(&promise), Arc::clone(pool));
        let (client, function) = (self.client.number(), self.function.key());
        let attempt = self.policy.as_ref().and_then(Attempt::of).map(Special::Attempt);
        let special = attempt.or_else(|| self.sizes.lease(count).map(Special::Lease)).map(Box::new);
        self.tasks.push(Task { promise, client, function, count, arguments: arguments.pack(), special });
        future
    }

    fn timed_out(&self) -> Error {
        let seconds = self.begin.elapsed().as_secs_f64();
        let message = format!(
            "map timed out after {seconds:.3} s (counted from the start of the iteration): the next \
             result was not available"
        );
        Error::new(Kind::Timeout, message)
    }
}

impl<Args, T, I, B> Drop for MapIter<Args, T, I, B> {
    fn drop(&mut self) {
        self.ahead.cancel();
    }
}

impl<Args, T, I, B> std::fmt::Debug for MapIter<Args, T, I, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MapIter({}, {} tasks ahead)", self.function, self.ahead.len())
    }
}
