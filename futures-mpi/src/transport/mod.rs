//! The manager's end over MPI: one transport for workers that were spawned and for ranks of a common communicator.

mod change;
mod channel;
pub(crate) mod extended;
pub(crate) mod link;
pub(crate) mod parent;
mod reception;
pub(crate) mod stream;

use crate::ending;
use crate::liveness::{Liveness, Parting, Report};
use crate::sys::{Communicator, MpiError, Sending};
use channel::{Channel, Reception};
use futures_mpi_core::engine::{Arrival, Backoff, Frame, Kind, Recycler, Transport, WorkerNumber};
use futures_mpi_core::{Error, Result};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use stream::{Control, Incoming, Item, Outgoing, Spare};

/// How many sends under way one [`Transport::poll`] looks at.
const SENDS_PER_POLL: usize = 16;

/// How long one [`Transport::poll`] stays with a large frame that is under way: it moves only while a thread polls MPI.
const ATTENTION: Duration = Duration::from_millis(2);

/// The slowest that a large frame leaves, in bytes per microsecond, while it is stayed with; a worker that computes
/// does not take it at all.
const SLOWEST: usize = 500;

/// The longest pause between two looks while closing.
const CLOSE_BACKOFF: Duration = Duration::from_millis(1);

/// A worker as MPI knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The intercommunicator to it, or the communicator that it shares with this process.
    pub(crate) communicator: Communicator,
    /// Its rank there.
    pub(crate) rank: i32,
}

/// The manager's end over MPI.
///
/// Never blocks: sends and receives are under way until a later [`poll`](Transport::poll) finds them complete. Dropped
/// without [`close`](Transport::close), it sends nothing and waits for nothing; memory that MPI still uses is leaked.
pub(crate) struct MpiTransport {
    workers: Vec<Worker>,
    channels: Vec<Channel>,
    /// The channel to look at first, so that none is always last.
    next_channel: usize,
    /// Sends under way, of all workers.
    sending: Vec<(WorkerNumber, Sending)>,
    next_sending: usize,
    /// Until when large frames that leave are stayed with.
    attended_until: Option<Instant>,
    /// The workers from which a frame is being received.
    receiving: Vec<WorkerNumber>,
    ready: VecDeque<Arrival>,
    /// The memory of small frames.
    spare: Spare,
    /// The memory of attachments.
    recycler: Arc<Recycler>,
    segment_bytes: usize,
    /// Notices losses that MPI does not report.
    liveness: Option<Liveness>,
    /// Whether a worker is lost.
    degraded: bool,
    /// Whether the processes of the workers end with the pool.
    ends_workers: bool,
}

/// One worker.
struct Worker {
    peer: Peer,
    incoming: Incoming,
    lost: bool,
    /// It has said goodbye.
    leaving: bool,
}

impl Worker {
    fn new(peer: Peer, recycler: &Arc<Recycler>) -> Self {
        let incoming = Incoming::new(peer.communicator, peer.rank, recycler);
        Worker { peer, incoming, lost: false, leaving: false }
    }
}

/// A transport as pools take it.
pub(crate) fn boxed<T: Transport + 'static>(transport: Result<T, MpiError>) -> Result<Box<dyn Transport>> {
    match transport {
        Ok(transport) => Ok(Box::new(transport)),
        Err(error) => Err(Error::new(Kind::Broken, format!("the workers cannot be reached: {error}"))),
    }
}

impl MpiTransport {
    /// A transport to the workers that were spawned over an intercommunicator, numbered by their ranks.
    pub(crate) fn spawned(communicator: Communicator) -> Result<Self, MpiError> {
        let ranks = 0..communicator.remote_size()?;
        Self::new(ranks.map(|rank| Peer { communicator, rank }).collect())
    }

    /// A transport from this process to all others of a communicator, numbered by rank without this one. The
    /// communicator must be used for nothing else.
    pub(crate) fn shared(communicator: Communicator) -> Result<Self, MpiError> {
        let root = communicator.rank()?;
        let ranks = (0..communicator.size()?).filter(|rank| *rank != root);
        Self::new(ranks.map(|rank| Peer { communicator, rank }).collect())
    }

