//! How much work a worker may hold at once, by estimates of how long tasks take.

use crate::ids::FunctionNumber;
use std::num::NonZeroU32;

/// How much estimated work a worker may hold: enough to be busy while a message travels there and back.
pub(super) const HELD_NANOS: u32 = 500_000;

/// The most tasks that a worker may hold.
pub(super) const HELD_TASKS: usize = 1024;

/// How long the tasks of each function take, as far as has been seen.
///
/// Until tasks of a function have shown themselves to be short they count as long, and long ones are given out one at a
/// time, to whoever is free. Trust grows with what is seen, so that the first few short tasks do not bring a flood of
/// long ones behind them, and begins anew when no task of the function is left.
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
    /// How many times have been seen since tasks of the function began to come.
    seen: u64,
    /// How many tasks of the function are queued or dispatched.
    present: u64,
}

impl Estimates {
    /// A task has come.
    pub(super) fn enter(&mut self, function: FunctionNumber) {
        if self.functions.len() <= function.index() {
            self.functions.resize(function.index() + 1, Estimate::default());
        }
        self.functions[function.index()].present += 1;
    }

    /// A task is gone, executed or not.
    pub(super) fn leave(&mut self, function: FunctionNumber) {
        let estimate = &mut self.functions[function.index()];
        estimate.present -= 1;
        if estimate.present == 0 {
            estimate.seen = 0;
        }
    }

    /// A task has taken so long.
    pub(super) fn see(&mut self, function: FunctionNumber, nanos: u64) {
        let estimate = &mut self.functions[function.index()];
        // An hour is long enough, and keeps the sum from overflowing.
        let nanos = nanos.min(3_600_000_000_000);
        let mean = &mut estimate.mean_nanos_times_8;
        *mean = if estimate.seen == 0 { nanos * 8 } else { *mean - *mean / 8 + nanos };
        estimate.seen += 1;
    }

    /// How long a task should be expected to take, at most [`HELD_NANOS`].
    pub(super) fn nanos(&self, function: FunctionNumber) -> NonZeroU32 {
        let estimate = &self.functions[function.index()];
        let most = u64::from(HELD_NANOS);
        let trusted = most / (2 * estimate.seen).max(1);
        let nanos = (estimate.mean_nanos_times_8 / 8).max(trusted).min(most);
        NonZeroU32::new(nanos as u32).unwrap_or(NonZeroU32::MIN)
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

    fn after(times: impl IntoIterator<Item = u64>) -> u32 {
        let mut estimates = Estimates::default();
        estimates.enter(F);
        times.into_iter().for_each(|nanos| estimates.see(F, nanos));
        estimates.nanos(F).get()
    }

    #[test]
    fn tasks_count_as_long_until_they_have_been_seen_to_be_short() {
        assert_eq!(after([]), HELD_NANOS);
        assert_eq!(after([500]), HELD_NANOS / 2);
        assert_eq!(after([500, 500]), HELD_NANOS / 4);
        assert_eq!(after([500; 1000]), 500);
        assert_eq!(after(std::iter::repeat_n(0, 1_000_000)), 1);
        assert_eq!(after([1_000_000; 100]), HELD_NANOS);
        assert_eq!(after([500; 1000].into_iter().chain([10_000_000])), HELD_NANOS);
        assert_eq!(after([u64::MAX; 100]), HELD_NANOS);
    }

    #[test]
    fn trust_begins_anew_when_no_task_is_left() {
        let mut estimates = Estimates::default();
        estimates.enter(F);
        (0..1000).for_each(|_| estimates.see(F, 500));
        assert_eq!(estimates.nanos(F).get(), 500);
        estimates.leave(F);
        estimates.enter(F);
        assert_eq!(estimates.nanos(F).get(), HELD_NANOS);
        estimates.see(F, 7);
        assert_eq!(estimates.nanos(F).get(), HELD_NANOS / 2);
    }
}
