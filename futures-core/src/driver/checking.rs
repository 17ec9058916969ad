//! The invariants of driver and scheduler together, and what a simulation sees of both.

use super::Driver;
use super::worker::{WorkerCounts, WorkerState};
use crate::base::ids::{ClientNumber, TaskNumber, WorkerNumber};
use crate::scheduler::{Action, Event};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

impl Driver {
    /// Derives the invariants of driver and scheduler anew. From the first time on, each event is looked at, too.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(crate) fn check(&self) {
        self.checked.begun.set(true);
        self.scheduler.check();
        assert_eq!(self.counts, WorkerCounts::of(&self.workers), "the workers that are ready and gone are counted");
        let tasks = self.tasks.iter().map(|(task, _)| TaskNumber(task));
        assert!(tasks.eq(self.scheduler.tasks()), "driver and scheduler know the same tasks");
        let timed = self.tasks.iter().filter_map(|(task, known)| Some((known.attempt()?.timer?, TaskNumber(task))));
        let timed: BTreeSet<(Duration, TaskNumber)> = timed.collect();
        assert!(timed.iter().eq(self.timers.keys()), "every timer belongs to a task that means it");
        assert!(self.unsent.is_empty() && self.workers.iter().all(|worker| worker.outgoing.is_empty()), "all is sent");
        self.recalls.check(&self.workers);
        let ready = self.workers.iter().filter(|worker| worker.phase == WorkerState::Ready);
        self.round_trips.check(ready.map(|worker| &worker.round_trip));
        for (number, worker) in (0..).map(WorkerNumber).zip(&self.workers) {
            let there = |task| self.scheduler.holds(number, task) || self.late.contains(&(number, task));
            assert!(worker.ahead.tasks().all(there), "worker {number} has what was sent there ahead");
        }
        assert!(self.broken.is_none() || self.tasks.len() == 0, "a broken pool has no tasks");
    }

    /// Lets the scheduler take note of an event, and append what is to be done about it.
    ///
    /// # Panics
    ///
    /// If this driver is checked, and a client was given more than its turn.
    pub(super) fn schedule(&mut self, event: Event, actions: &mut Vec<Action>) {
        let before = actions.len();
        self.scheduler.handle(event, actions);
        if self.checked.begun.get() {
            let client_of = |action: &Action| match action {
                Action::Dispatch(_, task) if !self.scheduler.is_bound(*task) => {
                    self.tasks.get(task.0).map(|task| task.client)
                }
                _ => None,
            };
            let dispatched: Vec<ClientNumber> = actions[before..].iter().filter_map(client_of).collect();
            self.checked.fairness.see(&dispatched, &self.scheduler);
        }
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
            .field("ahead", &self.workers.iter().map(|worker| &worker.ahead).collect::<Vec<_>>())
            .field("recalls", &self.recalls)
            .field("broken", &self.broken)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}
