//! How much work a worker may hold at once, by estimates of how long tasks take.

use crate::base::ids::FunctionNumber;
use std::num::NonZeroU32;

/// How much estimated work a worker may hold at least: enough to be busy while a message travels there and back, where
/// that does not take long.
pub(super) const LEAST_NANOS: u32 = 500_000;

/// The most estimated work that a worker may hold, while the queue is very long. A larger window means fewer wake-ups
/// of the master; each wake-up costs about 40 µs to a worker on the same core.
pub(super) const MOST_NANOS: u32 = 4_000_000;

/// The number of tasks for which a window above the least one has room: later tasks wait for these first.
const TASKS_AHEAD: u64 = 16;

/// Upper bound on the estimated duration of a task that may be sent ahead while the queue is deep: otherwise its worker
/// would be idle while the reply before it and the next task travel, which takes a millisecond if both sides sleep. For
/// tasks up to this length that is too much.
pub(super) const AHEAD_NANOS: u32 = 20_000_000;

/// A longer round trip counts as one of this length.
const ROUND_TRIP_NANOS: u32 = 100_000_000;

/// How long a task is expected to take of which nothing is known, or which is not to be sent ahead.
pub(super) const LONG_NANOS: u32 = AHEAD_NANOS + 1;

/// The duration [`LONG_NANOS`] as a number that is not zero.
pub(super) const LONG: NonZeroU32 = NonZeroU32::new(LONG_NANOS).unwrap();

/// The most tasks that a worker may hold, while nothing is known of the link or messages travel fast.
const HELD_TASKS: usize = 1024;

/// The same however slow the link is.
const HELD_TASKS_FAR: usize = 16_384;

/// The bounds of what workers may hold. They follow the round trip: while a reply and the next task travel a worker
/// has to live on what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How long messages to a worker and back take; 0 if that is short, or unknown.
    round_trip_nanos: u32,
    /// A worker that holds so much estimated work is given nothing more.
    pub(super) most_nanos: u32,
    /// Nor is one that holds so many tasks.
    pub(super) held_tasks: u16,
}

impl Bounds {
    /// The bounds for messages that take so long there and back.
    pub(super) fn new(round_trip_nanos: u32) -> Self {
        let round_trip_nanos = round_trip_nanos.min(ROUND_TRIP_NANOS);
        let scale = (round_trip_nanos / LEAST_NANOS).max(1) as usize;
        Bounds {
            round_trip_nanos,
            most_nanos: MOST_NANOS.max(2 * round_trip_nanos + 1),
            held_tasks: (HELD_TASKS * scale).min(HELD_TASKS_FAR) as u16,
        }
    }

    /// How long messages to a worker and back take; 0 if that is short, or unknown.
    pub(super) fn round_trip_nanos(self) -> u32 {
        self.round_trip_nanos
    }

    /// How much estimated work a worker may hold at least, with tasks of this duration: a task, and enough to be busy
    /// from its end until the next one is there.
    pub(super) fn least_nanos(self, nanos: NonZeroU32) -> u32 {
        let travel = self.round_trip_nanos + self.round_trip_nanos / 4;
        LEAST_NANOS.max(if travel == 0 { 0 } else { travel + nanos.get() })
    }

    /// How much estimated work a worker may hold, by the number of queued tasks and their estimated duration.
    ///
    /// At most half of a worker's share of what is queued goes ahead, so that what is done last is spread evenly.
    pub(super) fn window_nanos(self, nanos: NonZeroU32, queued: usize, workers: usize) -> u32 {
        let least = u64::from(self.least_nanos(nanos));
        let nanos = u64::from(nanos.get());
        // Twice the round trip: it is measured at its best.
        let travel = match u64::from(self.round_trip_nanos) {
            0 => 0,
            round_trip => 2 * round_trip + nanos,
        };
        let share = queued as u64 * nanos / (2 * workers as u64).max(1);
        let window = share.min((TASKS_AHEAD * nanos).max(travel)).clamp(least, u64::from(MOST_NANOS).max(travel));
        window as u32
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new(0)
    }
}

