//! The scheduler's invariants, derived anew from its state in one pass over tasks, clients and workers.

use super::{FunctionNumber, Scheduler, WorkerNumber, is_queued};
use std::collections::BTreeMap;

/// What the tasks of a client or a function come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    queued: usize,
    dispatched: usize,
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
        for (_, task) in self.tasks.iter() {
            let count = &mut clients[task.client.index()];
            *if task.worker.is_none() { &mut count.queued } else { &mut count.dispatched } += 1;
            *functions.entry(task.function).or_default() += 1;
        }
        for (function, count) in functions {
            assert_eq!(self.estimates.present(function), count, "the tasks of {function} are counted");
        }
        self.check_clients(&clients);
        let held = self.check_workers();
        let dispatched: usize = clients.iter().map(|count| count.dispatched).sum();
        assert_eq!(held, dispatched, "every dispatched task is held");
        assert!(!self.broken || self.tasks.len() == 0, "a broken pool has no tasks");
    }

    fn check_clients(&self, counts: &[Count]) {
        let mut turns = vec![0; self.clients.len()];
        self.turns.iter().for_each(|turn| turns[turn.index()] += 1);
        for (number, client) in self.clients.iter().enumerate() {
            let counted = Count { queued: client.queued, dispatched: client.dispatched };
            assert_eq!(counts[number], counted, "client {number} counts its tasks");
            let in_queue = client.queue.iter().filter(|task| is_queued(&self.tasks, **task)).count();
            assert_eq!(in_queue, client.queued, "client {number} has its tasks in its queue");
            assert_eq!(turns[number], usize::from(client.queued > 0), "client {number} has a turn when it has a task");
            let done = client.closed && client.queued + client.dispatched == 0;
            assert_eq!(done, client.drained, "client {number} is drained when it is done");
            assert!(!client.broken || client.queued == 0, "client {number} is broken and has nothing queued");
        }
    }

    /// Returns how many tasks the workers hold.
    fn check_workers(&self) -> usize {
        let mut held = 0;
        let mut idle = false;
        for (number, worker) in self.workers.iter().enumerate() {
            let number = WorkerNumber(number as u32);
            let all_mine = worker.tasks.iter().all(|task| self.holds(number, *task));
            assert!(all_mine, "{number} holds what is dispatched to it");
            assert!(worker.present || worker.tasks.is_empty(), "{number} is gone and holds nothing");
            let ready = worker.has_room().then_some(worker.tasks.len());
            assert_eq!(self.ready.load(number), ready, "{number} is ready when it has room");
            let nanos = worker.tasks.iter().filter_map(|task| self.tasks.get(task.0)).map(|task| u64::from(task.nanos));
            assert_eq!(nanos.sum::<u64>(), worker.held_nanos, "{number} counts what it holds");
            held += worker.tasks.len();
            idle |= worker.has_room() && worker.tasks.is_empty();
        }
        assert!(!idle || self.turns.is_empty(), "no worker is idle while a task is queued");
        held
    }
}
