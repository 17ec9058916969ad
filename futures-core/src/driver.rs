//! Turns frames and commands into events of the scheduler, and its actions into frames and outcomes.
//!
//! The driver owns what the scheduler must not know: bytes, futures and the transport. It has no thread and no clock;
//! the manager's loop, or a simulation, calls it and says how much time has passed.

mod check;

use crate::boot::Boot;
use crate::codec::{DecodeFailure, Limits};
use crate::collections::PagedMap;
use crate::error::{Error, Kind, Origin};
use crate::gate::Gate;
use crate::ids::{ClientNumber, TaskNumber, WorkerNumber};
use crate::inbox::{Command, Task, shut_down};
use crate::memory::Attachment;
use crate::message::{self, Call, Hello, Items, PROTOCOL, Refused, Reply, Results, ToManager};
use crate::payload::{Bytes, ItemResults, Outcome, Payload};
use crate::registry::{self, Registry};
use crate::scheduler::{Action, Event, Scheduler};
use crate::task::TaskKey;
use crate::transport::{Arrival, Frame, Transport};
use std::sync::Arc;
use std::time::Duration;

/// A frame is sent when so many bytes have come together; until then more tasks may join it.
const FRAME_BYTES: usize = 1 << 20;

/// Everything about a pool but its thread.
pub(crate) struct Driver {
    scheduler: Scheduler,
    /// Scratch for the scheduler's actions.
    actions: Vec<Action>,
    registry: &'static Registry,
    /// The tasks that are queued or dispatched: the same ones that the scheduler knows.
    tasks: PagedMap<Task>,
    /// By client number.
    clients: Vec<Arc<Gate>>,
    /// How many clients are not drained.
    clients_left: usize,
    /// By worker number; empty until a transport is there.
    workers: Vec<Worker>,
    /// The workers with something in `outgoing`.
    unsent: Vec<WorkerNumber>,
    transport: Option<Box<dyn Transport>>,
    boot: Arc<Boot>,
    boot_limit: Duration,
    /// Why the pool can run nothing more.
    broken: Option<Error>,
    ending: bool,
}

/// What the driver knows of a worker.
struct Worker {
    phase: Presence,
    host: String,
    /// Why it is gone.
    loss: String,
    /// Calls that are about to be sent.
    outgoing: Frame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Greeted,
    Ready,
    Gone,
}

impl Driver {
    pub(crate) fn new(registry: &'static Registry, boot: Arc<Boot>, boot_limit: Duration) -> Self {
        Driver {
            scheduler: Scheduler::new(),
            actions: Vec::new(),
            registry,
            tasks: PagedMap::new(),
            clients: Vec::new(),
            clients_left: 0,
            workers: Vec::new(),
            unsent: Vec::new(),
            transport: None,
            boot,
            boot_limit,
            broken: None,
            ending: false,
        }
    }

    /// Greets the workers of a transport that has just come up.
    pub(crate) fn attach(&mut self, mut transport: Box<dyn Transport>) {
        let limits = Limits::default();
        for number in 0..transport.workers() as u32 {
            let hello = Hello {
                protocol: PROTOCOL,
                fingerprint: self.registry.fingerprint(),
                worker: number,
                payload_limit_bytes: limits.payload_bytes as u64,
                inline_bytes: limits.inline_bytes as u64,
            };
            transport.send(WorkerNumber(number), message::hello(&hello));
            self.workers.push(Worker {
                phase: Presence::Greeted,
                host: String::new(),
                loss: String::new(),
                outgoing: Frame::default(),
            });
        }
        self.transport = Some(transport);
    }

    /// Carries out a command.
    pub(crate) fn command(&mut self, command: Command) {
        match command {
            Command::Open(number, gate) => {
                self.clients.push(gate);
                self.clients_left += 1;
                self.handle(Event::Open(number));
            }
            Command::Submit(client, task) => {
                let Some(function) = self.registry.number(task.function) else {
                    let message = self.registry.unknown(&format!("with the key {:x}", task.function.0));
                    return task.state.finish(Outcome::Failed(Error::new(Kind::Registry, message)));
                };
                let number = task.state.task();
                self.tasks.insert(number.0, task);
                self.handle(Event::Submit(client, number, function));
            }
            Command::Cancel(task) => self.handle(Event::Cancel(task)),
            Command::CancelAll(client) => self.handle(Event::CancelAll(client)),
            Command::Close(client) => self.handle(Event::Close(client)),
            Command::End => self.end(),
            Command::Abandon => {
                self.break_down(Error::new(Kind::Broken, "the program has given up its pools"));
                self.end();
            }
        }
    }

    /// Takes in one arrival, if there is one; whether there was.
    pub(crate) fn receive(&mut self) -> bool {
        let Some(arrival) = self.transport.as_mut().and_then(|transport| transport.poll()) else {
            return false;
        };
        match arrival {
            Arrival::Lost(worker, reason) => self.lose(worker, &reason),
            Arrival::Frame(worker, frame) => {
                if let Err(DecodeFailure(reason)) = self.read(worker, frame) {
                    self.lose(worker, &format!("it sent a message that cannot be read: {reason}"));
                }
            }
        }
        true
    }

