//! A network between a manager and modelled workers: queues of frames, which somebody else empties when time has come.

use futures_mpi_core::engine::{Arrival, Claims, Frame, Transport, WorkerNumber};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The queues of all links, and what has arrived at the manager.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// By worker number.
    links: Vec<Link>,
    arrivals: VecDeque<Arrival>,
    /// The workers that a frame was sent to since somebody last asked, one entry for each frame.
    sent: Vec<WorkerNumber>,
    /// The workers that the manager knows to be of no use any more.
    shunned: BTreeSet<WorkerNumber>,
    /// Those of them that were given something to do all the same.
    misused: Vec<WorkerNumber>,
    /// How many more workers were asked for since somebody last looked.
    wanted: usize,
    /// Whether nothing comes back from a worker.
    isolating: bool,
    /// The tasks that were asked back since somebody last looked.
    asked: Vec<Question>,
}

#[derive(Debug, Default)]
struct Link {
    /// On their way to the worker.
    down: VecDeque<Frame>,
    /// On their way to the manager, with the time at which they were sent.
    up: VecDeque<(u64, Frame)>,
    claims: Claims,
}

/// A worker is asked for its tasks from one number on and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Question {
    pub(super) worker: u32,
    pub(super) from: u64,
    pub(super) until: u64,
}

/// A network that its transport shares with the simulator.
#[derive(Debug, Clone)]
pub(super) struct SharedNetwork(Arc<Mutex<Network>>);

impl SharedNetwork {
    pub(super) fn new(workers: usize, isolating: bool) -> Self {
        let links = std::iter::repeat_with(|| Link::new(isolating)).take(workers).collect();
        SharedNetwork(Arc::new(Mutex::new(Network { links, isolating, ..Network::default() })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    fn new(isolating: bool) -> Self {
        let link = Link::default();
        link.claims.held().set_reachable(!isolating);
        link
    }
}

impl Network {
    /// Takes the next frame off the way to a worker.
    pub(super) fn take_down(&mut self, worker: WorkerNumber) -> Option<Frame> {
        self.links[worker.index()].down.pop_front()
    }

    /// Changes a byte in the next frame to a worker.
    pub(super) fn spoil(&mut self, worker: WorkerNumber) {
        if let Some(byte) = self.links[worker.index()].down.front_mut().and_then(|frame| frame.bytes.get_mut(1)) {
            *byte ^= 0x40;
        }
    }

    /// Puts a frame on its way to the manager.
    pub(super) fn send_up(&mut self, worker: WorkerNumber, sent_at: u64, frame: Frame) {
        self.links[worker.index()].up.push_back((sent_at, frame));
    }

    /// Puts the last frame that is on its way from one worker now on its way from another too; whether there is one that
    /// can be read.
    pub(super) fn copy_up(&mut self, from: WorkerNumber, to: WorkerNumber, now: u64) -> bool {
        // What is executed ahead of its time is not sent yet, and may never be.
        let frame = self.links[from.index()].up.iter().rfind(|(sent_at, _)| *sent_at <= now);
        let frame = frame.map(|(_, frame)| frame.clone()).filter(|frame| *frame != garbage());
        frame.map(|frame| self.send_up(to, now, frame)).is_some()
    }

    /// Lets the next frame of a worker arrive at the manager; returns its length in bytes.
    pub(super) fn arrive(&mut self, worker: WorkerNumber) -> Option<usize> {
        let (_, frame) = self.links[worker.index()].up.pop_front()?;
        let length = frame.len_bytes();
        self.arrivals.push_back(Arrival::Frame(worker, frame));
        Some(length)
    }

    /// Takes back what a worker would have sent after this time.
    pub(super) fn unsend_after(&mut self, worker: WorkerNumber, time: u64) {
        self.links[worker.index()].up.retain(|(sent_at, _)| *sent_at <= time);
    }

    /// Lets the manager notice that a worker is gone; what is still on its way from it is lost.
    pub(super) fn lose(&mut self, worker: WorkerNumber, reason: &str) {
        self.links[worker.index()].up.clear();
        self.arrivals.push_back(Arrival::Lost(worker, reason.to_owned()));
    }

    /// Lets the manager learn of one more worker, or why there is none.
    pub(super) fn join(&mut self, comes: bool) -> Option<WorkerNumber> {
        let number = WorkerNumber(self.links.len() as u32);
        let brought = if comes { Ok(number) } else { Err("none comes; this is part of a simulation".to_owned()) };
        if comes {
            self.links.push(Link::new(self.isolating));
        }
        self.arrivals.push_back(Arrival::Joined(brought));
        comes.then_some(number)
    }

    /// Which tasks of a worker are begun.
    pub(super) fn claims(&self, worker: WorkerNumber) -> Claims {
        self.links[worker.index()].claims.clone()
    }

    /// What was asked of workers since the last time.
    pub(super) fn take_asked(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.asked)
    }

    /// Lets the manager learn how many tasks a worker has begun, and what it has held back.
    pub(super) fn recalled(&mut self, worker: WorkerNumber, begun: u64, replies: Frame) {
        self.arrivals.push_back(Arrival::Recalled(worker, begun, replies));
    }

    /// How many more workers were asked for since the last time.
    pub(super) fn take_wanted(&mut self) -> usize {
        std::mem::take(&mut self.wanted)
    }

    /// The workers that were given something to do although the manager knew that they are of no use any more.
    pub(super) fn misused(&self) -> &[WorkerNumber] {
        &self.misused
    }

    /// How many frames are on their way to a worker, and from it.
    pub(super) fn under_way(&self, worker: WorkerNumber) -> (usize, usize) {
        let link = &self.links[worker.index()];
        (link.down.len(), link.up.len())
    }

    /// The workers that a frame was sent to since the last time, one entry for each frame.
    pub(super) fn take_sent(&mut self) -> Vec<WorkerNumber> {
        std::mem::take(&mut self.sent)
    }
}

/// A frame that nobody can read.
pub(super) fn garbage() -> Frame {
    vec![0xff; 7].into()
}

/// The manager's end.
pub(super) struct SimulatedTransport(pub(super) SharedNetwork);

impl Transport for SimulatedTransport {
    fn workers(&self) -> usize {
        self.0.lock().links.len()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        let mut network = self.0.lock();
        // The shortest frame tells a worker to stop, which does no harm.
        if network.shunned.contains(&worker) && frame.len_bytes() > 1 {
            network.misused.push(worker);
        }
        network.links[worker.index()].down.push_back(frame);
        network.sent.push(worker);
    }

    fn poll(&mut self) -> Option<Arrival> {
        let mut network = self.0.lock();
        let arrival = network.arrivals.pop_front()?;
        match &arrival {
            Arrival::Lost(worker, _) => drop(network.shunned.insert(*worker)),
            Arrival::Frame(worker, frame) if *frame == garbage() => drop(network.shunned.insert(*worker)),
            Arrival::Frame(..) | Arrival::Joined(_) | Arrival::Recalled(..) => {}
        }
        Some(arrival)
    }

    fn can_recall(&self, _: WorkerNumber) -> bool {
        !self.0.lock().isolating
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        let mut network = self.0.lock();
        network.asked.push(Question { worker: worker.0, from, until });
        !network.isolating
    }

    fn replace(&mut self, _limit: Duration) -> Result<(), String> {
        self.0.lock().wanted += 1;
        Ok(())
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        Ok(())
    }
}
