//! Decides which worker gets which task: events in, actions out, and nothing else.
//!
//! The scheduler is a plain value. It knows numbers of tasks, functions, workers and clients (the executors that share
//! a pool), and nothing about bytes, futures, threads, time or MPI; the same events always give the same actions.
//! Execution times reach it as numbers in events.
//!
//! Its invariants stand beside its fields, and [`Scheduler::check`] derives them anew; tests and simulations call it
//! after every event.

mod ahead;
mod bindings;
mod bound;
mod check;
mod classes;
mod closing;
mod delayed;
mod fairness;
mod in_flight;
#[cfg(test)]
mod mixed_load;
pub(crate) mod paged_map;
mod queue;
mod retiring;
#[cfg(test)]
mod tests;
mod window;
mod workers;

pub use crate::scheduler::classes::Prefetch;
pub(crate) use crate::scheduler::fairness::Fairness;

use crate::base::ids::{ClientNumber, FunctionNumber, TaskNumber, WorkerNumber};
use crate::scheduler::bindings::Bound;
use crate::scheduler::classes::{TaskClass, TaskClassNumber, TaskClasses};
use crate::scheduler::in_flight::InFlight;
use crate::scheduler::paged_map::PagedMap;
use crate::scheduler::queue::Queue;
use crate::scheduler::retiring::Retiring;
use crate::scheduler::window::Estimates;
use crate::scheduler::workers::{Room, Workers};
use std::collections::{BTreeMap, VecDeque};

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An executor begins to use the pool; clients are numbered in the order of their opening.
    Open(ClientNumber),
    /// A client has submitted a task of a function, with a number that is new.
    Submit(ClientNumber, TaskNumber, FunctionNumber, Prefetch),
    /// The same, for a task that only this worker may execute.
    SubmitTo(ClientNumber, TaskNumber, FunctionNumber, WorkerNumber),
    /// The same, of a client that has retired.
    SubmitLast(ClientNumber, TaskNumber, FunctionNumber, WorkerNumber),
    /// A task's future was cancelled; of no effect unless the task is queued.
    Cancel(TaskNumber),
    /// A dispatched task has been withdrawn: it was not sent, because its future was cancelled at the same moment, or
    /// its future failed before its worker answered.
    Withdraw(WorkerNumber, TaskNumber),
    /// A dispatched task leaves its worker, and rests until it is resumed.
    Postpone(WorkerNumber, TaskNumber),
    /// A task that rests is queued again; of no effect on others.
    Resume(TaskNumber),
    /// A dispatched task has come back from its worker, which has not begun it and will not; of no effect if the worker
    /// does not hold it. The newest comes first, and [`Event::GiveOut`] follows the last.
    TakeBack(WorkerNumber, TaskNumber),
    /// What has come back is there to be dispatched.
    GiveOut,
    /// A worker has executed a part of a task, which it still holds: the rest of it is queued, as so many tasks with
    /// consecutive new numbers, of which this is the first.
    Divide(WorkerNumber, TaskNumber, TaskNumber, u32),
    /// All queued tasks of a client are to be cancelled.
    CancelAll(ClientNumber),
    /// A client submits nothing more.
    Close(ClientNumber),
    /// The same, for a client that has something to do when its last task is done; it is closed after that.
    Retire(ClientNumber),
    /// Nothing more of this client can be executed; what has been dispatched goes on.
    BreakClient(ClientNumber),
    /// A worker is ready for tasks.
    Join(WorkerNumber),
    /// A worker, which may not have joined yet, has something else to do: it takes no task until it is released as
    /// often as it was engaged.
    PauseWorker(WorkerNumber),
    /// A worker is released: it has done the other work.
    ResumeWorker(WorkerNumber),
    /// This worker has been engaged by something that may never end: what waits for it alone does so in vain.
    Block(WorkerNumber),
    /// Nothing comes back from this worker, which may not have joined yet: no task that may have to is sent there ahead
    /// of another.
    Isolate(WorkerNumber),
    /// A worker has executed a task, in this number of nanoseconds.
    Finish(WorkerNumber, TaskNumber, u64),
    /// Messages to some of the workers and back take this number of nanoseconds; 0 if that is short for all of them.
    RoundTrip(u32),
    /// A worker is gone.
    Lose(WorkerNumber),
    /// The pool can run nothing any more.
    Break,
}

