//! How many items of a map travel together, and how many are submitted ahead: as the caller says, or as the calls show
//! that they need.
//!
//! Where the caller says nothing the chunks grow while calls turn out to be short, at most twofold each time, until one
//! takes so long that its way costs little. Each is a share of what is left, so that they shrink towards the end, as in
//! guided self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987). No estimate has to be
//! right: a chunk is a lease, and what a worker has not begun when it is over comes back and is divided.

use crate::driver::lease::{Lease, Pace, picos};
use crate::wire::message::{CALLS_MAX, LEASE_RESULT_BYTES};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A chunk takes at least so long, while there is enough for all workers.
const LEAST: Duration = Duration::from_micros(500);

/// A chunk takes no longer, however much is left: results come in time, and one more can be sent ahead of it.
const MOST: Duration = Duration::from_millis(8);

/// A chunk is this fraction of what each worker will get of the items that are left.
const SHARE: u64 = 4;

/// Towards the end, when a share is shorter than the least time, each worker gets this many chunks.
const LAST_CHUNKS: u64 = 2;

/// A lease is over after so many times the expected duration.
const PATIENCE: u64 = 2;

/// The shortest lease.
const LEAST_LEASE: Duration = Duration::from_millis(1);

/// The least number of items that are submitted ahead, unless the caller or their bytes set a limit.
const ITEMS_AHEAD: usize = 4096;

/// The same for each worker.
const ITEMS_FOR_EACH: usize = 32;

/// What is submitted ahead consists of so many chunks for each worker: then the queue is deep, and the master need not
/// look after the workers all the time.
const CHUNKS_FOR_EACH: usize = 12;

/// Items are submitted ahead for so long, for each worker.
const AHEAD: Duration = Duration::from_millis(50);

/// While chunks grow, so many are submitted ahead for each worker.
const GROWING_FOR_EACH: usize = 4;

/// The arguments of a chunk have at most so many bytes, unless its only item has more.
const CHUNK_BYTES: usize = 1 << 20;

/// An input that takes longer than this for a chunk is slow: meanwhile results may have arrived.
const SLOW_INPUT: Duration = Duration::from_micros(50);

/// Before a slow input is asked again, a result is awaited for this part of the time that the input took.
const PATIENT_PART: u32 = 16;

/// And no longer: the result is on its way, or its call is not a short one.
const MOST_PATIENCE: Duration = Duration::from_millis(2);

/// How slow an input is, is looked at after so many items of a chunk whose size is not fixed; they may take as long.
const ITEMS_PER_TIME: usize = 4;

/// The sizes of chunks.
#[derive(Debug)]
pub(super) enum ChunkSizes {
    /// As the caller says; workers may give back what they have not begun after so many microseconds.
    Fixed(usize, Option<NonZeroU32>),
    /// As the calls show.
    ByPace(Arc<Pace>),
}

impl ChunkSizes {
    /// Of this many items, which may be lent for so many microseconds, or as the calls show.
    pub(super) fn new(chunksize: Option<usize>, lease_micros: Option<NonZeroU32>) -> Self {
        // A chunk's calls are counted in 31 bits on the wire.
        chunksize.map_or_else(
            || ChunkSizes::ByPace(Arc::default()),
            |chunksize| ChunkSizes::Fixed(chunksize.min(CALLS_MAX as usize), lease_micros),
        )
    }

    /// How many items the next chunk has, if the input gives so many: it has so many at least and at most. Of all items
    /// that may be submitted ahead, so many are not. An input that has shown to be slow, or may be, has its items
    /// submitted one by one.
    pub(super) fn next(
        &self,
        is_quick: bool,
        hint: (usize, Option<usize>),
        (room, all): (usize, usize),
        workers: usize,
    ) -> usize {
        match self {
            ChunkSizes::Fixed(chunksize, _) => *chunksize,
            ChunkSizes::ByPace(pace) if is_quick && pace.picos() > 0 => {
                let left = hint.1.unwrap_or(usize::MAX) as u64;
                let calls = usize::try_from(calls(pace, left, workers as u64)).unwrap_or(usize::MAX);
                let fits = (all / (CHUNKS_FOR_EACH * workers)).min(room).min(hint.0);
                calls.min(fits).min(CALLS_MAX as usize).max(1)
            }
            ChunkSizes::ByPace(_) => 1,
        }
    }

