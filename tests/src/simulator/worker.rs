//! A modelled worker: the real worker's code over real frames, in virtual time.

use super::clock::{self, VirtualClock};
use super::tasks::{self, Ending, Execution};
use futures_mpi_core::engine::{Claimer, Claims, Frame, Held, Link, Next, Place, Worker, WorkerNumber, calls_apart};
use std::collections::VecDeque;

/// Where a modelled worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Working,
    /// Told to stop, or unable to work with its manager.
    Stopped,
    /// Killed at this time.
    Dead(u64),
}

pub(super) struct ModelledWorker {
    number: WorkerNumber,
    worker: Worker<'static, VirtualClock>,
    slowness: u64,
    life: Life,
    claims: Claims,
    claimer: Claimer,
    /// Whether it looks at calls one by one, so that those that it has not come to can be taken back.
    apart: bool,
    /// What it sends when it need not wait any more in the call in which it is.
    meeting: Option<Vec<Frame>>,
    /// The token of the call for which it waits there, unless it is to meet others.
    follows: Option<u64>,
    /// What it holds back meanwhile.
    held: Frame,
    /// When it has done what it was given.
    free_at: u64,
    /// What came while it was busy.
    waiting: VecDeque<Frame>,
    executions: Vec<Execution>,
}

/// What a worker does about what has come to it.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The frames that it sends, with the times.
    pub(super) sent: Vec<(u64, Frame)>,
    /// When it is free to look at what waits; `None` if nothing does, or if this was said before.
    pub(super) free_at: Option<u64>,
    /// Whether it has looked at a frame.
    pub(super) took: bool,
}

impl ModelledWorker {
    pub(super) fn new(number: WorkerNumber, slowness: u64, claims: Claims, apart: bool) -> Self {
        let worker = Worker::new(Place { host: "simulated", set_variable: None }, VirtualClock);
        let (waiting, executions) = (VecDeque::new(), Vec::new());
        ModelledWorker {
            number,
            worker,
            slowness,
            life: Life::Working,
            claimer: Claimer::new(claims.clone()),
            claims,
            apart,
            meeting: None,
            follows: None,
            held: Frame::default(),
            free_at: 0,
            waiting,
            executions,
        }
    }

    /// Whether it is slower than the fastest.
    pub(super) fn is_slow(&self) -> bool {
        self.slowness > 1
    }

    pub(super) fn life(&self) -> Life {
        self.life
    }

    /// What it has executed; calls that would have begun after its death are not among it.
    pub(super) fn executions(&self) -> &[Execution] {
        &self.executions
    }

    /// A frame comes to the worker, at this time.
    pub(super) fn receive(&mut self, now: u64, frame: Frame) -> Reply {
        // If others wait already it has said when it will look.
        let waits = !self.waiting.is_empty();
        self.waiting.extend(if self.apart { calls_apart(frame) } else { cut(frame) });
        if waits { Reply::default() } else { self.go_on(now) }
    }

    /// Deals with the frame that has waited longest, if it is free.
    ///
    /// All that the frame asks for is executed here and now, ahead of the time that it takes; if the worker is killed
    /// meanwhile, what it has not come to is undone.
    pub(super) fn go_on(&mut self, now: u64) -> Reply {
        if self.life != Life::Working {
            self.waiting.clear();
            return Reply::default();
        }
        if self.meeting.is_some() {
            return Reply::default();
        }
        if self.free_at > now {
            return Reply { free_at: Some(self.free_at), ..Reply::default() };
        }
        let Some(frame) = self.waiting.pop_front() else { return Reply::default() };
        let sent = self.take(now, frame);
        let waits = !self.waiting.is_empty() && self.meeting.is_none();
        Reply { sent, free_at: waits.then_some(self.free_at), took: true }
    }

    fn take(&mut self, now: u64, frame: Frame) -> Vec<(u64, Frame)> {
        let before = clock::now();
        clock::set(now);
        tasks::enter(self.number.0, self.slowness);
        let (aside, after) = (Held::default(), Vec::new());
        let mut link = Answers { sent: Vec::new(), claimer: &mut self.claimer, aside, after };
        let next = self.worker.take(frame, &mut link);
        let Answers { sent, after, .. } = link;
        self.executions.extend(tasks::take_executions());
        self.free_at = clock::now();
        clock::set(before);
        if next == Next::Stop {
            self.life = Life::Stopped;
        }
        self.follows = tasks::take_followed();
        if self.follows.is_some() {
            (self.meeting, self.held) = (Some(after), self.claims.held().take());
            return sent;
        }
        if tasks::waits_for_others() {
            self.meeting = Some(sent.into_iter().map(|(_, frame)| frame).collect());
            return Vec::new();
        }
        sent
    }

