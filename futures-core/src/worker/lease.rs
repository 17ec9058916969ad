//! When a worker gives back the calls of a task that it has not begun: after a time, and when the results grow large.

use crate::wire::message::{Begun, LEASE_RESULT_BYTES};
use std::mem;
use std::num::NonZeroU32;
use std::time::Duration;

/// Calls that are shorter than this on average cost less than a look at the clock.
const SHORT: Duration = Duration::from_nanos(100);

/// After so many of them the worker looks.
const SHORT_CALLS_PER_LOOK: u32 = 4;

/// How long a worker may keep the calls of a task that it has not begun.
pub(super) struct Lease {
    begin: Duration,
    limit: Duration,
    /// When the worker has looked at the clock last.
    looked: Duration,
    /// After how many calls to look again.
    next_look: u32,
}

impl Lease {
    /// Of a task that was begun at this time.
    pub(super) fn new(begin: Duration, micros: NonZeroU32) -> Self {
        Lease { begin, limit: Duration::from_micros(micros.get().into()), looked: begin, next_look: 1 }
    }

    /// Whether it is over after so many calls, whose results have so many bytes; then how long the last took, or the
    /// last few.
    #[inline]
    pub(super) fn is_over(&mut self, calls: u32, result_bytes: usize, now: impl FnOnce() -> Duration) -> Option<Begun> {
        if calls < self.next_look {
            return None;
        }
        let now = now();
        let elapsed = now.saturating_sub(self.begin);
        let last = now.saturating_sub(mem::replace(&mut self.looked, now));
        self.next_look = calls + if elapsed < SHORT * calls { SHORT_CALLS_PER_LOOK } else { 1 };
        let is_over = elapsed >= self.limit || result_bytes >= LEASE_RESULT_BYTES;
        is_over.then_some(Begun { calls, last_nanos: last.as_nanos() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many calls of these lengths the lease of a millisecond is over, and how long the last took.
    fn begun(nanos: impl IntoIterator<Item = u64>) -> Option<Begun> {
        let begin = Duration::from_secs(7);
        let mut lease = Lease::new(begin, NonZeroU32::new(1000).expect("it is not 0"));
        let mut now = begin;
        (1..).zip(nanos).find_map(|(calls, nanos)| {
            now += Duration::from_nanos(nanos);
            lease.is_over(calls, 0, || now)
        })
    }

    fn calls(nanos: impl IntoIterator<Item = u64>) -> Option<u32> {
        begun(nanos).map(|begun| begun.calls)
    }

    #[test]
    fn a_lease_is_over_when_its_time_is() {
        assert_eq!(calls([2_000_000; 10]), Some(1));
        assert_eq!(calls([400_000; 10]), Some(3));
        assert_eq!(calls([1_000; 999]), None);
        assert_eq!(calls([1_000; 2_000]), Some(1_000));
    }

    #[test]
    fn long_calls_behind_short_ones_are_noticed_after_a_few() {
        let after_short = |nanos| calls(std::iter::repeat_n(nanos, 100).chain([5_000_000_000; 100]));
        assert_eq!(after_short(1_000), Some(101));
        let last = begun([1_000, 2_000_000]).map(|begun| begun.last_nanos);
        assert_eq!(last, Some(2_000_000));
        assert!(after_short(1).is_some_and(|done| (101..=100 + SHORT_CALLS_PER_LOOK).contains(&done)));
    }

    #[test]
    fn large_results_end_a_lease() {
        let mut lease = Lease::new(Duration::ZERO, NonZeroU32::MAX);
        assert_eq!(lease.is_over(1, LEASE_RESULT_BYTES - 1, || Duration::ZERO), None);
        assert!((2..8).any(|done| lease.is_over(done, LEASE_RESULT_BYTES, || Duration::ZERO).is_some()));
    }
}