    /// Whether the caller has set them.
    pub(super) fn are_fixed(&self) -> bool {
        !matches!(self, ChunkSizes::ByPace(_))
    }

    /// The most items that are submitted ahead for so many workers, when so many have been taken out; none if only tasks
    /// count. No more than have been taken out, or the caller may not want them.
    pub(super) fn items_ahead(&self, workers: usize, taken_out: usize) -> Option<usize> {
        let ChunkSizes::ByPace(pace) = self else { return None };
        let long = picos(AHEAD).saturating_mul(workers as u64).checked_div(pace.picos()).unwrap_or(0);
        let few = ITEMS_AHEAD.max(ITEMS_FOR_EACH * workers);
        Some(few.max(usize::try_from(long).unwrap_or(usize::MAX).min(taken_out)))
    }

    /// The most tasks that are submitted ahead for so many workers, as far as sizes are concerned: few while chunks grow,
    /// because more would all be small.
    pub(super) fn tasks_ahead(&self, workers: usize) -> usize {
        let ChunkSizes::ByPace(pace) = self else { return usize::MAX };
        let is_growing = pace.picos() == 0 || 2 * u64::from(pace.most_calls()) < picos(LEAST) / pace.picos();
        if is_growing { GROWING_FOR_EACH * workers } else { usize::MAX }
    }

    /// How many bytes the results of so many items are expected to have; 0 if that is unknown.
    pub(super) fn result_bytes(&self, items: usize) -> usize {
        match self {
            ChunkSizes::Fixed(..) => 0,
            ChunkSizes::ByPace(pace) => items.saturating_mul(usize::try_from(pace.result_bytes()).unwrap_or(0)),
        }
    }

    /// What is special about a task of so many calls.
    pub(super) fn lease(&self, calls: u32) -> Option<Lease> {
        let (micros, pace) = match self {
            ChunkSizes::Fixed(_, micros) => ((*micros)?, Arc::default()),
            ChunkSizes::ByPace(pace) => {
                let expected_micros = u64::from(calls).saturating_mul(pace.picos()) / 1_000_000;
                let micros = expected_micros.saturating_mul(PATIENCE).max(LEAST_LEASE.as_micros() as u64);
                (NonZeroU32::new(u32::try_from(micros).unwrap_or(u32::MAX))?, Arc::clone(pace))
            }
        };
        Some(Lease { limit_micros: (calls > 1).then_some(micros), pace })
    }

    /// How long the input may take for a chunk of so many items, or it is slow: meanwhile results may have arrived.
    pub(super) fn time_for_input(&self, items: usize) -> Duration {
        let times = if self.are_fixed() { 1 } else { items / ITEMS_PER_TIME + 1 };
        SLOW_INPUT.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
    }

    /// Whether the input is slow, which took so long for the items of a chunk so far; after some of them that is looked
    /// at, unless the size is fixed.
    #[inline]
    pub(super) fn is_slow(&self, items: usize, elapsed: impl FnOnce() -> Duration) -> bool {
        items.is_multiple_of(ITEMS_PER_TIME) && !self.are_fixed() && elapsed() > self.time_for_input(items)
    }

    /// Whether a chunk with so many bytes of arguments is full, whatever its number of items.
    #[inline]
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        bytes >= CHUNK_BYTES && !self.are_fixed()
    }
}

/// How long a result is awaited before the input is asked again that was slow and took so long.
pub(super) fn patience(taken: Duration) -> Duration {
    (taken / PATIENT_PART).min(MOST_PATIENCE)
}

