//! Turns frames and commands into events of the scheduler, and its actions into frames and outcomes.
//!
//! The driver owns what the scheduler must not know: bytes, futures and the transport. It has no thread and no clock;
//! the manager's loop, or a simulation, calls it and says how much time has passed.

mod ahead;
mod blocking;
pub(crate) mod boot;
mod checking;
mod client;
mod closing;
pub(crate) mod command;
pub(crate) mod completions;
mod dividing;
mod joining;
pub(crate) mod lease;
mod measuring;
mod observed;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod policy;
mod preparing;
pub(crate) mod promise;
mod reading;
mod recall;
mod recalls;
mod replacements;
mod replacing;
mod reporting;
mod retiring;
mod retrying;
pub(crate) mod roster;
mod round_trip;
mod sending;
mod worker;

use crate::base::ids::{ClientNumber, FunctionNumber, TaskNumber, TaskNumbers, WorkerNumber};
use crate::driver::boot::Boot;
use crate::driver::command::{Command, Task, shut_down};
use crate::driver::options::PoolOptions;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Notice, Notices};
use crate::error::{Error, Kind};
use crate::scheduler::paged_map::PagedMap;
use crate::scheduler::{Action, Event, Scheduler};
use crate::task::registry::Registry;
use crate::wire::codec::DecodeFailure;
use crate::wire::message::{self, Call};
use crate::wire::transport::{Arrival, Transport};
use client::Client;
use observed::{Checked, Observed};
use policy::Timer;
use recalls::Recalls;
use replacements::Replacements;
use round_trip::{RoundTrips, is_small};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use worker::{Deadlines, Worker, WorkerCounts, WorkerState};

/// A frame is sent when so many bytes have come together; until then more tasks may join it.
const FRAME_BYTES: usize = 1 << 20;

/// The same for plain bytes to workers that are far away: over MPI they leave as one eager message then, which need not
/// wait for an answer.
const FRAME_BYTES_FAR: usize = 60 << 10;

/// The whole state of a pool except its thread.
pub(crate) struct Driver {
    scheduler: Scheduler,
    /// Scratch for the scheduler's actions.
    actions: Vec<Action>,
    registry: &'static Registry,
    numbers: TaskNumbers,
    /// The tasks that are queued or dispatched: the same ones that the scheduler knows.
    tasks: PagedMap<Task>,
    /// By client number.
    clients: Vec<Client>,
    /// How many clients are not drained.
    clients_left: usize,
    /// Those that wait for the start of the pool with their last calls.
    retired: Vec<ClientNumber>,
    /// By worker number; empty until a transport is there.
    workers: Vec<Worker>,
    counts: WorkerCounts,
    /// The workers with something in `outgoing`.
    unsent: Vec<WorkerNumber>,
    /// Those of them that were waiting when something was put there, or wait now.
    urgent: Vec<WorkerNumber>,
    /// Notices for the pool to carry out once no thread drives it.
    notices: Notices,
    transport: Option<Box<dyn Transport>>,
    boot: Arc<Boot>,
    options: PoolOptions,
    /// How much time had passed since the pool's start when the driver was last told.
    now: Duration,
    /// How many answers to preparations are outstanding, of all workers together.
    pending: usize,
    /// Those of them that have a time limit.
    deadlines: Deadlines,
    /// How many of the tasks have a policy.
    tasks_with_policy: usize,
    /// What is to be done about tasks, by the time when it is: the timers of the tasks that there are.
    timers: BTreeMap<(Duration, TaskNumber), Timer>,
    /// Tasks that have timed out and whose workers have not answered; each engages its worker.
    late: BTreeSet<(WorkerNumber, TaskNumber)>,
    replacements: Replacements,
    recalls: Recalls,
    round_trips: RoundTrips,
    /// Why the pool can run nothing more.
    broken: Option<Error>,
    ending: bool,
    watched: Observed,
    checked: Checked,
}

impl Driver {
    pub(crate) fn new(
        registry: &'static Registry,
        numbers: TaskNumbers,
        boot: Arc<Boot>,
        options: PoolOptions,
    ) -> Self {
        Driver {
            scheduler: Scheduler::default(),
            actions: Vec::new(),
            registry,
            numbers,
            tasks: PagedMap::default(),
            clients: Vec::new(),
            clients_left: 0,
            retired: Vec::new(),
            workers: Vec::new(),
            counts: WorkerCounts::default(),
            unsent: Vec::new(),
            urgent: Vec::new(),
            transport: None,
            boot,
            options,
            now: Duration::ZERO,
            pending: 0,
            deadlines: Deadlines::new(),
            tasks_with_policy: 0,
            timers: BTreeMap::new(),
            late: BTreeSet::new(),
            replacements: Replacements::default(),
            recalls: Recalls::default(),
            round_trips: RoundTrips::default(),
            broken: None,
            ending: false,
            watched: Observed::default(),
            checked: Checked::default(),
            notices: Notices::default(),
        }
    }

