//! What a future and its pool share: a phase that only goes forward, an outcome, and who waits for it.

use super::cancel::cancel_all;
use super::listeners::{Adoption, Callback, Link, Listener, Listeners, Listening, Notice, Settled, Source};
use super::roster::Key;
use super::watch::Watch;
use crate::base::ids::{ClientNumber, TaskNumber};
use crate::base::parker::{Awaited, Parker};
use crate::driver::command::Command;
use crate::driver::outcome::Outcome;
use crate::error::{Error, Kind};
use crate::pool::callbacks::{self, Calling};
use crate::pool::inbox::Inbox;
use crate::task;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

/// Where a future is in its life. It goes from `Pending` to `Running` to `Finished`, or from `Pending` to `Cancelled`;
/// a task that is tried again goes back from `Running` to `Pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Pending,
    Running,
    Finished,
    Cancelled,
}

/// The shared state of a future.
///
/// Invariants: `outcome` is set before the phase becomes `Finished`, and never otherwise; the phase is final before
/// `listeners` are looked at for the last time, so that whoever finds it not final under the lock will be told. Whoever
/// comes to listen says so in `heard` before he looks at the phase, and whoever ends the future looks there after it is
/// final: one of them sees the other.
pub(crate) struct State {
    task: TaskNumber,
    client: ClientNumber,
    inbox: Arc<Inbox>,
    phase: AtomicU8,
    /// Whether there may be listeners; most futures have none, and are spared the lock.
    heard: AtomicBool,
    outcome: OnceLock<Outcome>,
    /// Boxed, because most futures have none.
    listeners: Mutex<Option<Box<Listeners>>>,
}

impl State {
    /// The state of a future of a task that `inbox` is going to be given, by this client.
    pub(crate) fn new(task: TaskNumber, client: ClientNumber, inbox: Arc<Inbox>) -> Arc<Self> {
        Arc::new(State {
            task,
            client,
            inbox,
            phase: AtomicU8::new(Phase::Pending as u8),
            heard: AtomicBool::new(false),
            outcome: OnceLock::new(),
            listeners: Mutex::new(None),
        })
    }

    pub(crate) fn task(&self) -> TaskNumber {
        self.task
    }

    /// The executor that has submitted the task, or the one of the future that this one is derived from.
    pub(crate) fn client(&self) -> ClientNumber {
        self.client
    }

