//! What fate does to workers, and a record of it.

use super::{Consequence, World};
use crate::simulator::worker::Life;
use crate::simulator::{clock, network};
use futures_mpi_core::engine::{Stepper, WorkerNumber};

/// What has gone wrong, or was given up.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Mishaps {
    /// The pool never came up, or not all of it.
    pub(in crate::simulator) boot: bool,
    pub(in crate::simulator) abandoned: bool,
    pub(in crate::simulator) ended: bool,
    /// The workers that have died, or have sent what nobody can read.
    pub(in crate::simulator) workers: Vec<WorkerNumber>,
    /// These were all workers at some time.
    pub(in crate::simulator) all: bool,
    /// How many attempts to replace a worker may have failed, if it is tried.
    pub(in crate::simulator) attempts_failed: Option<u32>,
}

impl World {
    /// Makes a worker one that never answers.
    pub(in crate::simulator) fn silence(&mut self, worker: u32) {
        self.mishaps.boot = true;
        self.workers[worker as usize].die(0);
    }

    /// Changes the first frame to a worker so that the worker refuses it.
    pub(in crate::simulator) fn spoil_greeting(&mut self, worker: u32) {
        self.mishaps.boot = true;
        self.network.lock().spoil(WorkerNumber(worker));
    }

    fn works(&self, worker: u32) -> bool {
        self.workers.get(worker as usize).is_some_and(|worker| worker.life() == Life::Working)
    }

    pub(super) fn kill(&mut self, worker: u32) -> Consequence {
        if !self.works(worker) {
            return Consequence::Nothing;
        }
        self.mishap(WorkerNumber(worker));
        self.workers[worker as usize].die(clock::now());
        self.network.lock().unsend_after(WorkerNumber(worker), clock::now());
        Consequence::Death(worker)
    }

    pub(super) fn garble(&mut self, worker: u32) -> Consequence {
        if !self.works(worker) {
            return Consequence::Nothing;
        }
        self.mishap(WorkerNumber(worker));
        self.network.lock().send_up(WorkerNumber(worker), clock::now(), network::garbage());
        Consequence::Message(worker)
    }

    pub(super) fn copy(&mut self, from: u32, to: u32) -> Consequence {
        // The last word of one that refuses would be that of another.
        if self.works(from)
            && self.works(to)
            && self.network.lock().copy_up(WorkerNumber(from), WorkerNumber(to), clock::now())
        {
            Consequence::Message(to)
        } else {
            Consequence::Nothing
        }
    }

    fn mishap(&mut self, worker: WorkerNumber) {
        if !self.mishaps.workers.contains(&worker) {
            self.mishaps.workers.push(worker);
            self.mishaps.all |= self.mishaps.workers.len() == self.workers.len();
            if worker.index() >= self.originals {
                self.mishaps.attempts_failed = self.mishaps.attempts_failed.map(|failed| failed + 1);
            }
        }
        // A pool starts with the workers that are left, as long as one of the beginning is: it does not wait for
        // others.
        let originals = self.mishaps.workers.iter().filter(|lost| lost.index() < self.originals).count();
        let starting = !self.stepper.as_ref().is_some_and(Stepper::is_booted);
        self.mishaps.boot |= starting && originals == self.originals;
    }
}