/// An action that the driver carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the task to the worker.
    Dispatch(WorkerNumber, TaskNumber),
    /// The task that was taken back is queued again.
    Returned(TaskNumber),
    /// Resolve the task's future as cancelled.
    Cancelled(TaskNumber),
    /// Fail the task's future: its client is closed.
    Rejected(TaskNumber),
    /// Fail the task's future: its client is broken.
    Unfit(ClientNumber, TaskNumber),
    /// Fail the task's future: it was on the worker that is gone, or bound to it.
    Lost(WorkerNumber, TaskNumber),
    /// Fail the task's future: the only worker that may execute it may never come to it.
    Blocked(WorkerNumber, TaskNumber),
    /// Fail the task's future: the pool is broken.
    Abandoned(TaskNumber),
    /// The client retires and its last task is done: it is to be closed when its last ones are submitted.
    Retired(ClientNumber),
    /// The client is closed and its last task is done.
    Drained(ClientNumber),
}

/// A queue is deep if it has more tasks than these for each worker.
const QUEUED_FOR_EACH: usize = 8;

/// The state of a pool; by default of one without workers, clients and tasks.
#[derive(Debug, Default)]
pub struct Scheduler {
    /// By client number.
    clients: Vec<Client>,
    /// The clients that have queued tasks, each once, in the order in which they may dispatch.
    round_robin: VecDeque<ClientNumber>,
    /// Every task that is queued.
    queued: PagedMap<TaskClassNumber>,
    /// Every task that rests between two attempts: known to its client, queued nowhere, with no worker.
    delayed: BTreeMap<TaskNumber, TaskClassNumber>,
    bound: Bound,
    classes: TaskClasses,
    /// They hold every task that is dispatched.
    workers: Workers,
    estimates: Estimates,
    /// Whether the pool can run nothing any more; then there are no tasks.
    broken: bool,
    /// Whether tasks are being taken back, and none is given out until all have come.
    taking_back: bool,
}

#[derive(Debug, Default)]
struct Client {
    /// In the order of submission; entries whose task is no longer queued are skipped.
    queue: Queue,
    /// How many entries of the queue stand for a queued task.
    queued: usize,
    dispatched: usize,
    /// How many tasks rest between two attempts.
    delayed: usize,
    closed: bool,
    drained: bool,
    retiring: Retiring,
    /// Whether nothing more of it can be executed; then it has no queued tasks.
    broken: bool,
}

