//! Workers that are kept for tasks that are bound to them.

use super::Workers;
use crate::base::ids::WorkerNumber;

impl Workers {
    /// Keeps a worker for tasks that are bound to it, or does so no longer.
    pub(in crate::scheduler) fn reserve(&mut self, number: WorkerNumber, reserved: bool) {
        self.change_standing(number, |standing| standing.reserved = reserved);
    }

    /// Whether a worker has come and is not gone.
    pub(in crate::scheduler) fn is_present(&self, number: WorkerNumber) -> bool {
        self.standing.get(number.index()).is_some_and(|standing| standing.present)
    }

    /// Whether a worker has no task and nothing else to do, reserved or not.
    pub(in crate::scheduler) fn is_free(&self, number: WorkerNumber) -> bool {
        let standing = self.standing.get(number.index());
        standing.is_some_and(|standing| standing.present && standing.paused == 0 && self.all[number.index()].load == 0)
    }

    /// The workers that are reserved.
    pub(in crate::scheduler) fn reserved(&self) -> impl Iterator<Item = WorkerNumber> {
        let all = (0..).map(WorkerNumber).zip(&self.standing);
        all.filter(|(_, standing)| standing.reserved).map(|(number, _)| number)
    }
}
