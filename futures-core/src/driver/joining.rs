//! Workers join, fail to join, and are lost.

use super::Driver;
use super::ahead::Ahead;
use super::round_trip::RoundTrip;
use super::worker::{Worker, WorkerState};
use crate::base::ids::{ClientNumber, TaskKey, TaskNumber, WorkerNumber};
use crate::driver::promise::{Notice, Phase};
use crate::error::{Error, Kind, Origin};
use crate::scheduler::Event;
use crate::wire::frame::Frame;
use crate::wire::message::{self, Hello, PROTOCOL, Ready};
use crate::wire::transport::Transport;
use std::collections::VecDeque;

impl Driver {
    /// Greets the workers of a transport that has just come up.
    pub(crate) fn attach(&mut self, transport: Box<dyn Transport>) {
        let count = transport.workers() as u32;
        self.transport = Some(transport);
        (0..count).for_each(|number| self.greet(WorkerNumber(number), true));
    }

    /// Greets the worker with the next number. `proven`: it counts as one that finishes its tasks.
    pub(super) fn greet(&mut self, number: WorkerNumber, proven: bool) {
        debug_assert_eq!(number.index(), self.workers.len(), "workers are numbered in the order of their coming");
        let hello = Hello {
            protocol: PROTOCOL,
            fingerprint: self.registry.fingerprint(),
            worker: number.0,
            payload_limit_bytes: self.options.payload_limit_bytes as u64,
            shutdown_limit_ms: u64::try_from(self.options.shutdown_limit.as_millis()).unwrap_or(u64::MAX),
        };
        if let Some(transport) = &mut self.transport {
            transport.send(number, message::hello(&hello));
        }
        self.counts.awaited += usize::from(proven);
        self.workers.push(Worker {
            phase: WorkerState::Greeted,
            host: String::new(),
            process: 0,
            loss: String::new(),
            outgoing: Frame::default(),
            unsent: 0,
            unanswered: 0,
            ahead: Ahead::default(),
            round_trip: RoundTrip::default(),
            pending: VecDeque::new(),
            proven,
        });
    }

    /// Breaks a pool whose workers are not all there in time.
    pub(super) fn check_boot(&mut self) {
        if self.now < self.options.boot_limit || self.boot.is_decided() {
            return;
        }
        let missing: Vec<String> = self
            .workers
            .iter()
            .enumerate()
            .filter(|(_, worker)| worker.is_awaited())
            .map(|(number, _)| number.to_string())
            .collect();
        self.break_down(Error::new(
            Kind::Broken,
            format!(
                "workers {} did not answer within {:.0} s of the pool's start",
                missing.join(", "),
                self.now.as_secs_f64()
            ),
        ));
    }

    pub(super) fn join(&mut self, number: WorkerNumber, ready: Ready) {
        let worker = &mut self.workers[number.index()];
        if worker.phase != WorkerState::Greeted || self.broken.is_some() {
            return;
        }
        (worker.host, worker.process) = (ready.host, ready.process);
        let proven = worker.proven;
        self.enter(number, WorkerState::Ready);
        if !proven {
            self.note_arrival(number);
        }
        self.prepare_for_all(number);
        if !self.transport.as_ref().is_some_and(|transport| transport.can_recall(number)) {
            self.handle(Event::Isolate(number));
        }
        self.handle(Event::Join(number));
        self.decide_start();
    }

    /// Decides the start once no worker is awaited any more: it succeeds with the workers that are ready.
    fn decide_start(&mut self) {
        if self.counts.awaited > 0 || self.boot.is_decided() {
            return;
        }
        self.boot.succeed();
        (0..self.clients.len() as u32).for_each(|client| self.conclude(ClientNumber(client)));
        self.make_all_last_calls();
    }

    /// Moves a worker to another phase and returns the previous one.
    fn enter(&mut self, number: WorkerNumber, phase: WorkerState) -> WorkerState {
        let worker = &mut self.workers[number.index()];
        let was_awaited = worker.is_awaited();
        let before = std::mem::replace(&mut worker.phase, phase);
        self.counts.note(before, phase, was_awaited);
        if phase == WorkerState::Ready {
            self.round_trips.add();
        } else if before == WorkerState::Ready && self.round_trips.remove(&mut worker.round_trip) {
            self.publish_round_trip();
        }
        self.boot.set_ready(self.counts.ready);
        before
    }