    /// Carries out a command.
    pub(crate) fn command(&mut self, command: Command) {
        match command {
            Command::Open(number, latch) => {
                self.clients.push(Client::new(latch));
                self.clients_left += 1;
                self.handle(Event::Open(number));
                if self.ending {
                    // No caller would close it any more.
                    self.handle(Event::Close(number));
                }
            }
            Command::Prepare(client, preparations) => self.prepare(client, preparations),
            Command::Submit(task, prefetch) => {
                let (number, client) = (task.promise.task(), task.client);
                if let Some(function) = self.take_in(task) {
                    self.handle(Event::Submit(client, number, function, prefetch));
                }
            }
            Command::SubmitTo(task, worker) => {
                let (number, client) = (task.promise.task(), task.client);
                if let Some(function) = self.take_in(task) {
                    self.carry_out(|driver, actions| {
                        driver.schedule_bound(Event::SubmitTo(client, number, function, worker), worker, actions);
                    });
                }
            }
            Command::Roll(client, roll) => roll.answer(self.workers_for(client)),
            Command::Cancel(task) => self.handle(Event::Cancel(task)),
            Command::CancelAll(client, done) => {
                self.handle(Event::CancelAll(client));
                self.notices.push(Notice::Open(done));
            }
            Command::Close(client) => self.handle(Event::Close(client)),
            Command::Retire(client, last) => self.retire(client, last),
            Command::End => self.end(),
            Command::Abandon => {
                self.break_down(Error::new(
                    Kind::Broken,
                    "the program is exiting, or MPI is being finalised: the \
                     pool was stopped",
                ));
                self.end();
            }
            Command::Watch(question) => {
                let report = self.watch(question.now, question.interval);
                // The watchdog may have stopped waiting.
                let _ = question.answer.send(report);
            }
        }
    }

    /// Keeps a task that comes; the number of its function, or none if that is unknown and its future has failed.
    fn take_in(&mut self, task: Task) -> Option<FunctionNumber> {
        let Some(function) = self.registry.number(task.function) else {
            let message = self.registry.unknown(&format!("with the key {:x}", task.function.0));
            let outcome = Outcome::Failed(Error::new(Kind::Registry, message));
            task.promise.finish(outcome, &mut self.notices);
            return None;
        };
        self.tasks_with_policy += usize::from(task.attempt().is_some());
        self.tasks.insert(task.promise.task().0, task);
        Some(function)
    }

    /// Takes in one arrival, if there is one, and returns whether there was.
    pub(crate) fn receive(&mut self, now: impl Fn() -> Duration) -> bool {
        let arrival = self.transport.as_mut().and_then(|transport| transport.poll());
        if self.round_trips.note_arrival(arrival.is_some()) {
            self.set_time(now());
        }
        let Some(arrival) = arrival else { return false };
        match arrival {
            Arrival::Lost(worker, reason) => self.lose(worker, &reason),
            Arrival::Joined(brought) => self.take_replacement(brought),
            Arrival::Frame(worker, frame) => {
                let read = self.read(worker, frame);
                self.judge(worker, read);
            }
            Arrival::Recalled(worker, begun, replies) => {
                let taken = self.take_back(worker, begun, replies);
                self.judge(worker, taken);
            }
        }
        true
    }

    /// Evicts a worker that has sent an unreadable message.
    fn judge(&mut self, worker: WorkerNumber, read: Result<(), DecodeFailure>) {
        if let Err(DecodeFailure(reason)) = read {
            self.evict(worker, &format!("it sent a message that cannot be read: {reason}"));
        }
    }

    /// The notices that futures are done.
    pub(crate) fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    /// Takes note of how much time has passed since the pool's start.
    pub(crate) fn set_time(&mut self, elapsed: Duration) {
        self.now = elapsed;
    }

    /// Ends whatever exceeds its limit; call it after all arrivals that came in time were handled.
    pub(crate) fn check_limits(&mut self) {
        self.check_boot();
        self.check_preparations();
        self.check_timers();
        self.check_replacements();
        self.check_recalls();
    }

    /// Whether the start has succeeded or failed.
    pub(crate) fn is_booted(&self) -> bool {
        self.boot.is_decided()
    }

    /// Fails all pending and all later tasks for one reason.
    pub(crate) fn break_down(&mut self, reason: Error) {
        self.boot.fail(&reason);
        self.clients.iter().for_each(|client| client.fail_boot(&reason));
        self.broken.get_or_insert(reason);
        self.forget_all_ahead();
        self.handle(Event::Break);
        self.make_all_last_calls();
    }

    /// Whether the pool has come to its end.
    pub(crate) fn is_finished(&self) -> bool {
        self.ending && self.clients_left == 0
    }

    /// Stops the workers; returns why later submissions fail, and what was wrong with the end.
    pub(crate) fn finish(&mut self) -> (Error, Result<(), String>) {
        let mut closed = Ok(());
        if let Some(mut transport) = self.transport.take() {
            for (number, worker) in self.workers.iter().enumerate() {
                if worker.phase != WorkerState::Gone {
                    transport.send(WorkerNumber(number as u32), message::stop());
                }
            }
            closed = transport.close(self.options.shutdown_limit);
        }
        (self.broken.take().unwrap_or_else(shut_down), closed)
    }