    /// A transport to any peers, in this order; communicators must be used for nothing else.
    pub(crate) fn new(peers: Vec<Peer>) -> Result<Self, MpiError> {
        let mut channels: Vec<Channel> = Vec::new();
        for (number, Peer { communicator, rank }) in (0..).map(WorkerNumber).zip(&peers) {
            let known = channels.iter().rposition(|channel| channel.communicator == *communicator);
            let index = match known {
                Some(index) => index,
                None => {
                    let spawned = communicator.is_intercommunicator()?;
                    let size = if spawned { communicator.remote_size()? } else { communicator.size()? };
                    let workers = vec![None; usize::try_from(size).unwrap_or(0)];
                    channels.push(Channel { communicator: *communicator, workers, reception: Reception::Closed });
                    channels.len() - 1
                }
            };
            channels[index].workers[*rank as usize] = Some(number);
        }
        let recycler = Arc::new(Recycler::default());
        Ok(MpiTransport {
            workers: peers.into_iter().map(|peer| Worker::new(peer, &recycler)).collect(),
            recycler,
            channels,
            next_channel: 0,
            sending: Vec::new(),
            next_sending: 0,
            attended_until: None,
            receiving: Vec::new(),
            ready: VecDeque::new(),
            spare: Spare::default(),
            segment_bytes: stream::segment_bytes(),
            liveness: None,
            degraded: false,
            ends_workers: false,
        })
    }

    /// Marks the workers' processes as ending with the pool, so that this process waits for them before its MPI ends.
    pub(crate) fn that_ends_workers(self) -> Self {
        MpiTransport { ends_workers: true, ..self }
    }

    /// Adds a liveness connection to each worker; call it before anything is sent.
    pub(crate) fn with_liveness(mut self, watch: Option<Liveness>) -> Self {
        self.liveness = watch;
        for number in (0..self.workers.len() as u32).map(WorkerNumber) {
            self.invite(number);
        }
        self
    }

    /// Asks a worker to connect its liveness connection.
    fn invite(&mut self, number: WorkerNumber) {
        let Some(watch) = &self.liveness else { return };
        let text = watch.invitation(number).to_string();
        if let Err(error) = self.outgoing(number).invitation(text) {
            self.lose(number, format!("sending to the worker failed: {error}"));
        }
    }