/// Estimates of how long the tasks of each function take.
///
/// Until a task of a function has been seen its tasks count as long, and long ones are given out one at a time, to idle
/// workers. An estimate is trusted more with every observation, so that the first few short tasks do not bring a flood
/// of long ones behind them, and is reset when no task of the function remains.
#[derive(Debug, Default)]
pub(super) struct Estimates {
    /// By function number.
    functions: Vec<Estimate>,
}

#[derive(Debug, Clone, Default)]
struct Estimate {
    /// Eight times the mean time, so that small times are not lost to rounding; the weights halve every five or six
    /// tasks.
    mean_nanos_times_8: u64,
    /// The longest recent time: it fades by a 128th with each task.
    peak_nanos: u64,
    /// How many times have been seen since tasks of the function began to come.
    seen: u64,
    /// How many tasks of the function are queued or dispatched.
    present: u64,
}

impl Estimates {
    /// Takes note of a new task.
    pub(super) fn enter(&mut self, function: FunctionNumber) {
        if self.functions.len() <= function.index() {
            self.functions.resize(function.index() + 1, Estimate::default());
        }
        self.functions[function.index()].present += 1;
    }

    /// Takes note that a task is gone, executed or not.
    pub(super) fn leave(&mut self, function: FunctionNumber) {
        let estimate = &mut self.functions[function.index()];
        estimate.present -= 1;
        if estimate.present == 0 {
            estimate.seen = 0;
        }
    }

    /// Takes note of how long a task has taken.
    pub(super) fn see(&mut self, function: FunctionNumber, nanos: u64) {
        let estimate = &mut self.functions[function.index()];
        // An hour is long enough, and keeps the sum from overflowing.
        let nanos = nanos.min(3_600_000_000_000);
        let mean = &mut estimate.mean_nanos_times_8;
        *mean = if estimate.seen == 0 { nanos * 8 } else { *mean - *mean / 8 + nanos };
        let faded = if estimate.seen == 0 { 0 } else { estimate.peak_nanos - estimate.peak_nanos.div_ceil(128) };
        estimate.peak_nanos = nanos.max(faded);
        estimate.seen += 1;
    }