impl Scheduler {
    /// Takes note of an event and appends the actions that follow.
    pub fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Open(client) => self.open(client),
            Event::Submit(client, task, function, prefetch) => {
                self.submit(task, TaskClass { client, function, prefetch }, actions);
            }
            Event::SubmitTo(client, task, function, worker) => {
                self.submit_to(client, task, (function, worker), Client::is_open, actions);
            }
            Event::SubmitLast(client, task, function, worker) => {
                self.submit_to(client, task, (function, worker), Client::is_told, actions);
            }
            Event::Cancel(task) => self.cancel(task, actions),
            Event::Withdraw(worker, task) => self.withdraw(worker, task, actions),
            Event::Postpone(worker, task) => self.postpone(worker, task),
            Event::Resume(task) => self.resume(task, actions),
            Event::TakeBack(worker, task) => return self.take_back(worker, task, actions),
            Event::GiveOut => {}
            Event::Divide(worker, task, first, count) => self.divide(worker, task, (first, count), actions),
            Event::CancelAll(client) => self.cancel_all(client, actions),
            Event::Close(client) => self.close(client, actions),
            Event::Retire(client) => self.retire(client, actions),
            Event::BreakClient(client) => self.break_client(client, actions),
            Event::PauseWorker(worker) => self.pause_worker(worker),
            Event::ResumeWorker(worker) => self.resume_worker(worker),
            Event::Block(worker) => self.end_waiting(worker, Action::Blocked, actions),
            Event::Isolate(worker) => self.isolate(worker),
            Event::Join(worker) => self.join(worker),
            Event::Finish(worker, task, nanos) => self.finish(worker, task, nanos, actions),
            Event::RoundTrip(nanos) => self.follow_round_trip(nanos),
            Event::Lose(worker) => self.lose(worker, actions),
            Event::Break => self.break_down(actions),
        }
        self.taking_back = false;
        if self.bound.is_empty() {
            self.dispatch(actions);
        } else {
            self.dispatch_with_bound(event, actions);
        }
    }

    fn open(&mut self, client: ClientNumber) {
        assert_eq!(client.index(), self.clients.len(), "clients are numbered in the order of their opening");
        self.clients.push(Client::default());
    }

    fn submit(&mut self, task: TaskNumber, class: TaskClass, actions: &mut Vec<Action>) {
        let number = class.client;
        if let Some(refusal) = self.refusal(number, task, Client::is_open) {
            return actions.push(refusal);
        }
        self.estimates.enter(class.function);
        let class = self.classes.number(class);
        // A lone task is spared the queue.
        let placed = self.round_robin.is_empty()
            && self.workers.first().is_some_and(|next| self.place(number, task, class, next, actions));
        if !placed {
            self.enqueue(number, task, class);
        }
    }

    /// Why a client's task is not taken, if it is not.
    fn refusal(&self, number: ClientNumber, task: TaskNumber, may_submit: fn(&Client) -> bool) -> Option<Action> {
        let client = &self.clients[number.index()];
        if !may_submit(client) {
            Some(Action::Rejected(task))
        } else if self.broken {
            Some(Action::Abandoned(task))
        } else {
            client.broken.then_some(Action::Unfit(number, task))
        }
    }

    /// Gives a client's task to the worker that is next, if that has room for it; whether it has.
    fn place(
        &mut self,
        client: ClientNumber,
        task: TaskNumber,
        class: TaskClassNumber,
        (worker, room): (WorkerNumber, Room),
        actions: &mut Vec<Action>,
    ) -> bool {
        let (nanos, prefetch) = self.expectation(class);
        if !room.admits(nanos, prefetch, || self.window(class, nanos)) {
            return false;
        }
        self.workers.hold(worker, InFlight { task, class, nanos });
        self.clients[client.index()].dispatched += 1;
        actions.push(Action::Dispatch(worker, task));
        if !self.bound.is_empty() {
            self.note_turn(worker);
        }
        true
    }

    /// Puts a task at the end of its client's queue.
    fn enqueue(&mut self, number: ClientNumber, task: TaskNumber, class: TaskClassNumber) {
        let old = self.queued.insert(task.0, class);
        assert!(old.is_none(), "a task number is used once");
        let client = &mut self.clients[number.index()];
        client.queue.push(task);
        client.queued += 1;
        if client.queued == 1 {
            self.round_robin.push_back(number);
        }
    }

    fn cancel(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        let Some(class) = self.queued.remove(task.0) else {
            return self.cancel_delayed(task, actions);
        };
        let TaskClass { client: number, function, .. } = self.classes.get(class);
        self.estimates.leave(function);
        let client = &mut self.clients[number.index()];
        client.queued -= 1;
        if client.queued == 0 {
            client.queue.clear();
            self.round_robin.retain(|turn| *turn != number);
        } else if client.queue.len() > 64 && client.queue.len() > 2 * client.queued {
            let queued = &self.queued;
            client.queue.retain(|task| queued.get(task.0).is_some());
        }
        actions.push(Action::Cancelled(task));
        self.drained(number, actions);
    }

    fn withdraw(&mut self, worker: WorkerNumber, task: TaskNumber, actions: &mut Vec<Action>) {
        let held = self.workers.take(worker, task).expect("only a dispatched task is withdrawn");
        self.forget(&held, actions);
    }

    fn break_client(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        self.clients[number.index()].broken = true;
        self.empty_queue(number, actions, |task| Action::Unfit(number, task));
    }

    /// Ends all queued and resting tasks of a client by an action for each.
    fn empty_queue(&mut self, number: ClientNumber, actions: &mut Vec<Action>, end: impl Fn(TaskNumber) -> Action) {
        let client = &mut self.clients[number.index()];
        for task in std::mem::take(&mut client.queue).iter() {
            if let Some(class) = self.queued.remove(task.0) {
                self.estimates.leave(self.classes.get(class).function);
                actions.push(end(task));
            }
        }
        client.queued = 0;
        self.round_robin.retain(|turn| *turn != number);
        self.end_all_delayed(number, actions, end);
        self.drained(number, actions);
    }

    fn join(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.workers.join(number);
        }
    }

    fn pause_worker(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.workers.pause_worker(number);
        }
    }

    fn resume_worker(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.workers.resume_worker(number);
        }
    }

    fn isolate(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.workers.isolate(number);
        }
    }

    fn finish(&mut self, number: WorkerNumber, task: TaskNumber, nanos: u64, actions: &mut Vec<Action>) {
        if let Some(held) = self.workers.take(number, task) {
            self.estimates.see(self.classes.get(held.class).function, nanos);
            self.forget(&held, actions);
        }
    }

    fn lose(&mut self, number: WorkerNumber, actions: &mut Vec<Action>) {
        for held in self.workers.lose(number) {
            actions.push(Action::Lost(number, held.task));
            self.forget(&held, actions);
        }
        self.bound.owing.remove(&number);
        self.end_waiting(number, Action::Lost, actions);
    }

    fn break_down(&mut self, actions: &mut Vec<Action>) {
        self.broken = true;
        actions.extend(self.tasks().map(Action::Abandoned));
        self.round_robin.clear();
        self.queued = PagedMap::default();
        self.delayed.clear();
        self.bound = Bound::default();
        self.workers = Workers::default();
        self.estimates = Estimates::default();
        for number in 0..self.clients.len() {
            let client = &mut self.clients[number];
            client.queue.clear();
            (client.queued, client.dispatched, client.delayed) = (0, 0, 0);
            self.drained(ClientNumber(number as u32), actions);
        }
    }

    /// Gives out queued tasks while there is a worker with room for the next, each client in its turn.
    ///
    /// A task that waits for an idle worker keeps its turn: shorter ones do not overtake it, or it might wait forever.
    fn dispatch(&mut self, actions: &mut Vec<Action>) {
        while let Some(turn) = self.round_robin.front().copied() {
            let Some(next) = self.workers.first() else {
                return;
            };
            let (task, class) = self.next_queued(turn);
            if !self.place(turn, task, class, next, actions) {
                return;
            }
            self.queued.remove(task.0);
            self.round_robin.pop_front();
            let client = &mut self.clients[turn.index()];
            client.queue.pop();
            client.queued -= 1;
            if client.queued > 0 {
                self.round_robin.push_back(turn);
            }
        }
    }

    /// The first queued task of a client that has one; it is at the front of the queue then.
    fn next_queued(&mut self, number: ClientNumber) -> (TaskNumber, TaskClassNumber) {
        let queue = &mut self.clients[number.index()].queue;
        loop {
            let task = queue.front().expect("a client with a turn has a queued task");
            if let Some(class) = self.queued.get(task.0) {
                return (task, *class);
            }
            queue.pop();
        }
    }

    /// A task that was dispatched is with no worker any more, and will not be again.
    fn forget(&mut self, held: &InFlight, actions: &mut Vec<Action>) {
        let TaskClass { client, function, .. } = self.classes.get(held.class);
        self.estimates.leave(function);
        self.clients[client.index()].dispatched -= 1;
        if !self.bound.is_empty() {
            self.release(held.task);
        }
        self.drained(client, actions);
    }

    /// The clients that have queued tasks.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = ClientNumber> {
        (0..).map(ClientNumber).zip(&self.clients).filter(|(_, client)| client.queued > 0).map(|(number, _)| number)
    }

    /// Whether a worker holds a task.
    pub(crate) fn holds(&self, worker: WorkerNumber, task: TaskNumber) -> bool {
        self.workers.held(worker).any(|held| held.task == task)
    }

    /// Every task that is queued, dispatched or rests, in increasing order.
    pub fn tasks(&self) -> impl Iterator<Item = TaskNumber> + use<> {
        let queued = self.queued.iter().map(|(task, _)| TaskNumber(task)).chain(self.delayed.keys().copied());
        let mut tasks: Vec<TaskNumber> = queued.chain(self.workers.all_held().map(|held| held.task)).collect();
        tasks.sort_unstable();
        tasks.into_iter()
    }

    /// The tasks that a worker holds, oldest first: it executes them in this order.
    pub(crate) fn held(&self, worker: WorkerNumber) -> impl Iterator<Item = TaskNumber> {
        self.workers.held(worker).map(|held| held.task)
    }
}