    /// The door to the pool by whose threads this future is brought forward.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Pending,
            1 => Phase::Running,
            2 => Phase::Finished,
            _ => Phase::Cancelled,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.phase(), Phase::Finished | Phase::Cancelled)
    }

    /// Takes the future from pending to running; `false` if it has been cancelled before.
    pub(crate) fn start(&self) -> bool {
        self.advance(Phase::Pending, Phase::Running)
    }

    /// Takes the future back from running to pending: its task will be sent again.
    pub(crate) fn rest(&self) {
        self.advance(Phase::Running, Phase::Pending);
    }

    /// Gives the future its outcome, unless it is done already.
    pub(crate) fn finish(self: &Arc<Self>, outcome: Outcome) {
        let mut notices = Vec::new();
        self.finish_quietly(outcome, &mut notices);
        notices.into_iter().for_each(Notice::tell);
    }

    /// The same, and leaves it to the caller to tell wakers and callbacks.
    pub(crate) fn finish_quietly(self: &Arc<Self>, outcome: Outcome, notices: &mut Vec<Notice>) {
        if self.phase() == Phase::Pending {
            self.start();
        }
        if self.phase() == Phase::Running && self.outcome.set(outcome).is_ok() {
            self.phase.store(Phase::Finished as u8, Ordering::SeqCst);
            self.notify(notices);
        }
    }

    /// What became of the task, if it is finished.
    pub(crate) fn finished(&self) -> Option<&Outcome> {
        (self.phase() == Phase::Finished).then(|| self.outcome.get()).flatten()
    }

    /// Says from which futures this one is derived, instead of those before; `false` if it is done already.
    pub(crate) fn derive_from(&self, sources: impl IntoIterator<Item = Arc<State>>) -> bool {
        let source = |state| Source { state, key: None, linked: false };
        let sources = sources.into_iter().map(source).collect();
        let mut listeners = self.listen();
        let open = !self.is_done();
        if open {
            listeners.get_or_insert_default().sources = sources;
        }
        open
    }

    /// Says where this future listens at one of its sources, so that it does no more when it is done or gone.
    pub(super) fn listens_at(&self, place: usize, source: &Arc<State>, key: Key, linked: bool) {
        let mut listeners = self.lock();
        let at = listeners.as_mut().and_then(|listeners| listeners.sources.get_mut(place));
        match at.filter(|at| Arc::ptr_eq(&at.state, source)) {
            Some(at) => (at.key, at.linked) = (Some(key), linked),
            None => {
                drop(listeners);
                source.forget(key);
            }
        }
    }

    /// The futures from which this one is derived, as long as it is not done.
    pub(crate) fn sources(&self) -> Vec<Arc<State>> {
        let listeners = self.lock();
        let sources = listeners.as_ref().map_or(&[][..], |listeners| &listeners.sources[..]);
        sources.iter().map(|source| Arc::clone(&source.state)).collect()
    }

    /// Cancels the future if its task has not been sent; whether it is cancelled now.
    pub(crate) fn cancel(self: &Arc<Self>) -> bool {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.inbox.push(Command::Cancel(self.task));
            self.tell_of_cancellation();
        }
        self.phase() == Phase::Cancelled
    }

    /// The same for a task that the pool is going to be told about, or has not taken.
    pub(crate) fn cancel_here(self: &Arc<Self>) {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.tell_of_cancellation();
        }
    }

    fn tell_of_cancellation(self: &Arc<Self>) {
        let mut wakers = Vec::new();
        let Settled { callbacks, sources } = self.settle(&mut wakers);
        wakers.into_iter().for_each(Notice::tell);
        callbacks.into_iter().for_each(|callback| self.call_here(Calling::Callback, callback));
        sources.iter().for_each(Source::leave);
        cancel_all(sources.into_iter().map(|source| source.state));
    }

    /// The same from the pool's side, which has forgotten the task and must not wait for callbacks.
    pub(crate) fn cancelled_by_pool(self: &Arc<Self>, notices: &mut Vec<Notice>) {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.notify(notices);
        }
    }

    /// Settles, and leaves it to the caller to tell wakers and callbacks.
    fn notify(self: &Arc<Self>, notices: &mut Vec<Notice>) {
        if !self.heard.load(Ordering::SeqCst) {
            return;
        }
        let Settled { callbacks, sources } = self.settle(notices);
        sources.iter().for_each(Source::leave);
        let call = |callback| Notice::Call(Arc::clone(&self.inbox), self.client, callback);
        notices.extend(callbacks.into_iter().map(call));
    }

    /// Calls `callback` when the future is done: now, if it is. Otherwise it can be taken away by what is returned.
    pub(crate) fn add_callback(&self, calling: Calling, callback: Callback) -> Option<Key> {
        let mut listeners = self.listen();
        if self.is_done() {
            drop(listeners);
            self.call_here(calling, callback);
            return None;
        }
        Some(listeners.get_or_insert_default().add(Listener::Call(callback), &self.inbox))
    }

    /// Calls a callback of this future, which is done, in this thread, unless that would take too much of its stack.
    fn call_here(&self, calling: Calling, callback: Callback) {
        callbacks::run_here(calling, callback, |callback| self.inbox.call_back(self.client, callback));
    }

    /// Lets another future become what this one becomes: now, if it is done. Otherwise it can be taken away by what is
    /// returned.
    pub(super) fn link(self: &Arc<Self>, link: Box<dyn Link>) -> Option<Key> {
        let mut listeners = self.listen();
        if self.is_done() {
            drop(listeners);
            link.adopt(self);
            return None;
        }
        Some(listeners.get_or_insert_default().add(Listener::Link(link), &self.inbox))
    }

    /// Steps out of a row of futures of which each becomes what the next becomes, so that a row that grows at one end
    /// is not kept; with those before it, which had no chance to do it before.
    ///
    /// Only if nobody holds this future but the one before it, and the caller by one handle.
    pub(super) fn step_aside(self: &Arc<Self>) {
        let mut before = self.step_aside_alone();
        while let Some(state) = before {
            before = state.step_aside_alone();
        }
    }

    /// The same for this one; the one before it if it is out of the row now.
    fn step_aside_alone(self: &Arc<Self>) -> Option<Arc<State>> {
        if Arc::strong_count(self) != 2 {
            return None;
        }
        let (before, next, key) = self.neighbours()?;
        let before = before.upgrade()?;
        // From here on the one before is cancelled together with the next one.
        if !before.follows_instead(self, &next, key) || !next.relink(key, &before) {
            return None;
        }
        // What listened at the next one for this future does so for the one before, and nobody listens here any more.
        let gone = self.lock().take();
        drop(gone);
        self.inbox.seat().relieve();
        Some(before)
    }

    /// The future before this one in a row, which must be all that listens here, and the one after it, with the key by
    /// which this one listens there.
    fn neighbours(&self) -> Option<(Weak<State>, Arc<State>, Key)> {
        let mut listeners = self.lock();
        let Listeners { roster, sources, sleepers: _, relying: 1 } = &mut **listeners.as_mut()? else { return None };
        let [Source { state, key: Some(key), linked: true }] = &sources[..] else { return None };
        let Some(Listener::Link(link)) = roster.only() else { return None };
        Some((link.derived().clone(), Arc::clone(state), *key))
    }

    /// Follows `next`, where something listens already, instead of `source`; `false` if it does not follow that any more.
    fn follows_instead(&self, source: &Arc<State>, next: &Arc<State>, key: Key) -> bool {
        let mut listeners = self.lock();
        let sources = listeners.as_mut().map_or(&mut [][..], |listeners| &mut listeners.sources[..]);
        let [at] = sources else { return false };
        let follows = Arc::ptr_eq(&at.state, source) && at.linked;
        if follows {
            // The caller holds the one before.
            *at = Source { state: Arc::clone(next), key: Some(key), linked: true };
        }
        follows
    }

    /// Lets another future than before become what this one becomes; `false` if what listened has been told or taken
    /// away.
    fn relink(&self, key: Key, derived: &Arc<State>) -> bool {
        let mut listeners = self.lock();
        let listener = listeners.as_mut().and_then(|listeners| listeners.roster.get_mut(key));
        let Some(Listener::Link(link)) = listener else { return false };
        *link.derived() = Arc::downgrade(derived);
        true
    }

    /// Reports to `watch` by this token when the future is done, unless what is returned has been dropped: now, if it
    /// is. `relying` says that whoever looks at the watch does not drive this future's pool.
    pub(crate) fn watch(self: &Arc<Self>, watch: &Arc<Watch>, token: usize, relying: bool) -> Listening {
        let mut listeners = self.listen();
        let key = if self.is_done() {
            drop(listeners);
            watch.report(token);
            None
        } else {
            let report = Listener::Report { watch: Arc::clone(watch), token, relying };
            Some(listeners.get_or_insert_default().add(report, &self.inbox))
        };
        Listening { state: Arc::clone(self), key }
    }

    /// The outcome if there is one; otherwise `waker` will be told, unless what is returned has been dropped.
    pub(crate) fn poll(self: &Arc<Self>, waker: &Waker) -> Result<Result<&Outcome, Error>, Listening> {
        if !self.is_done() {
            // Outside of the lock, because it is somebody else's code.
            let wake = Listener::Wake(waker.clone());
            let mut listeners = self.listen();
            if !self.is_done() {
                let key = Some(listeners.get_or_insert_default().add(wake, &self.inbox));
                return Err(Listening { state: Arc::clone(self), key });
            }
        }
        Ok(self.outcome())
    }

    /// Waits for the outcome, until `deadline` if there is one, and drives the pool meanwhile if nobody else does.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Result<&Outcome, Error> {
        if !self.is_done() {
            let begin = deadline.map(|_| Instant::now());
            if !self.inbox.wait_for(self, deadline) {
                let derived = self.lock().as_ref().is_some_and(|listeners| !listeners.sources.is_empty());
                return Err(timed_out(begin.map_or(Duration::ZERO, |begin| begin.elapsed()), self.phase(), derived));
            }
        }
        self.outcome()
    }

    /// Takes a listener away, which may have been told meanwhile.
    pub(super) fn forget(&self, key: Key) {
        if !self.is_done() {
            let gone = self.lock().as_mut().and_then(|listeners| listeners.remove(key, &self.inbox));
            // Not under the lock: with it may go the last handle of this future. And it is somebody else's code.
            task::contain(|| drop(gone));
        }
    }

    pub(super) fn outcome(&self) -> Result<&Outcome, Error> {
        self.outcome.get().ok_or_else(|| Error::new(Kind::Cancelled, "the future was cancelled"))
    }

    fn advance(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Calls all who sleep and reports to watches; wakers are added to `notices`, and the rest is returned.
    fn settle(self: &Arc<Self>, notices: &mut Vec<Notice>) -> Settled {
        let Some(listeners) = self.lock().take() else { return Settled::default() };
        let Listeners { roster, mut sleepers, sources, relying } = *listeners;
        sleepers.call();
        if relying > 0 {
            self.inbox.seat().relieve();
        }
        let mut callbacks = Vec::new();
        for listener in roster {
            match listener {
                Listener::Wake(waker) => notices.push(Notice::Wake(waker)),
                Listener::Call(callback) => callbacks.push(callback),
                Listener::Link(link) => notices.push(Notice::Adopt(Arc::clone(self), Adoption(link))),
                Listener::Report { watch, token, .. } => watch.report(token),
            }
        }
        Settled { callbacks, sources }
    }

    fn take_sources(&mut self) -> Vec<Source> {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.as_mut().map_or_else(Vec::new, |listeners| std::mem::take(&mut listeners.sources))
    }

    /// The listeners, for somebody who may become one.
    fn listen(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        let listeners = self.lock();
        self.heard.store(true, Ordering::SeqCst);
        listeners
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    /// A future that nobody holds any more does not listen any more, nor do those that go with it: one after the other,
    /// because a row of them may be long.
    fn drop(&mut self) {
        let mut left = self.take_sources();
        while let Some(source) = left.pop() {
            source.leave();
            if let Some(mut state) = Arc::into_inner(source.state) {
                left.append(&mut state.take_sources());
            }
        }
    }
}

impl Awaited for State {
    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn enroll(&self, parker: &Arc<Parker>) -> bool {
        let mut listeners = self.listen();
        let waits = !self.is_done();
        if waits {
            listeners.get_or_insert_default().sleepers.add(parker);
        }
        waits
    }

    fn withdraw(&self, parker: &Arc<Parker>) {
        if let Some(listeners) = self.lock().as_mut() {
            listeners.sleepers.remove(parker);
        }
    }
}

fn timed_out(waited: Duration, phase: Phase, derived: bool) -> Error {
    let state = match phase {
        _ if derived => "what it is derived from is not done",
        Phase::Pending => "its task is still queued",
        _ => "its task is still running",
    };
    Error::new(Kind::Timeout, format!("the future was not done after {:.3} s; {state}", waited.as_secs_f64()))
}
