//! What those who look at a driver have seen so far: its watchdog, and its checks.

use crate::base::ids::TaskNumber;
use crate::scheduler::Fairness;
use std::cell::Cell;
use std::time::Duration;

/// What was seen at the looks so far. Nothing here is touched between two looks, but for the count.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// How many tasks have come back.
    pub(super) replies: u64,
    /// How many there were when something was last seen to have moved, and when that was.
    pub(super) seen: u64,
    pub(super) since: Duration,
    /// By worker: the task that it executes, and when it was first seen to have it.
    pub(super) current: Vec<Option<(TaskNumber, Duration)>>,
    pub(super) reported: Duration,
}

/// What is seen to only from the first [`Driver::check`] on, because it would take time.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) begun: Cell<bool>,
    pub(super) fairness: Fairness,
}
