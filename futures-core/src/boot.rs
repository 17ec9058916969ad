//! Whether the workers of a pool are there, and ready for an executor: undecided, so many, or never.

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::inbox::Inbox;
use crate::parker::Awaited;
use std::sync::OnceLock;

/// The outcome of a pool's start, or of an executor's setup; set once.
#[derive(Debug, Default)]
pub(crate) struct Boot {
    outcome: OnceLock<Result<usize>>,
    /// Opened after the outcome is set.
    decided: Gate,
}

impl Boot {
    /// So many workers are there, and no other is awaited.
    pub(crate) fn succeed(&self, workers: usize) {
        self.decide(Ok(workers));
    }

    /// The workers will not be there; of no effect if they were already.
    pub(crate) fn fail(&self, reason: &Error) {
        self.decide(Err(reason.clone()));
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.decided.is_done()
    }

    /// Waits for the outcome, and drives the pool of this inbox meanwhile: the number of workers.
    pub(crate) fn wait(&self, inbox: &Inbox) -> Result<usize> {
        inbox.wait_for(&self.decided, None);
        self.outcome.get().cloned().expect("the wait ends when there is an outcome")
    }

    fn decide(&self, outcome: Result<usize>) {
        self.outcome.get_or_init(|| outcome);
        self.decided.open();
    }
}
