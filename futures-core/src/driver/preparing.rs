//! The preparations of workers for each executor before its first task: which workers were told, have answered, or take
//! too long.
//!
//! A worker makes its preparations one after the other, behind the tasks that it was given before. The limit of each
//! counts from when it could begin there: when everything before it is done or has timed out. So an executor is broken
//! by its own initializer only. An executor does not wait for a worker that another's initializer occupies for longer
//! still; if there is no other worker, its error names that initializer.

use super::Driver;
use super::client::Progress;
use super::worker::{Pending, WorkerState};
use crate::base::ids::{ClientNumber, TaskNumber, WorkerNumber};
use crate::driver::command::{Preparations, shut_down};
use crate::error::{Error, Kind};
use crate::scheduler::Event;
use crate::wire::codec::DecodeFailure;
use crate::wire::message::{self, Prepared};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Driver {
    /// Sends a client's preparations to the workers that have joined.
    pub(super) fn prepare(&mut self, number: ClientNumber, preparations: Preparations) {
        let client = &mut self.clients[number.index()];
        if client.drained || self.broken.is_some() {
            let reason = self.broken.clone().unwrap_or_else(shut_down);
            return preparations.boot.fail(&reason);
        }
        let (awaited, stuck) = (BTreeSet::new(), BTreeSet::new());
        client.progress = Some(Box::new(Progress { preparations, awaited, stuck }));
        for worker in 0..self.workers.len() {
            if self.workers[worker].phase == WorkerState::Ready {
                self.prepare_worker(number, WorkerNumber(worker as u32));
            }
        }
        self.conclude(number);
    }

    /// Sends the preparations of every client to a worker that joins, before it can get a task.
    pub(super) fn prepare_for_all(&mut self, worker: WorkerNumber) {
        for number in 0..self.clients.len() as u32 {
            self.prepare_worker(ClientNumber(number), worker);
        }
    }

    fn prepare_worker(&mut self, number: ClientNumber, worker: WorkerNumber) {
        if self.clients[number.index()].wanted().is_none() {
            return;
        }
        // The worker first finishes its earlier tasks, and gets no others until it has answered.
        self.send(worker);
        self.handle(Event::PauseWorker(worker));
        let Some(progress) = self.clients[number.index()].wanted() else { return };
        progress.awaited.insert(worker);
        let frame = message::setup(number, &progress.preparations.setup);
        if let Some(transport) = self.transport.as_mut() {
            transport.send(worker, frame);
        }
        let pending = Pending { client: number, since: None, given_up: false };
        self.workers[worker.index()].pending.push_back(pending);
        self.pending += 1;
        self.start_clock(worker);
    }

    /// Starts the clock of the worker's current preparations, if everything before them is done or has timed out.
    pub(super) fn start_clock(&mut self, number: WorkerNumber) {
        let worker = &mut self.workers[number.index()];
        let Some(next) = worker.pending.iter_mut().find(|pending| !pending.given_up) else { return };
        let late = self.late.range((number, TaskNumber(0))..=(number, TaskNumber(u64::MAX))).count();
        if next.since.is_some() || worker.unanswered as usize > late {
            return;
        }
        let Some(progress) = &self.clients[next.client.index()].progress else { return };
        next.since = Some(self.now);
        self.deadlines.insert((self.now.saturating_add(progress.preparations.limit), number, next.client));
    }

    /// Takes a worker's answer about its preparations for a client.
    pub(super) fn prepared(&mut self, worker: WorkerNumber, answer: Prepared) -> Result<(), DecodeFailure> {
        let number = answer.client;
        if number.index() >= self.clients.len() {
            return Err(DecodeFailure(format!("it reported the setup of executor {number}, which does not exist")));
        }
        let pending = &mut self.workers[worker.index()].pending;
        let Some(at) = pending.iter().position(|pending| pending.client == number) else { return Ok(()) };
        let done = pending.remove(at);
        done.into_iter().for_each(|done| self.forget_pending(worker, &done));
        if let (Some(failure), Some(progress)) = (answer.failure, &self.clients[number.index()].progress) {
            let (what, name) = progress.preparations.setup.failed(answer.by_state);
            let origin = self.origin_of(worker, name);
            self.break_client(number, Error::from_setup(failure, what, origin));
        }
        self.start_clock(worker);
        // After the client was broken, so that the worker gets none of its tasks.
        self.handle(Event::ResumeWorker(worker));
        self.conclude(number);
        Ok(())
    }

    /// Stops waiting for a worker that is gone.
    pub(super) fn stop_waiting_for(&mut self, worker: WorkerNumber) {
        for pending in std::mem::take(&mut self.workers[worker.index()].pending) {
            self.forget_pending(worker, &pending);
            self.conclude(pending.client);
        }
    }

    /// Stops counting preparations that a worker had to make.
    fn forget_pending(&mut self, worker: WorkerNumber, pending: &Pending) {
        self.pending -= 1;
        let Some(progress) = &mut self.clients[pending.client.index()].progress else { return };
        progress.awaited.remove(&worker);
        progress.stuck.remove(&worker);
        progress.preparations.boot.set_stuck(progress.stuck.len());
        if let Some(since) = pending.since {
            let limit = progress.preparations.limit;
            self.deadlines.remove(&(since.saturating_add(limit), worker, pending.client));
        }
    }

    /// Marks a client as ready once every awaited worker has made its preparations.
    pub(super) fn conclude(&mut self, number: ClientNumber) {
        let booted = self.boot.is_decided() && self.broken.is_none();
        let Some(progress) = self.clients[number.index()].wanted() else { return };
        if !booted || !progress.awaited.is_empty() || progress.preparations.boot.is_decided() {
            return;
        }
        progress.preparations.boot.set_stuck(progress.stuck.len());
        if self.counts.ready > progress.stuck.len() {
            progress.preparations.boot.succeed();
        } else if let Some(first) = progress.stuck.first().copied() {
            let (title, limit) = (progress.title(), progress.preparations.limit.as_secs_f64());
            let stuck: Vec<WorkerNumber> = progress.stuck.iter().copied().collect();
            let (workers, obstacle) = (self.list(&stuck), self.obstacle(first));
            let message =
                format!("{title} could not start on {workers} within {limit:.3} s: worker {first} {obstacle}");
            self.break_client(number, Error::new(Kind::Broken, message));
        }
    }

    /// The workers that are ready and not held up by somebody else's preparations.
    pub(super) fn workers_for(&self, client: ClientNumber) -> Vec<WorkerNumber> {
        let stuck = self.clients[client.index()].progress.as_deref().map(|progress| &progress.stuck);
        let all = (0..).map(WorkerNumber).zip(&self.workers);
        let ready = all.filter(|(_, worker)| worker.phase == WorkerState::Ready).map(|(number, _)| number);
        ready.filter(|number| stuck.is_none_or(|stuck| !stuck.contains(number))).collect()
    }

    /// The overdue work that keeps a worker busy.
    pub(super) fn obstacle(&self, number: WorkerNumber) -> String {
        let worker = &self.workers[number.index()];
        if worker.unanswered > 0 {
            return "is still running a task that has already timed out".to_owned();
        }
        let first = worker.pending.front().and_then(|first| self.clients[first.client.index()].progress.as_deref());
        let title = first.map_or_else(|| "the setup".to_owned(), Progress::title);
        format!("is still running {title} of another executor, which has already timed out")
    }

    /// Gives up preparations that exceed their limit, and breaks the clients that they belong to.
    pub(super) fn check_preparations(&mut self) {
        let mut hanging = BTreeSet::new();
        let mut hindered = BTreeSet::new();
        let mut late = BTreeSet::new();
        while let Some((_, number, client)) = self.deadlines.first().copied().filter(|(time, ..)| *time <= self.now) {
            self.deadlines.pop_first();
            let worker = &mut self.workers[number.index()];
            let Some(at) = worker.pending.iter().position(|pending| pending.client == client) else { continue };
            worker.pending[at].given_up = true;
            late.insert(number);
            let own = at == 0 && worker.unanswered == 0;
            if let Some(progress) = self.clients[client.index()].wanted() {
                if own {
                    hanging.insert(client);
                } else {
                    progress.awaited.remove(&number);
                    progress.stuck.insert(number);
                    hindered.insert(client);
                }
            }
            self.start_clock(number);
        }
        hanging.into_iter().for_each(|client| self.break_hanging(client));
        hindered.into_iter().for_each(|client| self.conclude(client));
        // After the clients were broken whose own preparations these are.
        late.into_iter().for_each(|worker| self.handle(Event::Block(worker)));
    }

    /// Breaks a client whose own preparations exceed their limit.
    fn break_hanging(&mut self, number: ClientNumber) {
        let Some(progress) = self.clients[number.index()].wanted() else { return };
        let limit = progress.preparations.limit;
        let title = progress.title();
        // Name also the other workers that have run them for most of the limit: most of them began a moment later.
        let mut waited = BTreeMap::new();
        for worker in &progress.awaited {
            let first = self.workers[worker.index()].pending.front().filter(|first| first.client == number);
            if let Some(since) = first.and_then(|first| first.since) {
                waited.insert(*worker, self.now.saturating_sub(since));
            }
        }
        waited.retain(|_, waited| *waited * 2 > limit);
        let longest = waited.values().max().copied().unwrap_or(limit);
        let workers: Vec<WorkerNumber> = waited.into_keys().collect();
        let message =
            format!("{title} did not finish on {} within {:.3} s", self.list(&workers), longest.as_secs_f64());
        self.break_client(number, Error::new(Kind::Broken, message));
    }

    /// The preparations of a worker without a task, for the watchdog.
    pub(super) fn preparing(&self, number: WorkerNumber) -> Option<(String, Option<Duration>)> {
        let first = self.workers[number.index()].pending.front()?;
        let title = self.clients[first.client.index()].progress.as_ref()?.title();
        Some((title, first.since))
    }

    /// Workers with their hosts, the first few by name.
    fn list(&self, workers: &[WorkerNumber]) -> String {
        const SHOWN: usize = 10;
        let name = |worker: &WorkerNumber| format!("{worker} (host {})", self.workers[worker.index()].host);
        let names: Vec<String> = workers.iter().take(SHOWN).map(name).collect();
        let plural = if workers.len() == 1 { "worker" } else { "workers" };
        let mut text = format!("{plural} {}", names.join(", "));
        if workers.len() > SHOWN {
            text.push_str(&format!(" and {} more", workers.len() - SHOWN));
        }
        text
    }
}
