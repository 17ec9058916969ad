//! Which tasks are bound to one worker, and the turns of those that wait for theirs.

use crate::base::ids::{ClientNumber, TaskNumber, WorkerNumber};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The tasks that are bound to a worker.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// All of them, dispatched or not, with their workers.
    pub(super) tasks: BTreeMap<TaskNumber, Binding>,
    /// Those that wait for their worker. They also count as resting.
    pub(super) waiting: BTreeMap<WorkerNumber, Turns>,
    /// Workers that had one of their own last: the next is one from the queues, if there is any.
    pub(super) owing: BTreeSet<WorkerNumber>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    pub(super) worker: WorkerNumber,
    /// Whether it waits for the worker; otherwise it is dispatched, or rests between two attempts.
    pub(super) waits: bool,
}

/// What waits for one worker: clients in the order of their turns, none without a task.
pub(super) type Turns = VecDeque<(ClientNumber, VecDeque<TaskNumber>)>;

impl Bound {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether one waits for this worker.
    pub(super) fn has_waiting(&self, worker: WorkerNumber) -> bool {
        self.waiting.contains_key(&worker)
    }

    /// A task waits for its worker.
    pub(super) fn wait(&mut self, client: ClientNumber, task: TaskNumber, worker: WorkerNumber) {
        self.tasks.insert(task, Binding { worker, waits: true });
        let turns = self.waiting.entry(worker).or_default();
        match turns.iter_mut().find(|(other, _)| *other == client) {
            Some((_, tasks)) => tasks.push_back(task),
            None => turns.push_back((client, [task].into())),
        }
    }

    /// Takes the task that has waited the longest of the client whose turn it is.
    pub(super) fn take_next(&mut self, worker: WorkerNumber) -> Option<TaskNumber> {
        let turns = self.waiting.get_mut(&worker)?;
        let (client, mut tasks) = turns.pop_front()?;
        let task = tasks.pop_front()?;
        if !tasks.is_empty() {
            turns.push_back((client, tasks));
        }
        if turns.is_empty() {
            self.waiting.remove(&worker);
        }
        self.tasks.insert(task, Binding { worker, waits: false });
        Some(task)
    }

    /// Forgets a task; the worker for which nothing waits any more by that.
    pub(super) fn forget(&mut self, task: TaskNumber) -> Option<WorkerNumber> {
        let Binding { worker, waits } = self.tasks.remove(&task)?;
        if self.tasks.is_empty() {
            self.owing.clear();
        }
        let turns = self.waiting.get_mut(&worker).filter(|_| waits)?;
        turns.iter_mut().for_each(|(_, tasks)| tasks.retain(|other| *other != task));
        turns.retain(|(_, tasks)| !tasks.is_empty());
        if !turns.is_empty() {
            return None;
        }
        self.waiting.remove(&worker);
        Some(worker)
    }
}
