//! Learns which of many futures are done, in the order in which they are.

use crate::base::parker::{Awaited, Parker, Sleepers};
use crate::base::sync::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// A queue to which futures report that they are done, each by the token that it was given.
///
/// One thread at a time takes from it.
#[derive(Debug, Default)]
pub(crate) struct CompletionQueue {
    reports: Mutex<Reports>,
}

#[derive(Debug, Default)]
struct Reports {
    done: VecDeque<usize>,
    sleepers: Sleepers,
}

impl CompletionQueue {
    /// A future is done.
    pub(crate) fn report(&self, token: usize) {
        let mut reports = self.lock();
        reports.done.push_back(token);
        reports.sleepers.call();
    }

    /// The token of the next future that is done, if there is one.
    pub(crate) fn take(&self) -> Option<usize> {
        self.lock().done.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited for CompletionQueue {
    fn is_done(&self) -> bool {
        !self.lock().done.is_empty()
    }

    fn enroll(&self, parker: &Arc<Parker>) -> bool {
        let mut reports = self.lock();
        let waits = reports.done.is_empty();
        if waits {
            reports.sleepers.add(parker);
        }
        waits
    }

    fn withdraw(&self, parker: &Arc<Parker>) {
        self.lock().sleepers.remove(parker);
    }
}