    /// The connection to a worker.
    fn outgoing(&mut self, number: WorkerNumber) -> Outgoing<'_, impl FnMut(Sending)> {
        let Peer { communicator, rank } = self.workers[number.index()].peer;
        let under_way = &mut self.sending;
        let keep = move |sending| under_way.push((number, sending));
        Outgoing { communicator, rank, segment: self.segment_bytes, spare: &mut self.spare, keep }
    }

    /// Tells the liveness connection that something was sent to a worker, which may sleep deeply.
    fn spoke_to(&mut self, number: WorkerNumber) {
        if let Some(watch) = &mut self.liveness {
            watch.spoke_to(number);
        }
    }

    /// Takes in the reports of the liveness connections.
    fn take_reports(&mut self) {
        while let Some(report) = self.liveness.as_mut().and_then(Liveness::report) {
            match report {
                Report::Lost(number, _) | Report::Recalled(number, ..) if number.index() >= self.workers.len() => {}
                Report::Lost(number, reason) => self.lose(number, reason),
                Report::Recalled(number, begun, replies) => {
                    self.ready.push_back(Arrival::Recalled(number, begun, replies.into()));
                }
            }
        }
    }

    /// Marks a worker as lost; the next [`poll`](Transport::poll) reports it.
    fn lose(&mut self, number: WorkerNumber, reason: impl Into<String>) {
        let worker = &mut self.workers[number.index()];
        if worker.lost {
            return;
        }
        worker.lost = true;
        if !worker.peer.communicator.is_intercommunicator().unwrap_or(false) {
            ending::note_lost_rank();
        }
        // Bytes that MPI may still touch are not freed: that is what these destructors see to.
        worker.incoming = Incoming::new(worker.peer.communicator, worker.peer.rank, &self.recycler);
        self.sending.retain(|(to, _)| *to != number);
        self.receiving.retain(|from| *from != number);
        self.ready.push_back(Arrival::Lost(number, reason.into()));
        if !std::mem::replace(&mut self.degraded, true) {
            self.tell_of_loss();
        }
    }

    /// Frees completed sends: a few, or all that there are.
    fn advance_sends(&mut self, most: usize) {
        for _ in 0..most.min(self.sending.len()) {
            if self.next_sending >= self.sending.len() {
                self.next_sending = 0;
            }
            let Some((worker, sending)) = self.sending.get_mut(self.next_sending) else { return };
            match sending.test() {
                Ok(true) => drop(self.sending.swap_remove(self.next_sending)),
                Ok(false) => self.next_sending += 1,
                Err(error) => {
                    let worker = *worker;
                    self.lose(worker, format!("sending to the worker failed: {error}"));
                }
            }
        }
    }

    /// Whether a large frame is leaving that is stayed with.
    fn is_leaving(&mut self) -> bool {
        let Some(until) = self.attended_until else { return false };
        let leaving = !self.sending.is_empty() && Instant::now() < until;
        if !leaving {
            self.attended_until = None;
        }
        leaving
    }

    /// Advances the receive from one worker.
    fn accept(
        &mut self,
        number: WorkerNumber,
        step: impl FnOnce(&mut Incoming) -> Result<Option<Item>, String>,
    ) -> Option<Arrival> {
        let worker = &mut self.workers[number.index()];
        if worker.lost {
            return None;
        }
        let was_busy = worker.incoming.is_busy();
        let item = match step(&mut worker.incoming) {
            Ok(item) => item,
            Err(reason) => {
                self.lose(number, format!("receiving from the worker failed: {reason}"));
                return self.ready.pop_front();
            }
        };
        match (was_busy, worker.incoming.is_busy()) {
            (false, true) => self.receiving.push(number),
            (true, false) => self.receiving.retain(|from| *from != number),
            _ => {}
        }
        match item? {
            Item::Frame(frame) => Some(Arrival::Frame(number, frame)),
            Item::Control(_) => {
                worker.leaving = true;
                None
            }
            Item::Invitation(_) => {
                self.lose(number, "protocol error: it sent a message that only a manager may send");
                self.ready.pop_front()
            }
        }
    }

    /// Workers that block shutdown: no goodbye received yet, or sends to them still in flight.
    fn missing(&self) -> impl Iterator<Item = WorkerNumber> {
        let workers = self.channels.iter().flat_map(|channel| channel.workers.iter().flatten().copied());
        let silent = workers.filter(|number| {
            let worker = &self.workers[number.index()];
            !worker.lost && !worker.leaving
        });
        self.sending.iter().map(|(number, _)| *number).chain(silent)
    }

    /// Polls until `done`, or until the limit, and returns whether it was done.
    fn attend(&mut self, deadline: Instant, done: impl Fn(&Self) -> bool) -> bool {
        let mut backoff = Backoff::new(CLOSE_BACKOFF, true);
        loop {
            self.advance_sends(usize::MAX);
            if done(self) {
                return true;
            }
            // Frames do not matter any more, and losses show in the state of the worker.
            match self.poll() {
                Some(_) => backoff.reset(),
                None if Instant::now() >= deadline => return false,
                None => backoff.wait(),
            }
        }
    }

    /// Tells the workers of each communicator how to go; returns the communicators to disconnect.
    fn disconnect(&mut self) -> Vec<Communicator> {
        let mut intact = Vec::new();
        for index in 0..self.channels.len() {
            let numbers: Vec<WorkerNumber> = self.channels[index].workers.iter().flatten().copied().collect();
            let is_lost = |number: &WorkerNumber| self.workers[number.index()].lost;
            // Disconnecting from a process that is gone, or does not take part, can block forever.
            let whole = numbers.iter().all(|number| self.workers[number.index()].leaving && !is_lost(number));
            let word = match (whole, numbers.iter().any(is_lost)) {
                (true, _) => Control::Disconnect,
                (false, false) => Control::Leave,
                (false, true) => Control::LeaveAtOnce,
            };
            let present: Vec<WorkerNumber> = numbers.into_iter().filter(|number| !is_lost(number)).collect();
            for number in present {
                // A worker that it does not reach waits until its own limit.
                let _ = self.outgoing(number).control(word);
            }
            if whole {
                intact.push(self.channels[index].communicator);
            }
        }
        intact
    }
}

