//! The worker's end over MPI: waits with a backoff, and computes on while the manager takes what it has sent.

mod under_way;

use crate::comm_workers;
use crate::liveness::{Invitation, MasterConnection, OrphanPolicy};
use crate::sys::{self, Communicator, MpiError, PersistentReceive, Sending, Source};
use crate::transport::stream::{self, Control, Incoming, Item, Outgoing, Spare};
use futures_mpi_core::engine::{Backoff, Claimer, Claims, Frame, Held, Link, Recycler, say};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use under_way::UnderWay;
pub(crate) use under_way::end_help;

/// The worker's end over MPI.
///
/// After [`receive`](Link::receive) has given `None`, or the worker was told to stop, [`finish`](Self::finish) says
/// goodbye. Dropped without that, it sends nothing and waits for nothing.
pub(crate) struct MpiLink {
    communicator: Communicator,
    /// The rank of the manager.
    root: i32,
    /// Where eager messages arrive; none before the first look, and after the goodbye.
    persistent_receive: Option<PersistentReceive>,
    incoming: Incoming,
    under_way: UnderWay,
    /// Scratch for the sends that the last message has left under way.
    started: Vec<Sending>,
    spare: Spare,
    /// The backoff while there is nothing to do.
    idle: Backoff,
    /// The backoff while a frame arrives or a large one leaves, which moves only while this process polls: it never
    /// sleeps.
    moving: Backoff,
    /// The backoff while the manager takes frames that are not large.
    handing_over: Backoff,
    segment_bytes: usize,
    /// The manager's last control message, or its end.
    end: Option<End>,
    /// Which tasks are begun, and which were taken back.
    claims: Claims,
    claimer: Claimer,
    /// The connection that ends this process when the manager's is gone.
    liveness: Option<MasterConnection>,
    /// The fate of this process when the manager's is gone.
    orphan_policy: OrphanPolicy,
}

/// The longest sleep while the manager takes a frame: a socket's buffer lasts that long.
const HANDING_OVER: Duration = Duration::from_micros(50);

/// How a worker ends after its goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// MPI can be finalised: all workers of the same world do so.
    Whole,
    /// MPI can be finalised, but another worker of the same world may not do so for a while.
    Unsure,
    /// Another worker of the same world is gone, and finalising MPI would wait for it.
    AtOnce,
}

/// The reason why nothing more arrives.
#[derive(Debug)]
enum End {
    /// The manager said how to go.
    Told(Control),
    /// MPI reported an error.
    Failed(String),
}

impl MpiLink {
    /// A link to the process that spawned this one, over an intercommunicator.
    pub(crate) fn to_parent(parent: Communicator, backoff: Duration, crowded: bool) -> Result<Self, MpiError> {
        parent.return_errors()?;
        Ok(Self::new(parent, 0, backoff, crowded))
    }

    /// A link to the process with the rank `root` of a communicator that is used for nothing else; an idle one sleeps
    /// for up to `backoff` at a time. `crowded`: there are more processes than cores.
    pub(crate) fn new(communicator: Communicator, root: i32, backoff: Duration, crowded: bool) -> Self {
        let claims = Claims::default();
        MpiLink {
            communicator,
            root,
            persistent_receive: None,
            incoming: Incoming::new(communicator, root, &Arc::<Recycler>::default()),
            under_way: UnderWay::new(),
            started: Vec::new(),
            spare: Spare::default(),
            idle: Backoff::new(backoff, crowded),
            moving: Backoff::new(Duration::ZERO, true),
            handing_over: Backoff::new(backoff.min(HANDING_OVER), crowded),
            segment_bytes: stream::segment_bytes(),
            end: None,
            claimer: Claimer::new(claims.clone()),
            claims,
            liveness: None,
            orphan_policy: OrphanPolicy::Ends,
        }
    }

    /// Sets the fate of this process when its manager is gone.
    pub(crate) fn with_fate(self, orphan_policy: OrphanPolicy) -> Self {
        MpiLink { orphan_policy, ..self }
    }

