//! Tasks that are bound to one worker: each waits until that worker has nothing else to do.
//!
//! They wait beside the queues of their clients. While one waits its worker is reserved: it is given no other task, so
//! that it comes to an end with what it holds. Then it has one of its own tasks, the next time one from the queues if
//! there is any, and so on in turn; its own come from each client in turn. So neither kind starves the other, and no
//! client starves another. On a worker that is idle one begins at once, and nothing is sent behind it.

use super::bindings::Binding;
use super::classes::{Prefetch, TaskClass, TaskClassNumber};
use super::in_flight::InFlight;
use super::window::LONG;
use super::{Action, Client, Event, Scheduler};
use crate::base::ids::{ClientNumber, FunctionNumber, TaskNumber, WorkerNumber};
use std::collections::{BTreeMap, BTreeSet};

impl Scheduler {
    /// Takes a task of a client that only this worker may execute, if the client may submit it.
    pub(super) fn submit_to(
        &mut self,
        client: ClientNumber,
        task: TaskNumber,
        (function, worker): (FunctionNumber, WorkerNumber),
        may_submit: fn(&Client) -> bool,
        actions: &mut Vec<Action>,
    ) {
        if let Some(refusal) = self.refusal(client, task, may_submit) {
            return actions.push(refusal);
        }
        if !self.workers.is_present(worker) {
            return actions.push(Action::Lost(worker, task));
        }
        self.estimates.enter(function);
        let class = self.classes.number(TaskClass { client, function, prefetch: Prefetch::Never });
        self.await_worker(client, task, class, worker);
    }

    /// Lets a task wait for its worker.
    fn await_worker(&mut self, client: ClientNumber, task: TaskNumber, class: TaskClassNumber, worker: WorkerNumber) {
        self.delayed.insert(task, class);
        self.clients[client.index()].delayed += 1;
        self.bound.wait(client, task, worker);
        self.workers.reserve(worker, true);
    }

    /// Gives out tasks as [`dispatch`](Self::dispatch) does, and the next of its own to the worker that this event may
    /// have made free.
    pub(super) fn dispatch_with_bound(&mut self, event: Event, actions: &mut Vec<Action>) {
        let concerned = self.concerned(event);
        concerned.into_iter().for_each(|worker| self.serve(worker, actions));
        self.dispatch(actions);
        // Where the queues had their turn and nothing for it.
        concerned.into_iter().for_each(|worker| self.serve(worker, actions));
    }

    /// The worker that may be free for one of its own after this event.
    fn concerned(&self, event: Event) -> Option<WorkerNumber> {
        match event {
            Event::SubmitTo(_, _, _, worker)
            | Event::SubmitLast(_, _, _, worker)
            | Event::Withdraw(worker, _)
            | Event::Postpone(worker, _)
            | Event::ResumeWorker(worker)
            | Event::Finish(worker, ..) => Some(worker),
            Event::Resume(task) => self.bound.tasks.get(&task).map(|binding| binding.worker),
            _ => None,
        }
    }

    /// Gives a worker the next of its own tasks if it has nothing else, or lets it have one from the queues in its turn.
    fn serve(&mut self, worker: WorkerNumber, actions: &mut Vec<Action>) {
        if !self.bound.has_waiting(worker) || !self.workers.is_free(worker) {
            return;
        }
        if self.bound.owing.contains(&worker) && !self.round_robin.is_empty() {
            return self.workers.reserve(worker, false);
        }
        let task = self.bound.take_next(worker).expect("something waits for this worker");
        let class = self.delayed.remove(&task).expect("what waits for a worker rests");
        let client = &mut self.clients[self.classes.get(class).client.index()];
        client.delayed -= 1;
        client.dispatched += 1;
        self.workers.reserve(worker, self.bound.has_waiting(worker));
        self.workers.hold(worker, InFlight { task, class, nanos: LONG });
        self.bound.owing.insert(worker);
        actions.push(Action::Dispatch(worker, task));
    }