    /// Sends what is ready to be sent.
    pub(crate) fn flush(&mut self) {
        let mut unsent = std::mem::take(&mut self.unsent);
        unsent.drain(..).for_each(|worker| self.send(worker));
        self.unsent = unsent;
    }

    /// Breaks a pool whose workers are not all there when so much time has passed since its start.
    pub(crate) fn check_boot(&mut self, elapsed: Duration) {
        if elapsed < self.boot_limit || self.boot.is_decided() {
            return;
        }
        let missing: Vec<String> = self
            .workers
            .iter()
            .enumerate()
            .filter(|(_, worker)| worker.phase == Presence::Greeted)
            .map(|(number, _)| number.to_string())
            .collect();
        self.break_down(Error::new(
            Kind::Broken,
            format!(
                "workers {} did not answer within {:.0} s of the pool's start",
                missing.join(", "),
                elapsed.as_secs_f64()
            ),
        ));
    }

    /// Whether it is decided whether the workers are there.
    pub(crate) fn is_booted(&self) -> bool {
        self.boot.is_decided()
    }

    /// Fails everything that is pending, and all that comes, for one reason.
    pub(crate) fn break_down(&mut self, reason: Error) {
        self.boot.fail(&reason);
        self.broken.get_or_insert(reason);
        self.handle(Event::Break);
    }

    /// Whether the pool has come to its end.
    pub(crate) fn is_finished(&self) -> bool {
        self.ending && self.clients_left == 0
    }

    /// Stops the workers; returns why later submissions fail, and what was wrong with the end.
    pub(crate) fn finish(mut self) -> (Error, Result<(), String>) {
        let mut closed = Ok(());
        if let Some(mut transport) = self.transport.take() {
            for (number, worker) in self.workers.iter().enumerate() {
                if worker.phase != Presence::Gone {
                    transport.send(WorkerNumber(number as u32), message::stop());
                }
            }
            closed = transport.close();
        }
        (self.broken.take().unwrap_or_else(shut_down), closed)
    }

    fn end(&mut self) {
        self.ending = true;
        for number in 0..self.clients.len() as u32 {
            self.handle(Event::Close(ClientNumber(number)));
        }
    }