    /// How long a task should be expected to take, at most a little more than [`AHEAD_NANOS`].
    pub(super) fn nanos(&self, function: FunctionNumber) -> NonZeroU32 {
        let estimate = &self.functions[function.index()];
        let long = u64::from(LONG_NANOS);
        let trusted = u64::from(LEAST_NANOS).checked_div(2 * estimate.seen).unwrap_or(long);
        let nanos = (estimate.mean_nanos_times_8 / 8).max(trusted).min(long);
        NonZeroU32::new(nanos as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// Whether none of the function's tasks has been very long recently, so that one can be sent ahead of another
    /// beyond the least window: those that take long now and then will do so again.
    pub(super) fn is_steady(&self, function: FunctionNumber) -> bool {
        let estimate = &self.functions[function.index()];
        estimate.seen > 0 && estimate.peak_nanos <= u64::from(AHEAD_NANOS)
    }

    /// How many tasks of a function are present.
    pub(super) fn present(&self, function: FunctionNumber) -> u64 {
        self.functions.get(function.index()).map_or(0, |estimate| estimate.present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: FunctionNumber = FunctionNumber(3);

    fn duration(nanos: u32) -> NonZeroU32 {
        NonZeroU32::new(nanos).expect("it is not 0")
    }

    fn after(times: impl IntoIterator<Item = u64>) -> u32 {
        let mut estimates = Estimates::default();
        estimates.enter(F);
        times.into_iter().for_each(|nanos| estimates.see(F, nanos));
        estimates.nanos(F).get()
    }

    #[test]
    fn tasks_count_as_long_until_they_have_been_seen_to_be_short() {
        assert_eq!(after([]), LONG_NANOS);
        assert_eq!(after([500]), LEAST_NANOS / 2);
        assert_eq!(after([500, 500]), LEAST_NANOS / 4);
        assert_eq!(after([500; 1000]), 500);
        assert_eq!(after(std::iter::repeat_n(0, 1_000_000)), 1);
        assert_eq!(after([1_000_000; 100]), 1_000_000);
        assert!(after([500; 1000].into_iter().chain([10_000_000])) > LEAST_NANOS);
        assert_eq!(after([u64::from(AHEAD_NANOS); 100]), AHEAD_NANOS);
        assert_eq!(after([u64::MAX; 100]), LONG_NANOS);
    }

    #[test]
    fn windows_grow_with_what_is_queued_and_shrink_before_its_end() {
        let window = |nanos, queued| Bounds::default().window_nanos(duration(nanos), queued, 10);
        assert_eq!(window(100, usize::MAX / 100), LEAST_NANOS, "others do not wait for thousands of short ones");
        assert_eq!(window(100_000, 1_000_000), 16 * 100_000);
        assert_eq!(window(1_000_000, 1_000_000), MOST_NANOS);
        assert_eq!(window(1_000_000, 60), 3_000_000);
        assert_eq!(window(1_000_000, 3), LEAST_NANOS);
        assert_eq!(window(LONG_NANOS, 1_000_000), MOST_NANOS);
        assert_eq!(Bounds::default().window_nanos(NonZeroU32::MIN, 1, 0), LEAST_NANOS);
    }

    #[test]
    fn windows_do_not_follow_a_round_trip_that_fits_twice_into_the_least_one() {
        for round_trip in [0, 1, 20_000, LEAST_NANOS / 3] {
            let (short, none) = (Bounds::new(round_trip), Bounds::default());
            assert_eq!((short.most_nanos, short.held_tasks), (none.most_nanos, none.held_tasks));
        }
    }

    #[test]
    fn a_window_holds_a_task_and_what_is_done_while_messages_travel() {
        for round_trip in [1_000_000, 10_000_000, 60_000_000] {
            let bounds = Bounds::new(round_trip);
            for nanos in [1, 300, 100_000, 1_000_000] {
                let window = |queued| bounds.window_nanos(duration(nanos), queued, 10);
                let behind_a_task = |window: u32| (window / nanos - 1) * nanos;
                assert!(behind_a_task(window(0)) >= round_trip, "{nanos} ns at {round_trip} ns: the end");
                assert!(
                    behind_a_task(window(1_000_000_000_000)) + nanos > 2 * round_trip,
                    "{nanos} ns at {round_trip} ns: many"
                );
                assert!(
                    bounds.most_nanos > window(1_000_000_000_000) - nanos,
                    "a worker with room for another is in line"
                );
            }
        }
        assert_eq!(Bounds::new(10_000_000).window_nanos(duration(10_000_000), 1_000, 10) / 10_000_000, 3);
    }

    #[test]
    fn what_travels_for_long_is_bounded() {
        let (far, farther) = (Bounds::new(ROUND_TRIP_NANOS), Bounds::new(u32::MAX));
        assert_eq!(far, farther);
        assert_eq!(usize::from(far.held_tasks), HELD_TASKS_FAR);
        assert!(far.window_nanos(LONG, usize::MAX >> 32, 1).checked_add(LONG_NANOS).is_some());
    }

    #[test]
    fn a_function_that_takes_long_now_and_then_is_not_steady() {
        let mut estimates = Estimates::default();
        estimates.enter(F);
        assert!(!estimates.is_steady(F), "nothing is known");
        let mut see = |nanos| {
            estimates.see(F, nanos);
            estimates.is_steady(F)
        };
        assert!((0..1000).all(|_| see(1_000_000)));
        assert!(!see(600_000_000));
        assert!((0..99).all(|_| !see(1_000_000)));
        assert!((0..1000).any(|_| see(1_000_000)));
    }

    #[test]
    fn trust_begins_anew_when_no_task_is_left() {
        let mut estimates = Estimates::default();
        estimates.enter(F);
        (0..1000).for_each(|_| estimates.see(F, 500));
        assert_eq!(estimates.nanos(F).get(), 500);
        estimates.leave(F);
        estimates.enter(F);
        assert_eq!(estimates.nanos(F).get(), LONG_NANOS);
        estimates.see(F, 7);
        assert_eq!(estimates.nanos(F).get(), LEAST_NANOS / 2);
    }
}
