//! Whether the workers of a pool are there, and ready for an executor: undecided, so many, or not any more.

use crate::base::latch::Latch;
use crate::base::parker::Awaited;
use crate::error::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The outcome of a pool's start, or of an executor's setup, and what has become of it since.
#[derive(Debug, Default)]
pub(crate) struct Boot {
    /// Why the workers will not be there, or are of no use any more.
    broken: OnceLock<Error>,
    /// How many workers are ready; only a pool's start counts them.
    ready: AtomicUsize,
    /// How long messages to the farthest workers and back take, in nanoseconds; only a pool's start knows it.
    round_trip_nanos: AtomicU64,
    /// How many of those are not prepared, and not waited for; only an executor's setup counts them.
    stuck: AtomicUsize,
    /// Opened when it is known whether the workers are there.
    decided: Latch,
}

impl Boot {
    /// The workers are there, and no other is awaited.
    pub(crate) fn succeed(&self) {
        self.decided.open();
    }

    /// The workers will not be there, or if they were already, are of no use any more.
    pub(crate) fn fail(&self, reason: &Error) {
        self.broken.get_or_init(|| reason.clone());
        self.decided.open();
    }

    /// So many workers are ready from now on.
    pub(crate) fn set_ready(&self, workers: usize) {
        self.ready.store(workers, Ordering::Release);
    }

    /// Messages to the farthest workers and back take so long from now on.
    pub(crate) fn set_round_trip(&self, longest: Duration) {
        self.round_trip_nanos.store(longest.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How long messages to the farthest workers and back take, if this is a pool's start; zero if that is short, or
    /// unknown.
    pub(crate) fn round_trip(&self) -> Duration {
        Duration::from_nanos(self.round_trip_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.decided.is_done()
    }

    /// What opens when it is known whether the workers are there.
    pub(crate) fn decided(&self) -> &Latch {
        &self.decided
    }

    /// So many of the workers do not come to this executor's setup, because of somebody else's.
    pub(crate) fn set_stuck(&self, workers: usize) {
        self.stuck.store(workers, Ordering::Release);
    }

    /// How many workers are ready, if this is a pool's start.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Acquire)
    }

    /// How many of those are not prepared, if this is an executor's setup.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Acquire)
    }

    /// Why nothing can be executed, or not any more.
    pub(crate) fn breakage(&self) -> Option<Error> {
        self.broken.get().cloned()
    }
}
