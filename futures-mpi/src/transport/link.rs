//! The worker's end over MPI: waits with a backoff, and computes on while the manager takes what it has sent.

mod under_way;

use crate::comm_workers;
use crate::lifeline::{Fate, Invitation, Line, Silence};
use crate::sys::{self, Communicator, Mailbox, MpiError, Sending, Source};
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
/// farewell. Dropped without that, it tells nobody and lets nothing wait.
pub(crate) struct MpiLink {
    communicator: Communicator,
    /// The rank of the manager.
    root: i32,
    /// Where letters arrive; none before the first look, and after the farewell.
    mailbox: Option<Mailbox>,
    incoming: Incoming,
    under_way: UnderWay,
    /// Scratch for what the last letter has left under way.
    started: Vec<Sending>,
    spare: Spare,
    /// While there is nothing to do.
    idle: Backoff,
    /// While a frame arrives or a large one leaves, which moves only while this process looks: never asleep.
    moving: Backoff,
    /// While the manager takes frames that are not large.
    handing_over: Backoff,
    part_bytes: usize,
    /// What the manager said last, or that it is gone.
    end: Option<End>,
    /// Which tasks are begun, and which were taken back.
    claims: Claims,
    claimer: Claimer,
    /// The connection that ends this process when the manager's is gone.
    life_line: Option<Line>,
    /// For how long nothing has been said to the manager. What the manager has said does not count: this process may have
    /// found it late, when the manager dozed again.
    silence: Silence,
    /// What becomes of this process then.
    fate: Fate,
}

/// The longest sleep while the manager takes a frame: a socket's buffer lasts that long.
const HANDING_OVER: Duration = Duration::from_micros(50);

/// How a worker goes after its farewell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// MPI can be finalised: all workers of the same world do so.
    Whole,
    /// The same, but another worker of the same world may not do so for a while.
    Unsure,
    /// Another worker of the same world is gone, and finalising MPI would wait for it.
    AtOnce,
}

/// Why nothing more comes.
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
            mailbox: None,
            incoming: Incoming::new(communicator, root, &Arc::<Recycler>::default()),
            under_way: UnderWay::new(),
            started: Vec::new(),
            spare: Spare::default(),
            idle: Backoff::new(backoff, crowded),
            moving: Backoff::new(Duration::ZERO, true),
            handing_over: Backoff::new(backoff.min(HANDING_OVER), crowded),
            part_bytes: stream::part_bytes(),
            end: None,
            claimer: Claimer::new(claims.clone()),
            claims,
            life_line: None,
            silence: Silence::default(),
            fate: Fate::Ends,
        }
    }

    /// The same of a process that does not end with its manager by itself.
    pub(crate) fn with_fate(self, fate: Fate) -> Self {
        MpiLink { fate, ..self }
    }

    /// The error of MPI that ended this link.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.end {
            Some(End::Failed(text)) => Some(text),
            _ => None,
        }
    }

    /// Says farewell, for up to `limit`: then the manager has taken all that was sent to it, and the connection to a
    /// process that spawned this one is closed, if that process can close it too. Otherwise this worker just goes, and
    /// an error says why.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Parting, String> {
        self.part(limit)
    }

    /// The same at the end of this process, by which the manager notices that it has ended. If the farewell fails, the
    /// end of the manager ends this process until it has ended by itself, because what is left of MPI may wait for the
    /// manager.
    pub(crate) fn finish_with_process(mut self, limit: Duration) -> Result<Parting, String> {
        let parted = self.part(limit);
        let end = if parted.is_err() { Line::keep } else { Line::leave };
        self.life_line.take().into_iter().for_each(end);
        parted
    }

    fn part(&mut self, limit: Duration) -> Result<Parting, String> {
        let told = self.say_farewell(Instant::now() + limit);
        self.under_way.end();
        if let Some(mailbox) = self.mailbox.take() {
            // Nobody else sends to it, and what a manager sends after its last word is of no interest.
            let closed = mailbox.close().map_err(|error| error.to_string());
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
    fn say_farewell(&mut self, deadline: Instant) -> Result<(), String> {
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
                    return Err("the manager did not say farewell in time".to_owned());
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
        let (communicator, rank, part) = (self.communicator, self.root, self.part_bytes);
        let started = &mut self.started;
        let keep: &mut dyn FnMut(Sending) = &mut |sending| started.push(sending);
        let outcome = send(Outgoing { communicator, rank, part, spare: &mut self.spare, keep });
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
                let Some(letter) = self.next_letter().map_err(|error| error.to_string())? else { return Ok(None) };
                item = self.incoming.accept(letter)?;
            }
            match item {
                Some(Item::Frame(frame)) => return Ok(Some(frame)),
                Some(Item::Control(Control::Maimed)) => {
                    comm_workers::break_up();
                    self.life_line.iter().for_each(Line::end_with_master);
                }
                Some(Item::Control(control)) => {
                    self.end = Some(End::Told(control));
                    return Ok(None);
                }
                Some(Item::Invitation(bytes)) => self.join_life_line(&bytes),
                // Not whole yet: more of it may be there already.
                None => {}
            }
        }
    }

    fn next_letter(&mut self) -> Result<Option<Vec<u8>>, MpiError> {
        let mailbox = match &mut self.mailbox {
            Some(mailbox) => mailbox,
            none => none.insert(stream::open_mailbox(self.communicator, Source::Rank(self.root))?),
        };
        Ok(mailbox.look(|| self.spare.take())?.map(|(_, letter)| letter))
    }

    /// Connects to the manager as it asks; a worker that cannot goes on without, and says so.
    fn join_life_line(&mut self, bytes: &[u8]) {
        let invitation = Invitation::from_bytes(bytes).ok_or_else(|| "its invitation cannot be read".to_owned());
        match invitation.and_then(|invitation| Line::connect(&invitation, self.fate, self.claims.clone())) {
            Ok(line) => self.life_line = Some(line),
            Err(reason) => say(&format!(
                "a worker on {} goes on without a life line, so that it may not be noticed if it is lost: \
                 {reason}. FUTURES_MPI_LIFELINE can name the address of the interface that workers reach, or be 0",
                sys::host_name()
            )),
        }
    }

    /// Waits until the worker may compute on.
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

    /// Waits before the next look, with a life line until the manager calls at the longest.
    fn rest(&mut self) {
        self.idle.pause().carry_out(|sleep| {
            let Some(line) = &self.life_line else { return thread::sleep(sleep) };
            if line.sleep(self.idle.doze(sleep, || line.is_called())) {
                // What was announced may still be on its way.
                self.idle.reset();
            }
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
        if let Some(line) = &self.life_line
            && self.silence.end()
        {
            // Before it is waited for, in which a manager that dozes would not take part.
            line.call();
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

    /// In reach as long as the life line is there.
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