    /// The error of MPI that ended this link.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.end {
            Some(End::Failed(text)) => Some(text),
            _ => None,
        }
    }

    /// Says goodbye, for up to `limit`: then the manager has taken all that was sent to it, and the connection to a
    /// process that spawned this one is closed, if that process can close it too. Otherwise this worker just ends, and
    /// an error gives the reason.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Parting, String> {
        self.part(limit)
    }

    /// Says goodbye at the end of this process, by which the manager notices that it has ended. If the goodbye fails,
    /// the end of the manager ends this process until it has ended by itself, because what is left of MPI may wait for
    /// the manager.
    pub(crate) fn finish_with_process(mut self, limit: Duration) -> Result<Parting, String> {
        let parted = self.part(limit);
        let end = if parted.is_err() { MasterConnection::keep } else { MasterConnection::leave };
        self.liveness.take().into_iter().for_each(end);
        parted
    }

    fn part(&mut self, limit: Duration) -> Result<Parting, String> {
        let told = self.say_goodbye(Instant::now() + limit);
        self.under_way.end();
        if let Some(persistent_receive) = self.persistent_receive.take() {
            // Only the manager sends to it, and its messages after the last control message do not matter.
            let closed = persistent_receive.close().map_err(|error| error.to_string());
            told.and(closed.map(drop))?;
        } else {
            told?;
        }
        match self.end {
            // The manager disconnects too, as soon as it has said so.
            Some(End::Told(Control::Disconnect)) => {
                self.communicator.disconnect().map_err(|error| error.to_string())?;
                Ok(Parting::Whole)
            }
            Some(End::Told(Control::LeaveAtOnce)) => Ok(Parting::AtOnce),
            Some(End::Told(Control::Leave)) => Ok(Parting::Unsure),
            _ => Ok(Parting::Whole),
        }
    }

    /// Waits until the manager has said how to go and has taken everything, or until the deadline.
    fn say_goodbye(&mut self, deadline: Instant) -> Result<(), String> {
        if let Some(text) = self.error() {
            return Err(text.to_owned());
        }
        if self.end.is_none() {
            self.start(|outgoing| outgoing.control(Control::Ready))?;
        }
        self.idle.reset();
        while !matches!(self.end, Some(End::Told(_))) || !self.under_way.is_empty() {
            match self.under_way.advance().and_then(|()| self.look()) {
                Ok(Some(_)) => {}
                Ok(None) if Instant::now() >= deadline => {
                    return Err("the master did not say goodbye in time".to_owned());
                }
                Ok(None) => self.idle.wait(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Starts to send something to the manager.
    fn start(
        &mut self,
        send: impl FnOnce(Outgoing<'_, &mut dyn FnMut(Sending)>) -> Result<(), MpiError>,
    ) -> Result<(), String> {
        let (communicator, rank, segment) = (self.communicator, self.root, self.segment_bytes);
        let started = &mut self.started;
        let keep: &mut dyn FnMut(Sending) = &mut |sending| started.push(sending);
        let outcome = send(Outgoing { communicator, rank, segment, spare: &mut self.spare, keep });
        if !self.started.is_empty() {
            self.under_way.add(self.started.drain(..));
        }
        outcome.map_err(|error| error.to_string())
    }

    /// The next frame, if there is one now.
    fn look(&mut self) -> Result<Option<Frame>, String> {
        loop {
            let mut item = self.incoming.advance()?;
            if item.is_none() {
                if self.incoming.is_busy() {
                    return Ok(None);
                }
                let Some(eager) = self.next_eager().map_err(|error| error.to_string())? else { return Ok(None) };
                item = self.incoming.accept(eager)?;
            }
            match item {
                Some(Item::Frame(frame)) => return Ok(Some(frame)),
                Some(Item::Control(Control::Degraded)) => {
                    comm_workers::break_up();
                    self.liveness.iter().for_each(MasterConnection::end_with_master);
                }
                Some(Item::Control(control)) => {
                    self.end = Some(End::Told(control));
                    return Ok(None);
                }
                Some(Item::Invitation(bytes)) => self.join_liveness(&bytes),
                // Not whole yet: more of it may have arrived already.
                None => {}
            }
        }
    }

    fn next_eager(&mut self) -> Result<Option<Vec<u8>>, MpiError> {
        let persistent_receive = match &mut self.persistent_receive {
            Some(persistent_receive) => persistent_receive,
            none => none.insert(stream::open_persistent_receive(self.communicator, Source::Rank(self.root))?),
        };
        Ok(persistent_receive.look(|| self.spare.take())?.map(|(_, eager)| eager))
    }

    /// Connects to the manager as it asks; a worker that cannot continues without, and prints the reason.
    fn join_liveness(&mut self, bytes: &[u8]) {
        let invitation = Invitation::from_bytes(bytes).ok_or_else(|| "its invitation cannot be read".to_owned());
        match invitation
            .and_then(|invitation| MasterConnection::connect(&invitation, self.orphan_policy, self.claims.clone()))
        {
            Ok(line) => self.liveness = Some(line),
            Err(reason) => say(&format!(
                "a worker on {} continues without a liveness connection, so its loss may go unnoticed: {reason}. Set \
                 FUTURES_MPI_LIVENESS to the address of the master's interface that workers reach, or to 0 to turn the \
                 connections off",
                sys::host_name()
            )),
        }
    }

    /// Waits until the worker may continue computing.
    fn hand_over(&mut self) -> Result<(), String> {
        loop {
            self.under_way.advance()?;
            if self.under_way.may_be_left() {
                return Ok(());
            }
            self.wait_for_manager();
        }
    }

    /// Waits before the next look while the manager takes what was sent.
    fn wait_for_manager(&mut self) {
        if self.under_way.len_bytes() >= stream::LARGE_BYTES { self.moving.wait() } else { self.handing_over.wait() }
    }

    /// Waits before the next look, with a liveness connection until the manager calls at the longest.
    fn rest(&mut self) {
        self.idle.pause().carry_out(|sleep| match &self.liveness {
            Some(line) => line.rest(&mut self.idle, sleep),
            None => thread::sleep(sleep),
        });
    }

    fn fail(&mut self, error: String) {
        self.end = Some(End::Failed(error));
    }
}

impl Link for MpiLink {
    fn receive(&mut self) -> Option<Frame> {
        self.idle.reset();
        self.moving.reset();
        while self.end.is_none() {
            match self.under_way.advance().and_then(|()| self.look()) {
                Ok(Some(frame)) => return Some(frame),
                Ok(None) if self.incoming.is_busy() => self.moving.wait(),
                Ok(None) if !self.under_way.is_empty() => self.wait_for_manager(),
                Ok(None) => self.rest(),
                Err(error) => self.fail(error),
            }
        }
        None
    }

    /// Returns while the frame may still be under way, unless there is much of that; see [`UnderWay`].
    fn send(&mut self, frame: Frame) {
        if self.end.is_some() {
            return;
        }
        let mut outcome = self.start(|outgoing| outgoing.frame(frame));
        if let Some(line) = &mut self.liveness {
            // Before it is waited for, in which a manager that sleeps deeply would not take part.
            line.spoke();
        }
        if outcome.is_ok() && !self.under_way.is_empty() {
            self.moving.reset();
            self.handing_over.reset();
            outcome = self.hand_over();
        }
        if let Err(error) = outcome {
            self.fail(error);
        }
    }

    fn begin(&mut self) -> bool {
        self.claimer.begin()
    }

    /// In reach as long as the liveness connection is there.
    fn held(&self) -> Option<&Held> {
        Some(self.claimer.held())
    }

    fn memory(&mut self) -> Vec<u8> {
        self.spare.take()
    }

    fn reuse(&mut self, bytes: Vec<u8>) {
        self.spare.put(bytes);
    }
}
