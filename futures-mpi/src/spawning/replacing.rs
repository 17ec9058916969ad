//! A transport to spawned workers that spawns further ones in the place of those that are lost.
//!
//! A spawn takes a while and may never end, so it goes on in a thread of its own; one at a time, because MPI is not at
//! its best with several. Every worker that comes has an intercommunicator of its own, and a world in which it is
//! alone.

use crate::launch::start::Started;
use crate::spawning::{self, SpawnOptions, Spawning};
use crate::sys::Communicator;
use crate::transport::MpiTransport;
use futures_mpi_core::engine::{Arrival, Frame, Transport, WorkerNumber};
use std::time::{Duration, Instant};

/// A transport that can bring more workers.
pub(crate) struct Replacing {
    inner: MpiTransport,
    started: &'static Started,
    /// How one worker is spawned.
    options: SpawnOptions,
    /// How many workers are still to be spawned, the one that is under way not counted.
    wanted: usize,
    under_way: Option<Spawning>,
}

impl Replacing {
    /// The same transport, which can bring further workers: each is spawned as `options` say, alone.
    pub(crate) fn new(inner: MpiTransport, started: &'static Started, options: SpawnOptions) -> Self {
        Replacing { inner, started, options: SpawnOptions { count: 1, ..options }, wanted: 0, under_way: None }
    }

    /// Begins the next spawn, and sees whether the one that is under way has ended.
    fn look(&mut self) -> Option<Arrival> {
        if self.under_way.is_none() && self.wanted > 0 {
            self.wanted -= 1;
            match Spawning::begin(self.started, self.options.clone()) {
                Ok(spawning) => self.under_way = Some(spawning),
                Err(reason) => return Some(Arrival::Joined(Err(reason))),
            }
        }
        let outcome = self.under_way.as_mut()?.look()?;
        self.under_way = None;
        Some(Arrival::Joined(outcome.and_then(|workers| self.add(workers))))
    }

    fn add(&mut self, workers: Communicator) -> Result<WorkerNumber, String> {
        self.inner.add(workers).map_err(|error| format!("the new worker cannot be reached: {error}"))
    }
}

impl Transport for Replacing {
    fn workers(&self) -> usize {
        self.inner.workers()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        self.inner.send(worker, frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.inner.poll().or_else(|| self.look())
    }

    fn wakes_from_deep_sleep(&self) -> bool {
        // Nobody calls when a new worker is there.
        self.under_way.is_none() && self.wanted == 0 && self.inner.wakes_from_deep_sleep()
    }

    fn is_moving(&self) -> bool {
        self.inner.is_moving()
    }

    fn replace(&mut self, limit: Duration) -> Result<(), String> {
        self.options.limit = limit;
        self.wanted += 1;
        Ok(())
    }

    fn can_recall(&self, worker: WorkerNumber) -> bool {
        self.inner.can_recall(worker)
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        self.inner.recall(worker, from, until)
    }

    fn memory(&mut self) -> Vec<u8> {
        self.inner.memory()
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        self.inner.reuse(bytes);
    }

    fn close(mut self: Box<Self>, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        // A worker that comes too late is sent home; MPI could not be finalised while it is still coming.
        let settled = self.under_way.take().map_or(Ok(()), |spawning| spawning.settle(limit));
        let closed = Box::new(self.inner).close(deadline.saturating_duration_since(Instant::now()));
        closed.and(settled)
    }
}

/// Whether lost workers can be replaced here; if not, why, and what to do.
pub(crate) fn check(started: &Started, has_liveness: bool) -> Result<(), String> {
    if !has_liveness {
        return Err(
            "without liveness connections a lost worker goes unnoticed (FUTURES_MPI_LIVENESS, `liveness`)".to_owned()
        );
    }
    spawning::can_replace(started)
}
