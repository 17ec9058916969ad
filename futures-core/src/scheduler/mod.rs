//! Decides which worker gets which task: events in, actions out, and nothing else.
//!
//! The scheduler is a plain value. It knows numbers of tasks, functions, workers and clients (the executors that share
//! a pool), and nothing about bytes, futures, threads, time or MPI; the same events give the same actions for ever. Execution
//! times reach it as numbers in events.
//!
//! Its invariants stand beside its fields, and [`Scheduler::check`] derives them anew; tests and simulations call it after every
//! event.

mod check;
mod ready;
#[cfg(test)]
mod tests;
mod window;

use crate::collections::PagedMap;
use crate::ids::{ClientNumber, FunctionNumber, TaskNumber, WorkerNumber};
use crate::scheduler::ready::Ready;
use crate::scheduler::window::{Estimates, HELD_NANOS, HELD_TASKS};
use std::collections::VecDeque;

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An executor begins to use the pool; clients are numbered in the order of their opening.
    Open(ClientNumber),
    /// A client has submitted a task of a function, with a number that is new.
    Submit(ClientNumber, TaskNumber, FunctionNumber),
    /// A task's future was cancelled; of no effect unless the task is queued.
    Cancel(TaskNumber),
    /// A task was not sent, although an action said so, because its future had been cancelled at the same moment.
    Withdraw(TaskNumber),
    /// All queued tasks of a client are to be cancelled.
    CancelAll(ClientNumber),
    /// A client submits nothing more.
    Close(ClientNumber),
    /// Nothing more of this client can be executed; what has been dispatched goes on.
    BreakClient(ClientNumber),
    /// A worker is ready for tasks.
    Join(WorkerNumber),
    /// A worker, which may not have joined yet, has something else to do: it takes no task until it is released as often
    /// as it was engaged.
    Engage(WorkerNumber),
    /// A worker has done something else.
    Release(WorkerNumber),
    /// A worker has executed a task, in so many nanoseconds.
    Finish(WorkerNumber, TaskNumber, u64),
    /// A worker is gone.
    Lose(WorkerNumber),
    /// The pool can run nothing any more.
    Break,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the task to the worker.
    Dispatch(WorkerNumber, TaskNumber),
    /// Resolve the task's future as cancelled.
    Cancelled(TaskNumber),
    /// Fail the task's future: its client is closed.
    Rejected(TaskNumber),
    /// Fail the task's future: its client is broken.
    Unfit(ClientNumber, TaskNumber),
    /// Fail the task's future: it was on the worker that is gone.
    Lost(WorkerNumber, TaskNumber),
    /// Fail the task's future: the pool is broken.
    Abandoned(TaskNumber),
    /// The client is closed and its last task is done.
    Drained(ClientNumber),
}

/// The state of a pool.
#[derive(Debug)]
pub struct Scheduler {
    /// By client number.
    clients: Vec<Client>,
    /// The clients that have queued tasks, each once, in the order in which they may dispatch.
    turns: VecDeque<ClientNumber>,
    /// Every task that is queued or dispatched.
    tasks: PagedMap<Task>,
    /// By worker number.
    workers: Vec<Worker>,
    /// The workers that are present and have room, by the number of tasks that they hold.
    ready: Ready,
    estimates: Estimates,
    /// Whether the pool can run nothing any more; then there are no tasks.
    broken: bool,
}

#[derive(Debug, Default)]
struct Client {
    /// In the order of submission; entries whose task is no longer queued are skipped.
    queue: VecDeque<TaskNumber>,
    /// How many entries of the queue stand for a queued task.
    queued: usize,
    dispatched: usize,
    closed: bool,
    drained: bool,
    /// Whether nothing more of it can be executed; then it has no queued tasks.
    broken: bool,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    client: ClientNumber,
    function: FunctionNumber,
    /// The worker that has it, once it is dispatched.
    worker: Option<WorkerNumber>,
    /// How long it was expected to take when it was dispatched.
    nanos: u32,
}

#[derive(Debug, Default)]
struct Worker {
    present: bool,
    /// How many other things it has to do.
    engaged: u32,
    /// The tasks that it holds, oldest first.
    tasks: VecDeque<TaskNumber>,
    /// How long they are expected to take together.
    held_nanos: u64,
}

impl Worker {
    /// Whether it may be given more, if it is short enough.
    fn has_room(&self) -> bool {
        self.present && self.engaged == 0 && self.held_nanos < HELD_NANOS && self.tasks.len() < HELD_TASKS
    }
}

impl Scheduler {
    /// A pool without workers, clients and tasks.
    pub fn new() -> Self {
        Scheduler {
            clients: Vec::new(),
            turns: VecDeque::new(),
            tasks: PagedMap::new(),
            workers: Vec::new(),
            ready: Ready::default(),
            estimates: Estimates::default(),
            broken: false,
        }
    }

