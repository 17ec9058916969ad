//! Which workers have tasks ahead.

use super::worker::Worker;
use crate::base::ids::{TaskNumber, WorkerNumber};
use std::time::Duration;

/// The workers that have tasks ahead.
#[derive(Debug, Default)]
pub(super) struct Recalls {
    /// All of them, and some that have none any more.
    pub(super) listed: Vec<WorkerNumber>,
    /// How many have.
    pub(super) count: usize,
    pub(super) next_look: Duration,
}

impl Recalls {
    /// Whether no worker has tasks ahead.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A task is about to be put into a frame for a worker; whether it is sent ahead of others.
    pub(super) fn note_given(&mut self, worker: &mut Worker, number: WorkerNumber, task: TaskNumber) -> bool {
        let ahead = &mut worker.ahead;
        let place = ahead.given;
        ahead.given += 1;
        if worker.unanswered + worker.unsent == 0 {
            return false;
        }
        self.count += usize::from(ahead.tasks.is_empty());
        ahead.tasks.push_back((place, task));
        if !std::mem::replace(&mut ahead.listed, true) {
            // The next look is the first.
            ahead.answered = u64::MAX;
            self.listed.push(number);
        }
        true
    }

    /// Derives from the workers what is known of them.
    ///
    /// # Panics
    ///
    /// If it is not right.
    pub(super) fn check(&self, workers: &[Worker]) {
        let having = (0..).map(WorkerNumber).zip(workers).filter(|(_, worker)| !worker.ahead.tasks.is_empty());
        let having: Vec<WorkerNumber> = having.map(|(number, _)| number).collect();
        assert_eq!(having.len(), self.count, "the workers with tasks ahead are counted");
        let listed = workers.iter().filter(|worker| worker.ahead.listed).count();
        assert_eq!(listed, self.listed.len(), "a worker is listed once");
        assert!(having.iter().all(|number| workers[number.index()].ahead.listed), "they are looked at: {having:?}");
    }
}