    /// For which call it waits in the one in which it is, if for any; and whether it has come to that yet.
    pub(super) fn follows(&self, now: u64) -> Option<(u64, bool)> {
        self.follows.map(|token| (token, self.free_at <= now))
    }

    /// It need not wait any more in the call in which it may be: it goes on.
    pub(super) fn meet(&mut self, now: u64) -> Option<Reply> {
        let frames = self.meeting.take()?;
        self.follows = None;
        let now = now.max(self.free_at);
        self.free_at = now;
        let held = Some(std::mem::take(&mut self.held)).filter(|held| !held.is_empty());
        let sent = held.into_iter().chain(frames).map(|frame| (now, frame)).collect();
        Some(Reply { sent, free_at: (!self.waiting.is_empty()).then_some(now), took: false })
    }

    /// It is asked for tasks that it has not begun; how many are begun, and what it holds back. Whoever is gone says
    /// nothing.
    pub(super) fn give_back(&mut self, from: u64, until: u64) -> Option<(u64, Frame)> {
        if self.life != Life::Working {
            return None;
        }
        // Between two frames it holds nothing back, but in a call.
        let (begun, _) = self.claims.recall(from, until);
        Some((begun, std::mem::take(&mut self.held)))
    }

    /// How many frames it has to look at.
    pub(super) fn waiting(&self) -> usize {
        if self.life == Life::Working { self.waiting.len() } else { 0 }
    }

    /// When it has done what it was given.
    pub(super) fn busy_until(&self) -> u64 {
        self.free_at
    }

    /// Makes it free at once, where time does not matter.
    pub(super) fn rest(&mut self) {
        self.free_at = 0;
    }

    /// Kills it; what it was doing at this time remains unfinished.
    pub(super) fn die(&mut self, now: u64) {
        if self.life == Life::Working {
            self.life = Life::Dead(now);
            (self.meeting, self.follows) = (None, None);
            self.executions.retain(|execution| execution.begin <= now);
        }
    }

    /// Its connection has ended.
    pub(super) fn hang_up(&mut self) {
        if self.life == Life::Working {
            self.life = Life::Stopped;
        }
    }
}

/// Divides a frame of calls behind each that waits for another one to be done, so that what is behind it is not begun.
fn cut(frame: Frame) -> Vec<Frame> {
    // Such a call takes no time, as a number of eight bytes, before it ends like this; other calls that look so do no
    // harm.
    let like = [0, 0, 0, 0, 0, 0, 0, 0, Ending::Following as u8];
    let waits = |call: &Frame| call.bytes.windows(like.len()).any(|bytes| bytes == like);
    let calls = calls_apart(frame.clone());
    if calls.len() < 2 || !calls.iter().any(waits) {
        return vec![frame];
    }
    let mut frames: Vec<Frame> = Vec::new();
    let mut begins = true;
    for call in calls {
        let next = waits(&call);
        match frames.last_mut().filter(|_| !begins) {
            // The first byte says that it is a frame of calls.
            Some(frame) => frame.bytes.extend(&call.bytes[1..]),
            None => frames.push(call),
        }
        begins = next;
    }
    frames
}

/// A worker's end of the network: keeps what is sent, with the time.
struct Answers<'a> {
    sent: Vec<(u64, Frame)>,
    claimer: &'a mut Claimer,
    /// What is held back behind a call that waits, in place of what is held back before it.
    aside: Held,
    /// What is sent when the call need not wait any more in which the worker is.
    after: Vec<Frame>,
}

impl Link for Answers<'_> {
    /// The simulator gives out frames one by one; there is never another to wait for.
    fn receive(&mut self) -> Option<Frame> {
        None
    }

    fn send(&mut self, frame: Frame) {
        if tasks::is_following() {
            self.after.push(frame);
        } else {
            self.sent.push((clock::now(), frame));
        }
    }

    fn begin(&mut self) -> bool {
        self.claimer.begin()
    }

    fn held(&self) -> Option<&Held> {
        Some(if tasks::is_following() { &self.aside } else { self.claimer.held() })
    }
}