    /// A worker was given a task from the queues: the next one is its own, if it has any.
    pub(super) fn note_turn(&mut self, worker: WorkerNumber) {
        self.bound.owing.remove(&worker);
        if self.bound.has_waiting(worker) {
            self.workers.reserve(worker, true);
        }
    }

    /// Takes up a task that is bound to a worker and rests; whether it is bound. One that waits already goes on waiting.
    pub(super) fn resume_bound(&mut self, task: TaskNumber, actions: &mut Vec<Action>) -> bool {
        let Some(Binding { worker, waits }) = self.bound.tasks.get(&task).copied() else { return false };
        let class = self.delayed.get(&task).copied().filter(|_| !waits);
        let Some(class) = class else { return true };
        let TaskClass { client: number, .. } = self.classes.get(class);
        let client = &mut self.clients[number.index()];
        self.delayed.remove(&task);
        client.delayed -= 1;
        if client.broken {
            self.end_bound(task, class, Action::Unfit(number, task), actions);
        } else if self.workers.is_present(worker) {
            self.await_worker(number, task, class, worker);
        } else {
            self.end_bound(task, class, Action::Lost(worker, task), actions);
        }
        true
    }

    /// Ends a task that neither rests nor is dispatched any more.
    fn end_bound(&mut self, task: TaskNumber, class: TaskClassNumber, end: Action, actions: &mut Vec<Action>) {
        let TaskClass { client, function, .. } = self.classes.get(class);
        self.estimates.leave(function);
        self.release(task);
        actions.push(end);
        self.drained(client, actions);
    }

    /// Ends what waits for a worker that will not come to it.
    pub(super) fn end_waiting(
        &mut self,
        worker: WorkerNumber,
        end: fn(WorkerNumber, TaskNumber) -> Action,
        actions: &mut Vec<Action>,
    ) {
        let waiting = self.bound.waiting.get(&worker).into_iter().flatten();
        let waiting: Vec<TaskNumber> = waiting.flat_map(|(_, tasks)| tasks.iter().copied()).collect();
        for task in waiting {
            let class = self.delayed.remove(&task).expect("what waits for a worker rests");
            self.clients[self.classes.get(class).client.index()].delayed -= 1;
            self.end_bound(task, class, end(worker, task), actions);
        }
    }

    /// Forgets that a task is bound, if it is: it has ended.
    pub(super) fn release(&mut self, task: TaskNumber) {
        if let Some(worker) = self.bound.forget(task) {
            self.workers.reserve(worker, false);
        }
    }

    /// Whether a task that is there is bound to a worker.
    pub(crate) fn is_bound(&self, task: TaskNumber) -> bool {
        self.bound.tasks.contains_key(&task)
    }

    /// Derives the invariants of bound tasks from scratch.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(super) fn check_bound(&self) {
        let mut waiting = BTreeMap::new();
        for (worker, turns) in &self.bound.waiting {
            assert!(!turns.is_empty(), "something waits for worker {worker}");
            assert!(!self.workers.is_free(*worker), "worker {worker} is not free while one of its own waits");
            for (client, tasks) in turns {
                assert!(!tasks.is_empty(), "client {client} has a turn when it has a task");
                waiting.extend(tasks.iter().map(|task| (*task, (*client, *worker))));
            }
        }
        assert!(self.workers.reserved().eq(self.bound.waiting.keys().copied()), "workers are reserved for their own");
        let bound = self.bound.tasks.iter().filter(|(_, binding)| binding.waits);
        let bound = bound.map(|(task, binding)| (*task, binding.worker));
        assert!(bound.eq(waiting.iter().map(|(task, (_, worker))| (*task, *worker))), "what waits is on record");
        for (task, (client, _)) in &waiting {
            let class = self.delayed.get(task).map(|class| self.classes.get(*class));
            assert!(class.is_some_and(|class| class.client == *client), "task {task} waits, and so it rests");
        }
        let all: BTreeSet<TaskNumber> = self.tasks().collect();
        assert!(self.bound.tasks.keys().all(|task| all.contains(task)), "every bound task is there");
    }
}