    fn handle(&mut self, event: Event) {
        self.carry_out(|driver, actions| driver.schedule(event, actions));
    }

    /// Carries out the actions that `schedule` asks the scheduler for.
    fn carry_out(&mut self, schedule: impl FnOnce(&mut Driver, &mut Vec<Action>)) {
        let mut actions = std::mem::take(&mut self.actions);
        schedule(self, &mut actions);
        // Carrying out an action may append others.
        let mut at = 0;
        while let Some(action) = actions.get(at).copied() {
            self.act(action, &mut actions);
            at += 1;
        }
        actions.clear();
        self.actions = actions;
    }

    fn act(&mut self, action: Action, more: &mut Vec<Action>) {
        match action {
            Action::Dispatch(worker, task) => self.dispatch(worker, task, more),
            Action::Returned(task) => self.note_returned(task),
            Action::Cancelled(task) => {
                if let Some(task) = self.take_task(task) {
                    task.promise.cancelled_by_pool(&mut self.notices);
                }
            }
            Action::Unfit(client, task) => {
                let reason = self.clients[client.index()].reason();
                self.resolve(task, Outcome::Failed(reason));
            }
            Action::Rejected(task) => self.resolve(task, Outcome::Failed(shut_down())),
            Action::Lost(worker, task) => {
                let error = self.loss_error_of(worker, task);
                self.resolve(task, Outcome::Failed(error));
            }
            Action::Blocked(worker, task) => {
                let error = self.late_error(worker, task);
                self.resolve(task, Outcome::Failed(error));
            }
            Action::Abandoned(task) => {
                let reason = self.broken.clone().unwrap_or_else(shut_down);
                self.resolve(task, Outcome::Failed(reason));
            }
            Action::Retired(client) => self.retired(client, more),
            Action::Drained(client) => self.drained(client),
        }
    }

    fn dispatch(&mut self, number: WorkerNumber, task_number: TaskNumber, more: &mut Vec<Action>) {
        let task = self.tasks.get_mut(task_number.0).expect("the scheduler dispatches tasks that are here");
        if !task.promise.start() || task.is_unwanted() {
            self.take_task(task_number);
            return self.schedule(Event::Withdraw(number, task_number), more);
        }
        let worker = &mut self.workers[number.index()];
        let ahead = self.recalls.note_given(worker, number, task_number);
        let has_attempt = task.attempt().is_some();
        // Tasks that were sent ahead may come back.
        let kept = ahead || task.keeps_arguments();
        let taken;
        let arguments = if kept {
            &task.arguments
        } else {
            taken = std::mem::take(&mut task.arguments);
            &taken
        };
        let attachments = arguments.attachments().to_vec();
        let alone = worker.unanswered + worker.unsent == 0;
        if self.round_trips.take_turn(&worker.round_trip, alone) && is_small(arguments.bytes(), &attachments) {
            self.round_trips.begin(&mut worker.round_trip, task_number, alone);
        }
        let call = Call {
            task: task_number,
            client: task.client,
            function: task.function,
            count: task.count,
            lease_micros: task.lease().and_then(|lease| lease.limit_micros),
            attachments: attachments.len() as u32,
            arguments: arguments.bytes(),
        };
        if worker.outgoing.is_empty() {
            if let Some(transport) = &mut self.transport {
                worker.outgoing.bytes = transport.memory();
            }
            self.unsent.push(number);
            if worker.unanswered == 0 {
                self.urgent.push(number);
            }
        }
        worker.unsent += 1;
        message::push_call(&mut worker.outgoing, &call, attachments);
        let is_full = worker.outgoing.len_bytes() >= FRAME_BYTES
            || worker.outgoing.bytes.len() >= FRAME_BYTES_FAR
                && worker.outgoing.attachments.is_empty()
                && !self.round_trips.longest.is_zero();
        if is_full {
            self.send(number);
        }
        if has_attempt {
            self.begin_try(number, task_number);
        }
    }

    fn take_task(&mut self, number: TaskNumber) -> Option<Task> {
        if self.tasks_with_policy > 0 {
            // While a timer runs, no process sleeps deeply.
            self.stop_timer(number);
        }
        let task = self.tasks.remove(number.0)?;
        self.tasks_with_policy -= usize::from(task.attempt().is_some());
        Some(task)
    }

    fn resolve(&mut self, task: TaskNumber, outcome: Outcome) {
        if let Some(task) = self.take_task(task) {
            task.promise.finish(outcome, &mut self.notices);
        }
    }
}

impl Driver {
    /// Fails all futures that are left and releases every waiting thread; returns the notices of that.
    pub(crate) fn fail_all(&mut self) -> Notices {
        let reason = self.broken.clone().unwrap_or_else(shut_down);
        self.boot.fail(&reason);
        let tasks: Vec<Task> = self.tasks.drain().map(|(_, task)| task).collect();
        for task in tasks {
            task.promise.finish(Outcome::Failed(reason.clone()), &mut self.notices);
        }
        let mut notices = std::mem::take(&mut self.notices);
        // After the callbacks of their last tasks have been handed over.
        self.clients.iter().for_each(|client| notices.push(client.release(&reason)));
        notices
    }
}
