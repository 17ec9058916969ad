//! The extension of a transport that spawns a new worker for each one that is lost.
//!
//! A spawn takes a while and may never end, so a helper thread makes it. There is one spawn at a time, because MPI
//! handles several badly. Each new worker has an intercommunicator of its own, and an `MPI_COMM_WORLD` in which it is
//! alone.

use crate::launch::start::Started;
use crate::spawning::{self, SpawnOptions, Spawning};
use crate::sys::Communicator;
use crate::transport::MpiTransport;
use crate::transport::extended::Extension;
use futures_mpi_core::engine::{Arrival, Transport, WorkerNumber};
use std::time::{Duration, Instant};

/// Spawns more workers for a transport.
pub(crate) struct Replacing {
    started: &'static Started,
    /// How one worker is spawned.
    options: SpawnOptions,
    /// How many workers are still to be spawned, the one that is under way not counted.
    wanted: usize,
    under_way: Option<Spawning>,
}

impl Replacing {
    /// Each worker is spawned as `options` say, alone.
    pub(crate) fn new(started: &'static Started, options: SpawnOptions) -> Self {
        Replacing { started, options: SpawnOptions { count: 1, ..options }, wanted: 0, under_way: None }
    }
}

impl Extension for Replacing {
    /// Begins the next spawn, and sees whether the one that is under way has ended.
    fn poll(&mut self, transport: &mut MpiTransport) -> Option<Arrival> {
        if self.under_way.is_none() && self.wanted > 0 {
            self.wanted -= 1;
            match Spawning::begin(self.started, self.options.clone()) {
                Ok(spawning) => self.under_way = Some(spawning),
                Err(reason) => return Some(Arrival::Joined(Err(reason))),
            }
        }
        let outcome = self.under_way.as_mut()?.look()?;
        self.under_way = None;
        Some(Arrival::Joined(outcome.and_then(|workers| add(transport, workers))))
    }

    fn allows_deep_sleep(&self) -> bool {
        // A new worker does not wake the manager when its spawn has ended.
        self.under_way.is_none() && self.wanted == 0
    }

    fn replace(&mut self, _: &mut MpiTransport, limit: Duration) -> Result<(), String> {
        self.options.limit = limit;
        self.wanted += 1;
        Ok(())
    }

    fn close(self, transport: MpiTransport, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        // A worker that starts too late is sent home: MPI cannot be finalised while a spawn is under way.
        let settled = self.under_way.map_or(Ok(()), |spawning| spawning.settle(limit));
        let closed = Box::new(transport).close(deadline.saturating_duration_since(Instant::now()));
        closed.and(settled)
    }
}

fn add(transport: &mut MpiTransport, workers: Communicator) -> Result<WorkerNumber, String> {
    transport.add(workers).map_err(|error| format!("the new worker cannot be reached: {error}"))
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
