//! The executors of a pool, and how far its workers are prepared for them.

use super::Driver;
use super::workers::Presence;
use crate::codec::DecodeFailure;
use crate::error::{Error, Kind};
use crate::gate::Gate;
use crate::ids::{ClientNumber, WorkerNumber};
use crate::inbox::{Preparations, shut_down};
use crate::message::{self, Prepared};
use crate::scheduler::Event;
use crate::setup::Setup;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What the driver knows of a client.
pub(super) struct Client {
    gate: Arc<Gate>,
    drained: bool,
    /// Why nothing more of it can be executed, although the pool is not broken.
    broken: Option<Error>,
    /// Boxed, because most clients want no preparations.
    progress: Option<Box<Progress>>,
}

/// How far the workers are.
struct Progress {
    preparations: Preparations,
    /// The workers that have been told and have not answered; each is engaged.
    awaited: BTreeSet<WorkerNumber>,
    /// When the last of them was told.
    since: Duration,
}

impl Client {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Client { gate, drained: false, broken: None, progress: None }
    }

    /// Why its tasks are not executed.
    pub(super) fn reason(&self) -> Error {
        self.broken.clone().unwrap_or_else(shut_down)
    }

    /// Nobody waits for it any more.
    pub(super) fn release(&self, reason: &Error) {
        self.fail_boot(reason);
        self.gate.open();
    }

    /// Tells who waits for the preparations why they will not be made; of no effect if they were.
    pub(super) fn fail_boot(&self, reason: &Error) {
        if let Some(progress) = &self.progress {
            progress.preparations.boot.fail(reason);
        }
    }

    /// What is to be prepared, if anything is, and not in vain.
    fn wanted(&mut self) -> Option<&mut Progress> {
        let vain = self.drained || self.broken.is_some();
        self.progress.as_deref_mut().filter(|_| !vain)
    }
}

impl Driver {
    /// Tells the workers that are there what a client wants of them.
    pub(super) fn prepare(&mut self, number: ClientNumber, preparations: Preparations) {
        let client = &mut self.clients[number.index()];
        if client.drained || self.broken.is_some() {
            let reason = self.broken.clone().unwrap_or_else(shut_down);
            return preparations.boot.fail(&reason);
        }
        let progress = Progress { preparations, awaited: BTreeSet::new(), since: self.now };
        client.progress = Some(Box::new(progress));
        for worker in 0..self.workers.len() {
            if self.workers[worker].phase == Presence::Ready {
                self.prepare_worker(number, WorkerNumber(worker as u32));
            }
        }
        self.conclude(number);
    }

    /// Tells a worker that joins what every client wants of it, before it can be given a task.
    pub(super) fn prepare_for_all(&mut self, worker: WorkerNumber) {
        for number in 0..self.clients.len() as u32 {
            self.prepare_worker(ClientNumber(number), worker);
        }
    }

    fn prepare_worker(&mut self, number: ClientNumber, worker: WorkerNumber) {
        let Some(progress) = self.clients[number.index()].wanted() else { return };
        progress.since = self.now;
        progress.awaited.insert(worker);
        self.awaited += 1;
        let frame = message::setup(number, &progress.preparations.setup);
        if let Some(transport) = self.transport.as_mut() {
            transport.send(worker, frame);
        }
        self.handle(Event::Engage(worker));
    }

    /// A worker says how its preparations for a client have ended.
    pub(super) fn prepared(&mut self, worker: WorkerNumber, answer: Prepared) -> Result<(), DecodeFailure> {
        let number = answer.client;
        let Some(client) = self.clients.get_mut(number.index()) else {
            return Err(DecodeFailure(format!("it is prepared for executor {number}, which does not exist")));
        };
        let Some(progress) = &mut client.progress else { return Ok(()) };
        if !progress.awaited.remove(&worker) {
            return Ok(());
        }
        self.awaited -= 1;
        if let Some(failure) = answer.failure {
            let name = progress.preparations.setup.initializer.as_ref().map(|initializer| initializer.name.clone());
            let origin = self.origin_of(worker, name.unwrap_or_else(|| "setup".to_owned()));
            self.break_client(number, Error::from_setup(failure, origin));
        }
        // After the client was broken, so that the worker gets none of its tasks.
        self.handle(Event::Release(worker));
        self.conclude(number);
        Ok(())
    }

    /// A worker that is gone is not waited for.
    pub(super) fn excuse(&mut self, worker: WorkerNumber) {
        for number in 0..self.clients.len() as u32 {
            let progress = self.clients[number as usize].progress.as_mut();
            if progress.is_some_and(|progress| progress.awaited.remove(&worker)) {
                self.awaited -= 1;
                self.conclude(ClientNumber(number));
            }
        }
    }

    /// Says that a client is ready, if all that is wanted is done.
    pub(super) fn conclude(&mut self, number: ClientNumber) {
        let booted = self.boot.is_decided() && self.broken.is_none();
        let workers = self.workers.iter().filter(|worker| worker.phase == Presence::Ready).count();
        if let Some(progress) = self.clients[number.index()].wanted()
            && booted
            && progress.awaited.is_empty()
        {
            progress.preparations.boot.succeed(workers);
        }
    }

    /// Breaks the clients whose preparations take too long.
    pub(super) fn check_preparations(&mut self) {
        if self.awaited == 0 {
            return;
        }
        for number in 0..self.clients.len() as u32 {
            let now = self.now;
            let Some(progress) = self.clients[number as usize].wanted() else { continue };
            let waited = now.saturating_sub(progress.since);
            if progress.awaited.is_empty() || waited < progress.preparations.limit {
                continue;
            }
            let missing: Vec<String> = progress
                .awaited
                .iter()
                .map(|worker| format!("{worker} on {}", self.workers[worker.index()].host))
                .collect();
            let message = format!(
                "{} did not end at {} within {:.3} s",
                progress.preparations.setup.title(),
                list(&missing),
                waited.as_secs_f64()
            );
            self.break_client(ClientNumber(number), Error::new(Kind::Broken, message));
        }
    }

    fn break_client(&mut self, number: ClientNumber, reason: Error) {
        let client = &mut self.clients[number.index()];
        client.fail_boot(&reason);
        client.broken.get_or_insert(reason);
        self.handle(Event::BreakClient(number));
    }

    /// The last task of a closed client is done.
    pub(super) fn drained(&mut self, number: ClientNumber) {
        self.clients_left -= 1;
        let client = &mut self.clients[number.index()];
        client.drained = true;
        client.release(&shut_down());
        let Some(progress) = &mut client.progress else { return };
        progress.preparations.setup = Setup::default();
        if self.ending {
            return;
        }
        if let Some(transport) = self.transport.as_mut() {
            let ready = self.workers.iter().enumerate().filter(|(_, worker)| worker.phase == Presence::Ready);
            ready.for_each(|(worker, _)| transport.send(WorkerNumber(worker as u32), message::forget(number)));
        }
    }
}

/// Workers, the first few by name.
fn list(workers: &[String]) -> String {
    const SHOWN: usize = 10;
    let plural = if workers.len() == 1 { "worker" } else { "workers" };
    let mut text = format!("{plural} {}", workers[..workers.len().min(SHOWN)].join(", "));
    if workers.len() > SHOWN {
        text.push_str(&format!(" and {} more", workers.len() - SHOWN));
    }
    text
}
