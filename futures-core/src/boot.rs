//! Whether the workers of a pool are there, and ready for an executor: undecided, so many, or not any more.

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::inbox::Inbox;
use crate::parker::Awaited;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The outcome of a pool's start, or of an executor's setup, and what has become of it since.
#[derive(Debug, Default)]
pub(crate) struct Boot {
    outcome: OnceLock<Result<()>>,
    /// Why nothing can be executed any more, although the start has succeeded.
    broken: OnceLock<Error>,
    /// How many workers are ready; only a pool's start counts them.
    ready: AtomicUsize,
    /// How many of those are not prepared, and not waited for; only an executor's setup counts them.
    stuck: AtomicUsize,
    /// Opened after the outcome is set.
    decided: Gate,
}

impl Boot {
    /// The workers are there, and no other is awaited.
    pub(crate) fn succeed(&self) {
        self.decide(Ok(()));
    }

    /// The workers will not be there, or if they were already, are of no use any more.
    pub(crate) fn fail(&self, reason: &Error) {
        if self.is_decided() {
            self.broken.get_or_init(|| reason.clone());
        }
        self.decide(Err(reason.clone()));
    }

    /// So many workers are ready from now on.
    pub(crate) fn set_ready(&self, workers: usize) {
        self.ready.store(workers, Ordering::Release);
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.decided.is_done()
    }

    /// So many of the workers do not come to this executor's setup, because of somebody else's.
    pub(crate) fn set_stuck(&self, workers: usize) {
        self.stuck.store(workers, Ordering::Release);
    }

    /// Waits for the outcome, and drives the pool of this inbox meanwhile.
    pub(crate) fn wait(&self, inbox: &Inbox) -> Result<()> {
        inbox.wait_for(&self.decided, None);
        self.outcome.get().cloned().expect("the wait ends when there is an outcome")
    }

    /// How many workers are ready, if this is a pool's start.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Acquire)
    }

    /// How many of those are not prepared, if this is an executor's setup.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Acquire)
    }

    /// Why nothing can be executed any more, although the start has succeeded.
    pub(crate) fn breakage(&self) -> Option<Error> {
        self.broken.get().cloned()
    }

    fn decide(&self, outcome: Result<()>) {
        self.outcome.get_or_init(|| outcome);
        self.decided.open();
    }
}
