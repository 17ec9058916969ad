//! The scheduler's invariants, derived anew from its state in one pass over tasks, clients and workers.

use super::classes::{TaskClass, TaskClassNumber};
use super::retiring::Retiring;
use super::{FunctionNumber, Scheduler};
use std::collections::BTreeMap;

/// What the tasks of a client or a function come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    queued: usize,
    dispatched: usize,
    delayed: usize,
}

impl Scheduler {
    /// Derives every invariant from scratch.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub fn check(&self) {
        let mut clients = vec![Count::default(); self.clients.len()];
        let mut functions: BTreeMap<FunctionNumber, u64> = BTreeMap::new();
        let mut count = |class: TaskClassNumber, of_client: fn(&mut Count) -> &mut usize| {
            let TaskClass { client, function, .. } = self.classes.get(class);
            *of_client(&mut clients[client.index()]) += 1;
            *functions.entry(function).or_default() += 1;
        };
        self.queued.iter().for_each(|(_, class)| count(*class, |client| &mut client.queued));
        self.delayed.values().for_each(|class| count(*class, |client| &mut client.delayed));
        for held in self.workers.all_held() {
            assert!(self.queued.get(held.task.0).is_none(), "task {} is dispatched and not queued", held.task);
            count(held.class, |client| &mut client.dispatched);
        }
        for (function, count) in functions {
            assert_eq!(self.estimates.present(function), count, "the tasks of {function} are counted");
        }
        self.check_clients(&clients);
        self.check_bound();
        let idle = self.workers.check();
        assert_eq!(idle, self.has_idle(), "it is known whether a worker is idle");
        let given_out = self.round_robin.is_empty() || self.taking_back;
        assert!(!idle || given_out, "no worker is idle while a task is queued");
        assert!(self.tasks().is_sorted_by(|a, b| a < b), "no task is there twice");
        assert!(!self.broken || self.tasks().next().is_none(), "a broken pool has no tasks");
    }

    fn check_clients(&self, counts: &[Count]) {
        let mut places = vec![0; self.clients.len()];
        self.round_robin.iter().for_each(|turn| places[turn.index()] += 1);
        for (number, client) in self.clients.iter().enumerate() {
            let counted = Count { queued: client.queued, dispatched: client.dispatched, delayed: client.delayed };
            assert_eq!(counts[number], counted, "client {number} counts its tasks");
            let in_queue = client.queue.iter().filter(|task| self.queued.get(task.0).is_some()).count();
            assert_eq!(in_queue, client.queued, "client {number} has its tasks in its queue");
            assert_eq!(places[number], usize::from(client.queued > 0), "client {number} has a turn when it has a task");
            let done = client.closed && client.queued + client.dispatched + client.delayed == 0;
            assert!(!done || client.retiring != Retiring::Waits, "client {number} is told when its last task is done");
            let done = done && client.retiring.is_over();
            assert_eq!(done, client.drained, "client {number} is drained when it is done");
            assert!(!client.broken || client.queued == 0, "client {number} is broken and has nothing queued");
        }
    }
}
