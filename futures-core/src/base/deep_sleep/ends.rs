//! What the two ends ask: the one that waits, for how long to sleep; the one that sends, whether to call.

use super::rule::Rule;
use crate::base::backoff::Backoff;
use std::time::Duration;

/// Whoever wants to look more often than this is no sooner awake by a call.
const CALLED_WITHIN: Duration = Duration::from_micros(100);

/// The end that waits.
#[derive(Debug)]
pub struct DeepSleep;

impl DeepSleep {
    /// How long to sleep instead of `sleep` if the thread is `called` when something comes: much longer, once it has
    /// waited for long at this pace.
    pub fn instead_of(sleep: Duration, pace: &Backoff, called: impl FnOnce() -> bool) -> Duration {
        let rule = Rule::get();
        let deep = pace.slept() >= rule.after && pace.longest() >= CALLED_WITHIN && called();
        if deep { sleep.max(rule.length) } else { sleep }
    }

    /// How long a deep sleep is.
    pub(crate) fn length() -> Duration {
        Rule::get().length
    }
}

/// The end that sends: for how long it has not spoken to the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silence {
    last: Option<Duration>,
}

impl Silence {
    /// Something is said `now`, by any clock that does not go back; whether that ends a silence in which the other may
    /// have begun to sleep deeply.
    pub fn end(&mut self, now: Duration) -> bool {
        self.last.replace(now).is_none_or(|last| now.saturating_sub(last) >= Rule::get().silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::backoff::Pause;

    #[test]
    fn who_is_called_sleeps_deeply_after_a_long_wait() {
        let (longest, after) = (Duration::from_millis(1), Rule::get().after);
        let mut pace = Backoff::new(longest, true);
        let mut waited = Duration::ZERO;
        while waited < after {
            if let Pause::Sleep(sleep) = pace.pause() {
                waited += sleep;
                assert!(
                    waited >= after || DeepSleep::instead_of(sleep, &pace, || true) == sleep,
                    "it sleeps deeply after {waited:?}"
                );
            }
        }
        assert_eq!(DeepSleep::instead_of(longest, &pace, || true), DeepSleep::length());
        assert_eq!(DeepSleep::instead_of(longest, &pace, || false), longest);
        pace.reset();
        assert_eq!(DeepSleep::instead_of(longest, &pace, || true), longest);
        let mut eager = Backoff::new(CALLED_WITHIN / 2, true);
        (0..100_000).for_each(|_| _ = eager.pause());
        assert_eq!(DeepSleep::instead_of(CALLED_WITHIN / 2, &eager, || true), CALLED_WITHIN / 2);
    }

    #[test]
    fn only_a_long_silence_is_broken() {
        let (mut silence, long) = (Silence::default(), Rule::get().silence);
        assert!(silence.end(long), "nothing was ever said");
        assert!(!silence.end(long));
        assert!(!silence.end(long + long / 2));
        assert!(silence.end(3 * long));
    }
}
