//! Tasks that leave their worker and come again: those that rest between two tries, known to their client, queued nowhere,
//! with no worker; and those that their worker has not begun, which go to the front of the queue.

use super::classes::Kind;
use super::{Action, Scheduler};
use crate::base::ids::{ClientNumber, TaskNumber, WorkerNumber};

impl Scheduler {
    /// Takes a dispatched task off its worker and lets it rest.
    pub(super) fn postpone(&mut self, worker: WorkerNumber, task: TaskNumber) {
        let held = self.workers.take(worker, task).expect("only a dispatched task is postponed");
        let client = &mut self.clients[self.kinds.get(held.kind).client.index()];
        client.dispatched -= 1;
        client.resting += 1;
        self.resting.insert(task, held.kind);
    }

    /// Queues a task that rests, behind the others of its client; of no effect on others. One whose client has been
    /// broken since it was dispatched ends with it.
    pub(super) fn resume(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        let Some(kind) = self.resting.remove(&task) else { return };
        let Kind { client: number, function, .. } = self.kinds.get(kind);
        let client = &mut self.clients[number.index()];
        client.resting -= 1;
        if client.broken {
            self.estimates.leave(function);
            actions.push(Action::Unfit(number, task));
            self.drained(number, actions);
        } else {
            self.enqueue(number, task, kind);
        }
    }

    /// Queues a task anew that its worker has not begun, before the others of its client: it has had its turn.
    pub(super) fn take_back(&mut self, worker: WorkerNumber, task: TaskNumber, actions: &mut Vec<Action>) {
        let Some(held) = self.workers.take(worker, task) else { return };
        self.taking_back = true;
        let Kind { client: number, function, .. } = self.kinds.get(held.kind);
        let client = &mut self.clients[number.index()];
        client.dispatched -= 1;
        if client.broken {
            self.estimates.leave(function);
            actions.push(Action::Unfit(number, task));
            return self.drained(number, actions);
        }
        self.queued.insert(task.0, held.kind);
        client.queue.push_front(task);
        client.queued += 1;
        if client.queued == 1 {
            self.turns.push_back(number);
        }
        actions.push(Action::Returned(task));
    }

    /// Cancels a task if it rests.
    pub(super) fn cancel_resting(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        if let Some(kind) = self.resting.remove(&task) {
            let Kind { client, function, .. } = self.kinds.get(kind);
            self.estimates.leave(function);
            self.clients[client.index()].resting -= 1;
            actions.push(Action::Cancelled(task));
            self.drained(client, actions);
        }
    }

    /// Ends all resting tasks of a client by an action for each.
    pub(super) fn end_all_rest(
        &mut self,
        number: ClientNumber,
        actions: &mut Vec<Action>,
        end: impl Fn(TaskNumber) -> Action,
    ) {
        if std::mem::take(&mut self.clients[number.index()].resting) == 0 {
            return;
        }
        let (estimates, kinds) = (&mut self.estimates, &self.kinds);
        self.resting.retain(|task, kind| {
            let Kind { client, function, .. } = kinds.get(*kind);
            let ends = client == number;
            if ends {
                estimates.leave(function);
                actions.push(end(*task));
            }
            !ends
        });
    }
}