    /// Takes note of an event and appends what is to be done about it.
    pub fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Open(client) => self.open(client),
            Event::Submit(client, task, function) => self.submit(client, task, function, actions),
            Event::Cancel(task) => self.cancel(task, actions),
            Event::Withdraw(task) => self.withdraw(task, actions),
            Event::CancelAll(client) => self.cancel_all(client, actions),
            Event::Close(client) => self.close(client, actions),
            Event::BreakClient(client) => self.break_client(client, actions),
            Event::Engage(worker) => self.engage(worker),
            Event::Release(worker) => self.release(worker),
            Event::Join(worker) => self.join(worker),
            Event::Finish(worker, task, nanos) => self.finish(worker, task, nanos, actions),
            Event::Lose(worker) => self.lose(worker, actions),
            Event::Break => self.break_down(actions),
        }
        self.dispatch(actions);
    }

    fn open(&mut self, client: ClientNumber) {
        assert_eq!(client.index(), self.clients.len(), "clients are numbered in the order of their opening");
        self.clients.push(Client::default());
    }

    fn submit(&mut self, number: ClientNumber, task: TaskNumber, function: FunctionNumber, actions: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        if client.closed {
            actions.push(Action::Rejected(task));
            return;
        }
        if self.broken {
            actions.push(Action::Abandoned(task));
            return;
        }
        if client.broken {
            actions.push(Action::Unfit(number, task));
            return;
        }
        client.queue.push_back(task);
        client.queued += 1;
        if client.queued == 1 {
            self.turns.push_back(number);
        }
        self.estimates.enter(function);
        let old = self.tasks.insert(task.0, Task { client: number, function, worker: None, nanos: 0 });
        assert!(old.is_none(), "a task number is used once");
    }

    fn cancel(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        let Some(&Task { client: number, worker: None, .. }) = self.tasks.get(task.0) else {
            return;
        };
        self.forget(task);
        let client = &mut self.clients[number.index()];
        client.queued -= 1;
        if client.queued == 0 {
            client.queue.clear();
            self.turns.retain(|turn| *turn != number);
        } else if client.queue.len() > 64 && client.queue.len() > 2 * client.queued {
            let tasks = &self.tasks;
            client.queue.retain(|task| is_queued(tasks, *task));
        }
        actions.push(Action::Cancelled(task));
        self.drained(number, actions);
    }

    fn withdraw(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        let worker = self.tasks.get(task.0).and_then(|task| task.worker);
        let worker = worker.expect("only a dispatched task is withdrawn");
        self.take_off(worker, task, actions);
    }

    fn cancel_all(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        self.empty_queue(number, actions, Action::Cancelled);
    }

    fn break_client(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        self.clients[number.index()].broken = true;
        self.empty_queue(number, actions, |task| Action::Unfit(number, task));
    }

    /// Ends all queued tasks of a client by an action for each.
    fn empty_queue(&mut self, number: ClientNumber, actions: &mut Vec<Action>, end: impl Fn(TaskNumber) -> Action) {
        let client = &mut self.clients[number.index()];
        for task in std::mem::take(&mut client.queue) {
            if is_queued(&self.tasks, task) {
                let forgotten = self.tasks.remove(task.0).expect("it is queued");
                self.estimates.leave(forgotten.function);
                actions.push(end(task));
            }
        }
        client.queued = 0;
        self.turns.retain(|turn| *turn != number);
        self.drained(number, actions);
    }

    fn close(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        self.clients[number.index()].closed = true;
        self.drained(number, actions);
    }

    fn join(&mut self, number: WorkerNumber) {
        if self.broken {
            return;
        }
        let worker = self.worker(number);
        assert!(!worker.present, "a worker joins once");
        worker.present = true;
        self.place(number);
    }

    fn engage(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.worker(number).engaged += 1;
            self.ready.remove(number);
        }
    }

    fn release(&mut self, number: WorkerNumber) {
        if !self.broken {
            self.worker(number).engaged -= 1;
            self.place(number);
        }
    }

    /// A worker, which may be new.
    fn worker(&mut self, number: WorkerNumber) -> &mut Worker {
        if self.workers.len() <= number.index() {
            self.workers.resize_with(number.index() + 1, Worker::default);
        }
        &mut self.workers[number.index()]
    }

    fn finish(&mut self, number: WorkerNumber, task: TaskNumber, nanos: u64, actions: &mut Vec<Action>) {
        if let Some(&Task { function, worker: Some(holder), .. }) = self.tasks.get(task.0)
            && holder == number
        {
            self.estimates.see(function, nanos);
            self.take_off(number, task, actions);
        }
    }

    fn lose(&mut self, number: WorkerNumber, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(number.index()).filter(|worker| worker.present) else {
            return;
        };
        worker.present = false;
        worker.held_nanos = 0;
        self.ready.remove(number);
        for task in std::mem::take(&mut worker.tasks) {
            actions.push(Action::Lost(number, task));
            self.forget_dispatched(task, actions);
        }
    }

    fn break_down(&mut self, actions: &mut Vec<Action>) {
        self.broken = true;
        self.turns.clear();
        self.workers.clear();
        self.ready = Ready::default();
        self.estimates = Estimates::default();
        actions.extend(self.tasks.drain().map(|(task, _)| Action::Abandoned(TaskNumber(task))));
        for number in 0..self.clients.len() {
            let client = &mut self.clients[number];
            client.queue.clear();
            (client.queued, client.dispatched) = (0, 0);
            self.drained(ClientNumber(number as u32), actions);
        }
    }

    /// Gives out queued tasks as long as there is a worker with room for the next, each client in its turn.
    ///
    /// A task that waits for an idle worker keeps its turn: shorter ones do not overtake it, or it might wait for ever.
    fn dispatch(&mut self, actions: &mut Vec<Action>) {
        while let Some(turn) = self.turns.front().copied() {
            let Some(number) = self.ready.first() else {
                return;
            };
            let task = self.next_queued(turn);
            let waiting = self.tasks.get_mut(task.0).expect("it is queued");
            let nanos = self.estimates.nanos(waiting.function);
            let worker = &mut self.workers[number.index()];
            if !worker.tasks.is_empty() && worker.held_nanos + nanos > HELD_NANOS {
                return;
            }
            waiting.worker = Some(number);
            waiting.nanos = nanos as u32;
            worker.held_nanos += nanos;
            worker.tasks.push_back(task);
            self.place(number);
            self.turns.pop_front();
            let client = &mut self.clients[turn.index()];
            client.queue.pop_front();
            client.queued -= 1;
            client.dispatched += 1;
            if client.queued > 0 {
                self.turns.push_back(turn);
            }
            actions.push(Action::Dispatch(number, task));
        }
    }

    /// The first queued task of a client that has one; it is at the front of the queue then.
    fn next_queued(&mut self, number: ClientNumber) -> TaskNumber {
        let queue = &mut self.clients[number.index()].queue;
        loop {
            let task = *queue.front().expect("a client with a turn has a queued task");
            if is_queued(&self.tasks, task) {
                return task;
            }
            queue.pop_front();
        }
    }

    /// Takes a task off its worker.
    fn take_off(&mut self, number: WorkerNumber, task: TaskNumber, actions: &mut Vec<Action>) {
        let worker = &mut self.workers[number.index()];
        let at = worker.tasks.iter().position(|held| *held == task).expect("a dispatched task is held by its worker");
        worker.tasks.remove(at);
        worker.held_nanos -= self.tasks.get(task.0).map_or(0, |task| u64::from(task.nanos));
        self.place(number);
        self.forget_dispatched(task, actions);
    }

    fn forget_dispatched(&mut self, task: TaskNumber, actions: &mut Vec<Action>) {
        let client = self.forget(task);
        self.clients[client.index()].dispatched -= 1;
        self.drained(client, actions);
    }

    /// Removes a task and returns its client.
    fn forget(&mut self, task: TaskNumber) -> ClientNumber {
        let Task { client, function, .. } = self.tasks.remove(task.0).expect("a task that ends is known");
        self.estimates.leave(function);
        client
    }

    /// Puts a worker where its load says.
    fn place(&mut self, number: WorkerNumber) {
        let worker = &self.workers[number.index()];
        if worker.has_room() {
            self.ready.insert(number, worker.tasks.len());
        } else {
            self.ready.remove(number);
        }
    }

    fn drained(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        if client.closed && !client.drained && client.queued == 0 && client.dispatched == 0 {
            client.drained = true;
            actions.push(Action::Drained(number));
        }
    }

    /// Whether a worker holds a task.
    pub(crate) fn holds(&self, worker: WorkerNumber, task: TaskNumber) -> bool {
        self.tasks.get(task.0).is_some_and(|task| task.worker == Some(worker))
    }

    /// Every task that is queued or dispatched, in increasing order.
    pub fn tasks(&self) -> impl Iterator<Item = TaskNumber> {
        self.tasks.iter().map(|(task, _)| TaskNumber(task))
    }

    /// The tasks that a worker holds, oldest first: it executes them in this order.
    pub(crate) fn held(&self, worker: WorkerNumber) -> impl ExactSizeIterator<Item = TaskNumber> {
        let tasks = self.workers.get(worker.index()).map(|worker| worker.tasks.iter().copied());
        tasks.unwrap_or_default()
    }
}

fn is_queued(tasks: &PagedMap<Task>, task: TaskNumber) -> bool {
    tasks.get(task.0).is_some_and(|task| task.worker.is_none())
}
