//! Calls that are bound to a worker which is in something that has timed out: they fail, because it may never end.

use super::Driver;
use crate::base::ids::{TaskNumber, WorkerNumber};
use crate::error::{Error, Kind};
use crate::scheduler::{Action, Event};

impl Driver {
    /// Schedules the submission of a call to this worker alone; it fails if the worker is in something that has timed
    /// out.
    pub(super) fn schedule_bound(&mut self, submission: Event, worker: WorkerNumber, more: &mut Vec<Action>) {
        self.schedule(submission, more);
        if self.is_late(worker) {
            self.schedule(Event::Block(worker), more);
        }
    }

    /// Whether a worker is in a task, or in preparations, that have timed out.
    fn is_late(&self, number: WorkerNumber) -> bool {
        let of_worker = (number, TaskNumber(0))..=(number, TaskNumber(u64::MAX));
        let in_preparations = || {
            self.workers
                .get(number.index())
                .and_then(|worker| worker.pending.front())
                .is_some_and(|first| first.given_up)
        };
        self.late.range(of_worker).next().is_some() || in_preparations()
    }

    /// The error of a task that is bound to such a worker.
    pub(super) fn late_error(&self, worker: WorkerNumber, task: TaskNumber) -> Error {
        let message = format!("the worker, for which the task was meant, {}", self.obstacle(worker));
        let function = self.tasks.get(task.0).map(|task| task.function);
        Error::with_origin(Kind::Timeout, message, self.origin(worker, function))
    }
}