/// How many calls of this pace travel together while so many are left for these workers.
fn calls(pace: &Pace, left: u64, workers: u64) -> u64 {
    let each = pace.picos().max(1);
    let share = left.saturating_mul(each) / (SHARE * workers);
    let by_time = share.clamp(picos(LEAST), picos(MOST)) / each;
    let last = left.div_ceil(LAST_CHUNKS * workers);
    let by_bytes = (LEASE_RESULT_BYTES as u64 / 2).checked_div(pace.result_bytes()).unwrap_or(u64::MAX);
    by_time.min(last).min(by_bytes).min(2 * u64::from(pace.most_calls()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(calls: u32, nanos: u64, bytes: usize) -> ChunkSizes {
        let pace = Pace::default();
        pace.see(calls, nanos, bytes, false);
        ChunkSizes::ByPace(Arc::new(pace))
    }

    const PLENTY: (usize, Option<usize>) = (usize::MAX, None);
    const ROOM: (usize, usize) = (usize::MAX, usize::MAX);

    #[test]
    fn items_travel_alone_until_calls_are_seen_to_be_short() {
        let next = |sizes: &ChunkSizes| sizes.next(true, PLENTY, ROOM, 2);
        assert_eq!(next(&ChunkSizes::new(None, None)), 1);
        assert_eq!(next(&seen(1, 50, 8)), 2, "growth is at most twofold");
        assert_eq!(next(&seen(1000, 10_000_000, 8000)), 800, "calls of 10 us");
        assert_eq!(next(&seen(1, 20_000_000, 8)), 1);
        assert_eq!(next(&ChunkSizes::new(Some(7), None)), 7);
    }

    #[test]
    fn chunks_are_shares_of_what_is_left_and_of_the_room_for_them() {
        let sizes = seen(1000, 100_000_000, 8000);
        let next = |left, room| sizes.next(true, (left, Some(left)), (room, usize::MAX), 2);
        assert_eq!(next(1_000_000, usize::MAX), 80, "8 ms of calls of 100 us");
        assert_eq!(next(160, usize::MAX), 20, "an eighth");
        assert_eq!(next(16, usize::MAX), 4, "half a millisecond, but for the last ones");
        assert_eq!(next(1, usize::MAX), 1);
        assert_eq!(next(1_000_000, 3), 3);
        assert_eq!(sizes.next(true, PLENTY, (usize::MAX, 24 * 7), 2), 7, "twelve for each worker");
        assert_eq!(sizes.next(true, (0, None), ROOM, 2), 1, "the input may be slow");
        assert_eq!(sizes.next(false, PLENTY, ROOM, 2), 1, "the input is slow");
    }

    #[test]
    fn large_results_travel_in_small_chunks() {
        let sizes = seen(1, 1_000, LEASE_RESULT_BYTES / 4);
        assert_eq!(sizes.next(true, PLENTY, ROOM, 2), 2);
        assert_eq!(seen(1, 1_000, LEASE_RESULT_BYTES).next(true, PLENTY, ROOM, 2), 1);
        assert_eq!(sizes.result_bytes(8), 2 * LEASE_RESULT_BYTES);
    }

    #[test]
    fn only_several_calls_are_lent_for_a_time() {
        let limit = |sizes: &ChunkSizes, calls| sizes.lease(calls).map(|lease| lease.limit_micros.map(NonZeroU32::get));
        let sizes = seen(10, 10_000_000, 80);
        assert_eq!(limit(&sizes, 1), Some(None));
        assert_eq!(limit(&sizes, 4), Some(Some(8000)));
        assert_eq!(limit(&seen(10, 100, 80), 4), Some(Some(1000)));
        assert_eq!(limit(&ChunkSizes::new(Some(4), None), 4), None);
    }

    #[test]
    fn few_are_submitted_ahead_while_they_grow() {
        assert_eq!(ChunkSizes::new(None, None).tasks_ahead(2), 2 * GROWING_FOR_EACH);
        assert_eq!(seen(10, 10_000, 80).tasks_ahead(2), 2 * GROWING_FOR_EACH);
        assert_eq!(seen(1000, 1_000_000, 8000).tasks_ahead(2), usize::MAX);
        assert_eq!(seen(1, 1_000_000, 8).tasks_ahead(2), usize::MAX);
        assert_eq!(ChunkSizes::new(Some(1), None).tasks_ahead(2), usize::MAX);
    }

    #[test]
    fn enough_is_submitted_ahead_of_short_calls() {
        assert_eq!(ChunkSizes::new(None, None).items_ahead(2, 0), Some(ITEMS_AHEAD));
        assert_eq!(seen(1000, 100_000, 8000).items_ahead(2, usize::MAX), Some(1_000_000));
        assert_eq!(seen(1000, 100_000, 8000).items_ahead(2, 10_000), Some(10_000));
        assert_eq!(seen(1, 1_000_000_000, 8).items_ahead(2, usize::MAX), Some(ITEMS_AHEAD));
        assert_eq!(ChunkSizes::new(Some(7), None).items_ahead(2, 0), None);
    }
}
