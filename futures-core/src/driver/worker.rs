//! A worker as the driver knows it: greeted, ready, gone; and how many there are of each.

use super::ahead::Ahead;
use super::round_trip::RoundTrip;
use crate::base::ids::{ClientNumber, WorkerNumber};
use crate::wire::frame::Frame;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// What the driver knows of a worker.
pub(super) struct Worker {
    pub(super) phase: WorkerState,
    pub(super) host: String,
    /// The id of its process there.
    pub(super) process: u32,
    /// Why it is gone.
    pub(super) loss: String,
    /// Calls that are about to be sent.
    pub(super) outgoing: Frame,
    /// How many tasks are in `outgoing`.
    pub(super) unsent: u32,
    /// How many tasks have been sent and not answered.
    pub(super) unanswered: u32,
    pub(super) ahead: Ahead,
    pub(super) round_trip: RoundTrip,
    /// What it is to prepare, in this order.
    pub(super) pending: VecDeque<Pending>,
    /// Whether it was there from the beginning, or has finished a task.
    pub(super) proven: bool,
}

impl Worker {
    /// Whether the start of the pool waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.phase == WorkerState::Greeted && self.proven
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerState {
    Greeted,
    Ready,
    Gone,
}

/// How many workers are awaited, ready and gone, so that nobody has to look at all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WorkerCounts {
    /// Those from the beginning that have not answered; the start waits for them, and for no others.
    pub(super) awaited: usize,
    pub(super) ready: usize,
    pub(super) gone: usize,
}

impl WorkerCounts {
    /// Counts anew.
    pub(super) fn of(workers: &[Worker]) -> Self {
        let count = |phase| workers.iter().filter(|worker| worker.phase == phase).count();
        let awaited = workers.iter().filter(|worker| worker.is_awaited()).count();
        WorkerCounts { awaited, ready: count(WorkerState::Ready), gone: count(WorkerState::Gone) }
    }

    /// A worker changes its phase.
    pub(super) fn note(&mut self, before: WorkerState, now: WorkerState, was_awaited: bool) {
        self.awaited -= usize::from(was_awaited);
        for (phase, count) in [(WorkerState::Ready, &mut self.ready), (WorkerState::Gone, &mut self.gone)] {
            *count -= usize::from(phase == before);
            *count += usize::from(phase == now);
        }
    }
}

/// Preparations that a worker has been told of and has not answered; each engages it. It makes them in their order.
pub(super) struct Pending {
    pub(super) client: ClientNumber,
    /// When they could begin; none while the worker has something else to do before.
    pub(super) since: Option<Duration>,
    /// Whether they have taken too long. The worker may still be at them.
    pub(super) given_up: bool,
}

/// The preparations of all workers that are limited in time, by the time when that is over.
pub(super) type Deadlines = BTreeSet<(Duration, WorkerNumber, ClientNumber)>;
