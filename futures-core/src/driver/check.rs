//! The invariants of driver and scheduler together, and what a simulation sees of both.

use super::Driver;
use crate::ids::TaskNumber;
use std::fmt;

impl Driver {
    /// Derives the invariants of driver and scheduler anew.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(crate) fn check(&self) {
        self.scheduler.check();
        let tasks = self.tasks.iter().map(|(task, _)| TaskNumber(task));
        assert!(tasks.eq(self.scheduler.tasks()), "driver and scheduler know the same tasks");
        assert!(self.unsent.is_empty() && self.workers.iter().all(|worker| worker.outgoing.is_empty()), "all is sent");
        assert!(self.broken.is_none() || self.tasks.len() == 0, "a broken pool has no tasks");
    }
}

/// What decides about the future of the pool, without bytes and futures.
impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases: Vec<_> = self.workers.iter().map(|worker| worker.phase).collect();
        f.debug_struct("Driver")
            .field("scheduler", &self.scheduler)
            .field("workers", &phases)
            .field("replacements", &self.replacements)
            .field("broken", &self.broken)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}