impl Transport for MpiTransport {
    fn workers(&self) -> usize {
        self.workers.len()
    }

    fn send(&mut self, number: WorkerNumber, frame: Frame) {
        if self.workers[number.index()].lost {
            return;
        }
        let length = frame.len_bytes();
        if length >= stream::LARGE_BYTES {
            let now = Instant::now();
            let begin = self.attended_until.map_or(now, |until| until.max(now));
            self.attended_until = Some(begin + Duration::from_micros((length / SLOWEST) as u64));
        }
        match self.outgoing(number).frame(frame) {
            Ok(()) => self.spoke_to(number),
            Err(error) => self.lose(number, format!("sending to the worker failed: {error}")),
        }
    }

    fn wakes_from_deep_sleep(&self) -> bool {
        let Some(watch) = &self.liveness else { return false };
        let resting = self.sending.is_empty() && self.receiving.is_empty() && self.ready.is_empty();
        let left = || self.workers.iter().filter(|worker| !worker.lost).count();
        resting && watch.is_called_by(self.workers.len(), left)
    }

    fn is_moving(&self) -> bool {
        !self.receiving.is_empty()
    }

    fn can_recall(&self, worker: WorkerNumber) -> bool {
        self.liveness.as_ref().is_some_and(|watch| watch.reaches(worker))
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        self.liveness.as_ref().is_some_and(|watch| watch.recall(worker, from, until))
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.take_reports();
        if let Some(arrival) = self.ready.pop_front() {
            return Some(arrival);
        }
        if !self.sending.is_empty() {
            self.advance_sends(SENDS_PER_POLL);
        }
        let mut since = None;
        loop {
            for _ in 0..self.channels.len() {
                let index = self.next_channel;
                self.next_channel = if index + 1 < self.channels.len() { index + 1 } else { 0 };
                if let Some(arrival) = self.look(index) {
                    return Some(arrival);
                }
            }
            if self.receiving.is_empty() && !self.is_leaving() {
                return self.ready.pop_front();
            }
            self.advance_sends(SENDS_PER_POLL);
            for index in 0..self.receiving.len() {
                let Some(number) = self.receiving.get(index).copied() else { break };
                if let Some(arrival) = self.accept(number, Incoming::advance) {
                    return Some(arrival);
                }
            }
            if since.get_or_insert_with(Instant::now).elapsed() > ATTENTION {
                return self.ready.pop_front();
            }
            thread::yield_now();
        }
    }

    fn close(mut self: Box<Self>, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        self.attend(deadline, |this| this.missing().next().is_none());
        let missing: BTreeSet<WorkerNumber> = self.missing().collect();
        let intact = self.disconnect();
        // Do not wait again for workers that have not answered before.
        let grace = deadline.max(Instant::now() + Duration::from_millis(200));
        self.attend(if missing.is_empty() { deadline } else { grace }, |this| this.sending.is_empty());
        self.end_reception();
        let whole = self.channels.iter().filter(|channel| self.ends_workers && intact.contains(&channel.communicator));
        let leaving = whole.flat_map(|channel| channel.workers.iter().flatten().copied()).collect();
        let disconnected = ending::disconnect(intact, deadline.max(Instant::now() + Duration::from_secs(1)));
        if let Some(watch) = self.liveness.take() {
            let workers = (0..).map(WorkerNumber).zip(&self.workers);
            let lost = workers.filter(|(_, worker)| worker.lost).map(|(number, _)| number);
            let leaving = if disconnected.is_ok() { leaving } else { BTreeSet::new() };
            ending::see_off(watch.part(Parting { leaving, silent: missing.clone(), lost: lost.collect() }));
        }
        if missing.is_empty() {
            return disconnected;
        }
        let spawned = |number: &WorkerNumber| self.workers[number.index()].peer.communicator.is_intercommunicator();
        if !missing.iter().all(|number| spawned(number).unwrap_or(true)) {
            ending::note_silent_rank();
        }
        let names: Vec<String> = missing.iter().map(WorkerNumber::to_string).collect();
        Err(format!("these workers have not disconnected within {limit:?}: {}", names.join(", ")))
    }

    fn memory(&mut self) -> Vec<u8> {
        self.spare.take()
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        self.spare.put(bytes);
    }
}