    pub(super) fn refuse(&mut self, number: WorkerNumber, reason: &str) {
        let worker = &mut self.workers[number.index()];
        if worker.phase == WorkerState::Ready {
            return self.lose(number, reason);
        }
        let proven = worker.proven;
        self.enter(number, WorkerState::Gone);
        let message = format!("worker {number} refused to work: {reason}");
        if proven {
            self.break_down(Error::new(Kind::Broken, message));
        } else {
            self.lose_arriving(number, &message);
        }
    }

    /// Evicts a worker that broke the protocol, and tells it to stop.
    pub(super) fn evict(&mut self, number: WorkerNumber, reason: &str) {
        if let Some(transport) = &mut self.transport {
            transport.send(number, message::stop());
        }
        self.lose(number, reason);
    }

    pub(super) fn lose(&mut self, number: WorkerNumber, reason: &str) {
        let before = self.enter(number, WorkerState::Gone);
        let worker = &mut self.workers[number.index()];
        match before {
            WorkerState::Gone => {}
            WorkerState::Greeted if !worker.proven => {
                reason.clone_into(&mut worker.loss);
                self.lose_arriving(number, reason);
            }
            WorkerState::Greeted => {
                reason.clone_into(&mut worker.loss);
                self.lose_awaited(number, reason);
            }
            WorkerState::Ready => {
                let proven = worker.proven;
                worker.loss = reason.to_owned();
                self.notices.push(Notice::Say(self.loss_notice(number)));
                self.reclaim(number);
                self.handle(Event::Lose(number));
                self.stop_waiting_for(number);
                if proven {
                    self.replace();
                } else {
                    self.attempt_failed(&format!("worker {number} was lost before it finished a task: {reason}"));
                }
                self.break_if_deserted();
            }
        }
    }

    /// A worker from the beginning is lost before it was ready: the pool starts with the others, if there are any.
    fn lose_awaited(&mut self, number: WorkerNumber, reason: &str) {
        let message = format!("worker {number} was lost before it was ready: {reason}");
        if self.counts.awaited == 0 && self.counts.ready == 0 {
            // A replacement may be on its way, but the start does not wait for it.
            return self.break_down(Error::new(Kind::Broken, message));
        }
        if self.broken.is_none() {
            let next = if self.will_replace() { "; it will be replaced" } else { "" };
            self.notices.push(Notice::Say(format!("{message}{next}")));
            self.replace();
            self.decide_start();
        }
    }

    /// The message about a lost worker and the tasks that it held. Where MPI then ends the job it is the last message.
    fn loss_notice(&self, number: WorkerNumber) -> String {
        let Worker { host, process, loss, .. } = &self.workers[number.index()];
        let mut held = self.scheduler.held(number);
        let first = held.next().and_then(|task| self.tasks.get(task.0));
        let more = held.count();
        let doing = match first {
            Some(task) => {
                let others = if more > 0 { format!(", with {more} more behind it") } else { String::new() };
                format!("it held the task {}{others}", self.task_name(task.function))
            }
            None => "it had no task".to_owned(),
        };
        let next = if self.will_replace() { "; it will be replaced" } else { "" };
        format!("worker {number} on {host} (pid {process}) is lost: {loss}; {doing}{next}")
    }

    /// The error of a task whose worker was lost.
    pub(super) fn loss_error(&self, worker: WorkerNumber, function: Option<TaskKey>) -> Error {
        let loss = &self.workers[worker.index()].loss;
        let message = format!("the worker was lost while it held the task: {loss}");
        Error::with_origin(Kind::WorkerLost, message, self.origin(worker, function))
    }

    /// The error of a task that is with a lost worker, or bound to it.
    pub(super) fn loss_error_of(&self, worker: WorkerNumber, task: TaskNumber) -> Error {
        let Some(known) = self.tasks.get(task.0).filter(|task| task.promise.phase() == Phase::Pending) else {
            return self.loss_error(worker, self.tasks.get(task.0).map(|task| task.function));
        };
        let loss = &self.workers[worker.index()].loss;
        let message = format!("the worker, for which the task was meant, was lost before it was sent the task: {loss}");
        Error::with_origin(Kind::WorkerLost, message, self.origin(worker, Some(known.function)))
    }

    pub(super) fn task_name(&self, function: TaskKey) -> &'static str {
        self.registry.get(function).map_or("unknown", |function| function.name())
    }

    pub(super) fn origin(&self, worker: WorkerNumber, function: Option<TaskKey>) -> Origin {
        let task = function.map_or("unknown", |key| self.task_name(key));
        self.origin_of(worker, task.to_owned())
    }

    pub(super) fn origin_of(&self, worker: WorkerNumber, task: String) -> Origin {
        Origin { worker: worker.index(), host: self.workers[worker.index()].host.clone(), task }
    }
}