    fn handle(&mut self, event: Event) {
        let mut actions = std::mem::take(&mut self.actions);
        self.scheduler.handle(event, &mut actions);
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
            Action::Cancelled(task) => {
                if let Some(task) = self.tasks.remove(task.0) {
                    task.state.cancelled_by_pool();
                }
            }
            Action::Rejected(task) => self.resolve(task, Outcome::Failed(shut_down())),
            Action::Lost(worker, task) => {
                let function = self.tasks.get(task.0).map(|task| task.function);
                let message =
                    format!("the worker was lost while it had the task: {}", self.workers[worker.index()].loss);
                let error = Error::with_origin(Kind::WorkerLost, message, self.origin(worker, function));
                self.resolve(task, Outcome::Failed(error));
            }
            Action::Abandoned(task) => {
                let reason = self.broken.clone().unwrap_or_else(shut_down);
                self.resolve(task, Outcome::Failed(reason));
            }
            Action::Drained(client) => {
                self.clients[client.index()].open();
                self.clients_left -= 1;
            }
        }
    }

    fn dispatch(&mut self, number: WorkerNumber, task_number: TaskNumber, more: &mut Vec<Action>) {
        let task = self.tasks.get_mut(task_number.0).expect("the scheduler dispatches tasks that are here");
        if !task.state.start() {
            self.tasks.remove(task_number.0);
            return self.scheduler.handle(Event::Withdraw(task_number), more);
        }
        let (arguments, attachments) = std::mem::take(&mut task.arguments).into_parts();
        let call = Call {
            task: task_number,
            function: task.function,
            count: task.count,
            attachments: attachments.len() as u32,
            arguments: &arguments,
        };
        let worker = &mut self.workers[number.index()];
        if worker.outgoing.is_empty() {
            self.unsent.push(number);
        }
        message::push_call(&mut worker.outgoing, &call, attachments);
        if worker.outgoing.len_bytes() >= FRAME_BYTES {
            self.send(number);
        }
    }

    fn send(&mut self, number: WorkerNumber) {
        let frame = std::mem::take(&mut self.workers[number.index()].outgoing);
        if let Some(transport) = self.transport.as_mut().filter(|_| !frame.is_empty()) {
            transport.send(number, frame);
        }
    }

    fn read(&mut self, worker: WorkerNumber, frame: Frame) -> Result<(), DecodeFailure> {
        if self.workers[worker.index()].phase == Presence::Gone {
            return Ok(());
        }
        match message::to_manager(&frame.bytes)? {
            ToManager::Ready(ready) => self.join(worker, ready.host),
            ToManager::Refused(Refused::Because(reason)) => self.refuse(worker, &reason),
            ToManager::Refused(Refused::Differs(theirs)) => {
                let reason = registry::difference(&self.registry.descriptions(), &theirs);
                self.refuse(worker, &reason);
            }
            ToManager::Replies(replies) => {
                let mut attachments = frame.attachments.into_iter();
                for reply in replies {
                    let reply = reply?;
                    let attachments = message::take_attachments(&mut attachments, reply.attachments)?;
                    self.reply(worker, &reply, attachments)?;
                }
            }
        }
        Ok(())
    }

    fn join(&mut self, number: WorkerNumber, host: String) {
        let worker = &mut self.workers[number.index()];
        if worker.phase != Presence::Greeted || self.broken.is_some() {
            return;
        }
        worker.host = host;
        worker.phase = Presence::Ready;
        self.handle(Event::Join(number));
        if self.workers.iter().all(|worker| worker.phase == Presence::Ready) {
            self.boot.succeed(self.workers.len());
        }
    }

    fn refuse(&mut self, number: WorkerNumber, reason: &str) {
        let worker = &mut self.workers[number.index()];
        if worker.phase == Presence::Ready {
            return self.lose(number, reason);
        }
        worker.phase = Presence::Gone;
        self.break_down(Error::new(Kind::Broken, format!("worker {number} refused to work: {reason}")));
    }

    fn lose(&mut self, number: WorkerNumber, reason: &str) {
        let worker = &mut self.workers[number.index()];
        let before = std::mem::replace(&mut worker.phase, Presence::Gone);
        worker.outgoing = Frame::default();
        match before {
            Presence::Gone => {}
            Presence::Greeted => {
                self.break_down(Error::new(
                    Kind::Broken,
                    format!("worker {number} was lost before it was ready: {reason}"),
                ));
            }
            Presence::Ready => {
                worker.loss = reason.to_owned();
                self.handle(Event::Lose(number));
                if self.workers.iter().all(|worker| worker.phase == Presence::Gone) {
                    self.break_down(Error::new(
                        Kind::Broken,
                        format!("every worker is lost; the last one, {number}: {reason}"),
                    ));
                }
            }
        }
    }

    fn reply(
        &mut self,
        worker: WorkerNumber,
        reply: &Reply<'_>,
        attachments: Vec<Attachment>,
    ) -> Result<(), DecodeFailure> {
        let Some(task) = self.tasks.get(reply.task.0).filter(|_| self.scheduler.holds(worker, reply.task)) else {
            return Ok(());
        };
        let outcome = match reply.results {
            Results::All(values) => Outcome::Values(Payload::received(values, attachments)),
            Results::Mixed(items) => self.read_items(worker, task, items, attachments)?,
        };
        let number = reply.task;
        // The future first, then the next task: whoever waits is woken before the driver goes on.
        self.resolve(number, outcome);
        self.handle(Event::Finish(worker, number, reply.nanos));
        Ok(())
    }

    fn read_items(
        &self,
        worker: WorkerNumber,
        task: &Task,
        items: &[u8],
        attachments: Vec<Attachment>,
    ) -> Result<Outcome, DecodeFailure> {
        let mut results = Vec::new();
        for item in Items(items) {
            results.push(match item? {
                Ok(value) => Ok(Bytes::from_slice(value)),
                Err(failure) => Err(Error::from_failure(failure, self.origin(worker, Some(task.function)))),
            });
        }
        if results.len() != task.count as usize {
            return Err(DecodeFailure(format!("a reply has {} results for {} calls", results.len(), task.count)));
        }
        Ok(match results.pop() {
            Some(Err(error)) if results.is_empty() => Outcome::Failed(error),
            last => {
                results.extend(last);
                Outcome::Items(Box::new(ItemResults { results, attachments }))
            }
        })
    }

    fn origin(&self, worker: WorkerNumber, function: Option<TaskKey>) -> Origin {
        let task = function.and_then(|key| self.registry.get(key)).map_or("unknown", |function| function.name());
        Origin { worker: worker.index(), host: self.workers[worker.index()].host.clone(), task: task.to_owned() }
    }

    fn resolve(&mut self, task: TaskNumber, outcome: Outcome) {
        if let Some(task) = self.tasks.remove(task.0) {
            task.state.finish(outcome);
        }
    }
}

impl Drop for Driver {
    /// Nobody waits for ever, even if the manager's thread panics.
    fn drop(&mut self) {
        let reason = self.broken.clone().unwrap_or_else(shut_down);
        self.boot.fail(&reason);
        self.tasks.drain().for_each(|(_, task)| task.state.finish(Outcome::Failed(reason.clone())));
        self.clients.iter().for_each(|gate| gate.open());
    }
}
