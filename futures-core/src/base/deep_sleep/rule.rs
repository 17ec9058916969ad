//! The numbers of deep sleep, which both ends keep.

use std::env;
use std::sync::OnceLock;
use std::time::Duration;

/// Makes calls needed early, and those that get lost cost so many seconds; for tests.
const VARIABLE: &str = "FUTURES_MPI_TEST_DEEP_SLEEP";

/// The rule that both ends keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// After so much sleep without anything found, a thread that is called when something comes sleeps deeply.
    pub(super) after: Duration,
    /// How long it sleeps deeply at a time: should a call get lost, it finds out then.
    pub(super) length: Duration,
    /// Whoever sends something after so long calls. Shorter than `after` by so much that two ends that measure by
    /// different means agree.
    pub(super) silence: Duration,
}

impl Rule {
    /// The rule in this process.
    pub(super) fn get() -> Rule {
        static RULE: OnceLock<Rule> = OnceLock::new();
        *RULE.get_or_init(|| {
            let millis = Duration::from_millis;
            match env::var(VARIABLE).ok().and_then(|text| text.parse().ok()) {
                // The coarse clock by which silence is measured has steps of some milliseconds.
                Some(seconds) => Rule { after: millis(40), length: Duration::from_secs(seconds), silence: millis(16) },
                None => Rule { after: millis(250), length: millis(100), silence: millis(100) },
            }
        })
    }
}
