//! The attempts to bring new workers in the place of lost ones.

use crate::base::ids::WorkerNumber;
use std::time::Duration;

/// So many attempts in a row may fail: the worker does not come, or is lost before it has finished a task.
pub(super) const FAILURES_MAX: u32 = 5;

/// The attempts that are under way.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    /// When the next ones begin.
    pub(super) due: Vec<Duration>,
    /// How many workers the transport is about to bring.
    pub(super) awaited: usize,
    /// The workers that have come and have not answered, and until when they may.
    pub(super) arriving: Vec<(WorkerNumber, Duration)>,
    /// How many attempts have failed in a row, and why the last one did.
    pub(super) failures: u32,
    pub(super) last_failure: String,
}

impl Replacements {
    /// Whether the time matters for what comes next.
    pub(super) fn need_time(&self) -> bool {
        self.failures > 0 || self.awaited > 0 || self.have_timers()
    }

    /// Whether something is to be done at a certain time.
    pub(super) fn have_timers(&self) -> bool {
        !self.due.is_empty() || !self.arriving.is_empty()
    }

    /// How many workers are on their way.
    pub(super) fn under_way(&self) -> usize {
        self.due.len() + self.awaited + self.arriving.len()
    }

    pub(super) fn are_given_up(&self) -> bool {
        self.failures >= FAILURES_MAX
    }
}
