//! Tasks that leave their worker and come again: those that rest between two tries, known to their client, queued
//! nowhere, with no worker; and those that their worker has not begun, or parts of one, which go to the front of the
//! queue.

use super::classes::TaskClass;
use super::{Action, Scheduler};
use crate::base::ids::{ClientNumber, TaskNumber, WorkerNumber};

impl Scheduler {
    /// Takes a dispatched task off its worker and lets it rest.
    pub(super) fn postpone(&mut self, worker: WorkerNumber, task: TaskNumber) {
        let held = self.workers.take(worker, task).expect("only a dispatched task is postponed");
        let client = &mut self.clients[self.classes.get(held.class).client.index()];
        client.dispatched -= 1;
        client.delayed += 1;
        self.delayed.insert(task, held.class);
    }

    /// Queues a task that rests, behind the others of its client; of no effect on others. One whose client has been
    /// broken since it was dispatched ends with it.
    pub(super) fn resume(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        if self.resume_bound(task, actions) {
            return;
        }
        let Some(class) = self.delayed.remove(&task) else { return };
        let TaskClass { client: number, function, .. } = self.classes.get(class);
        let client = &mut self.clients[number.index()];
        client.delayed -= 1;
        if client.broken {
            self.estimates.leave(function);
            actions.push(Action::Unfit(number, task));
            self.drained(number, actions);
        } else {
            self.enqueue(number, task, class);
        }
    }

    /// Queues a task anew that its worker has not begun, before the others of its client, but behind those that came back
    /// earlier: it has had its turn.
    pub(super) fn take_back(&mut self, worker: WorkerNumber, task: TaskNumber, actions: &mut Vec<Action>) {
        let Some(held) = self.workers.take(worker, task) else { return };
        self.taking_back = true;
        let TaskClass { client: number, function, .. } = self.classes.get(held.class);
        let client = &mut self.clients[number.index()];
        client.dispatched -= 1;
        if client.broken {
            self.estimates.leave(function);
            actions.push(Action::Unfit(number, task));
            return self.drained(number, actions);
        }
        self.queued.insert(task.0, held.class);
        client.queue.push_ahead(task);
        client.queued += 1;
        if client.queued == 1 {
            self.round_robin.push_back(number);
        }
        actions.push(Action::Returned(task));
    }

    /// Queues so many tasks, in the same place, of the client whose task a worker has executed in part.
    pub(super) fn divide(
        &mut self,
        worker: WorkerNumber,
        task: TaskNumber,
        (first, count): (TaskNumber, u32),
        actions: &mut Vec<Action>,
    ) {
        let held = self.workers.held(worker).find(|held| held.task == task).expect("only a dispatched task is divided");
        let TaskClass { client: number, function, .. } = self.classes.get(held.class);
        let parts = (first.0..first.0 + u64::from(count)).map(TaskNumber);
        let client = &mut self.clients[number.index()];
        if client.broken {
            actions.extend(parts.map(|part| Action::Unfit(number, part)));
            return;
        }
        for part in parts {
            self.estimates.enter(function);
            let old = self.queued.insert(part.0, held.class);
            assert!(old.is_none(), "a task number is used once");
            client.queue.push_ahead(part);
        }
        if client.queued == 0 && count > 0 {
            self.round_robin.push_back(number);
        }
        client.queued += count as usize;
    }

    /// Cancels a task if it rests.
    pub(super) fn cancel_delayed(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        if let Some(class) = self.delayed.remove(&task) {
            let TaskClass { client, function, .. } = self.classes.get(class);
            self.estimates.leave(function);
            self.clients[client.index()].delayed -= 1;
            self.release(task);
            actions.push(Action::Cancelled(task));
            self.drained(client, actions);
        }
    }

    /// Ends all resting tasks of a client by an action for each.
    pub(super) fn end_all_delayed(
        &mut self,
        number: ClientNumber,
        actions: &mut Vec<Action>,
        end: impl Fn(TaskNumber) -> Action,
    ) {
        if std::mem::take(&mut self.clients[number.index()].delayed) == 0 {
            return;
        }
        let (estimates, classes) = (&mut self.estimates, &self.classes);
        let mut ended = Vec::new();
        self.delayed.retain(|task, class| {
            let TaskClass { client, function, .. } = classes.get(*class);
            let ends = client == number;
            if ends {
                estimates.leave(function);
                ended.push(*task);
            }
            !ends
        });
        for task in ended {
            actions.push(end(task));
            self.release(task);
        }
    }
}
