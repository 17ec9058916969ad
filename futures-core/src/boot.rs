//! Whether the workers of a pool are there, and ready for an executor: undecided, so many, or never.

use crate::error::{Error, Result};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The outcome of a pool's start, or of an executor's setup; set once.
#[derive(Debug, Default)]
pub(crate) struct Boot {
    outcome: Mutex<Option<Result<usize>>>,
    decided: Condvar,
}

impl Boot {
    /// All workers are there.
    pub(crate) fn succeed(&self, workers: usize) {
        self.decide(Ok(workers));
    }

    /// The workers will not all be there; of no effect if they were already.
    pub(crate) fn fail(&self, reason: &Error) {
        self.decide(Err(reason.clone()));
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits for the outcome: the number of workers.
    pub(crate) fn wait(&self) -> Result<usize> {
        let outcome = self.decided.wait_while(self.lock(), |outcome| outcome.is_none());
        let outcome = outcome.unwrap_or_else(PoisonError::into_inner);
        outcome.clone().expect("the wait ends when there is an outcome")
    }

    fn decide(&self, outcome: Result<usize>) {
        self.lock().get_or_insert(outcome);
        self.decided.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<usize>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
