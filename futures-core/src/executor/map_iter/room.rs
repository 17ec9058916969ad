//! How much of a map is submitted ahead of the result that comes next.

use super::sizes::ChunkSizes;
use std::time::{Duration, Instant};

/// The number of tasks that are submitted ahead of the one whose result is awaited.
const TASKS_AHEAD: usize = 4096;

/// The same while the results of that many come within a few round trips to the workers, at the most.
const TASKS_AHEAD_FAR: usize = 65_536;

/// The results of as many tasks as are submitted ahead take at least so many round trips, or more are submitted.
const ROUND_TRIPS: u32 = 4;

/// The bytes of encoded arguments that are submitted ahead, and of results that are expected, unless a few tasks are
/// more than that.
const BYTES_AHEAD: usize = 64 << 20;

/// The number of tasks of a fixed number of items that are submitted ahead whatever their size.
const FEW_TASKS: usize = 64;

/// The number of other tasks for each worker that are.
const FEW_FOR_EACH: usize = 4;

/// So many items are submitted ahead before the sizes of chunks matter.
const FEW_ITEMS: usize = 64;

/// What is submitted ahead, and how much that may be.
#[derive(Debug)]
pub(super) struct Room {
    /// The number of tasks, or of items if the sizes of chunks are not fixed, that the caller has set.
    buffersize: Option<usize>,
    /// The most tasks that may be submitted ahead.
    most_tasks: usize,
    /// How many tasks have been taken out since a time, to see whether that is enough.
    taken_out: usize,
    since: Instant,
    /// How many items have been taken out in all.
    items_out: usize,
    tasks: usize,
    items: usize,
    bytes: usize,
}

impl Room {
    /// Of a map that begins now.
    pub(super) fn new(buffersize: Option<usize>, now: Instant) -> Self {
        let most_tasks = buffersize.unwrap_or(TASKS_AHEAD);
        Room { buffersize, most_tasks, taken_out: 0, since: now, items_out: 0, tasks: 0, items: 0, bytes: 0 }
    }

    /// A task of so many items, whose arguments have so many bytes, is submitted.
    pub(super) fn add(&mut self, items: usize, bytes: usize) {
        self.tasks += 1;
        self.items += items;
        self.bytes += bytes;
    }

    /// A task has become so many more.
    pub(super) fn divide(&mut self, more: usize) {
        self.tasks += more;
    }

    /// A task has been taken out; the length of the longest round trips to workers.
    #[inline]
    pub(super) fn remove(&mut self, items: usize, bytes: usize, round_trip: impl FnOnce() -> Duration) {
        self.tasks -= 1;
        self.items -= items;
        self.bytes -= bytes;
        self.items_out += items;
        self.taken_out += 1;
        if self.taken_out >= self.most_tasks {
            self.follow(round_trip());
        }
    }

    /// As many results have been taken out as tasks are submitted ahead. If that was quick for workers that are far
    /// away, what is ahead lasts only while a few messages travel, and more is submitted ahead from now on.
    fn follow(&mut self, round_trip: Duration) {
        let now = Instant::now();
        if now.duration_since(self.since) < ROUND_TRIPS * round_trip && self.is_large() {
            self.most_tasks = (2 * self.most_tasks).min(TASKS_AHEAD_FAR);
        }
        (self.taken_out, self.since) = (0, now);
    }

    /// Whether what is submitted ahead is much more than the workers need.
    pub(super) fn is_large(&self) -> bool {
        self.buffersize.is_none()
    }

    /// How many items more there is room for, as far as their number is concerned, and for how many in all.
    pub(super) fn items(&self, sizes: &ChunkSizes, workers: usize) -> (usize, usize) {
        let most = sizes.items_ahead(workers, self.items_out).map(|most| self.buffersize.unwrap_or(most));
        most.map_or((usize::MAX, usize::MAX), |most| (most.saturating_sub(self.items), most))
    }

    /// Whether a task more may be submitted.
    pub(super) fn is_left(&self, sizes: &ChunkSizes, workers: usize) -> bool {
        let are_few = self.items < FEW_ITEMS || self.tasks < sizes.tasks_ahead(workers);
        self.tasks < self.most_tasks && are_few && self.items(sizes, workers).0 > 0 && self.is_light(sizes, workers)
    }

    /// Whether no more is submitted ahead than half of what may be.
    pub(super) fn is_half_left(&self, sizes: &ChunkSizes, workers: usize) -> bool {
        self.tasks <= self.most_tasks / 2 && self.items(sizes, workers).0 >= self.items
    }

    /// Whether what is submitted ahead takes little memory, or consists of few tasks.
    fn is_light(&self, sizes: &ChunkSizes, workers: usize) -> bool {
        let few = if sizes.are_fixed() { FEW_TASKS } else { FEW_FOR_EACH * workers };
        let bytes = self.bytes.max(sizes.result_bytes(self.items));
        !self.is_large() || bytes < BYTES_AHEAD || self.tasks < few
    }
}
