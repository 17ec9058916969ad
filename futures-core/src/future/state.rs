//! What a future and its pool share: a phase that only goes forward, an outcome, and who waits for it.

use super::cancel::cancel_all;
use super::roster::{Key, Roster};
use super::watch::Watch;
use crate::callbacks;
use crate::error::{Error, Kind};
use crate::gate::Gate;
use crate::ids::{ClientNumber, TaskNumber};
use crate::inbox::{Command, Inbox};
use crate::parker::{Awaited, Parker, Sleepers};
use crate::payload::Outcome;
use crate::say::say;
use crate::task;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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

/// Who is to be told when a future is done.
#[derive(Default)]
struct Listeners {
    roster: Roster<Listener>,
    sleepers: Sleepers,
    /// The futures that this one is derived from, and which are cancelled with it.
    sources: Vec<Arc<State>>,
    /// How many of the listeners rely on others to drive the pool; while there are any, the seat knows of it.
    relying: usize,
}

/// What is to be done when a future is done, by somebody who may lose interest before.
enum Listener {
    Wake(Waker),
    Call(Callback),
    Report {
        watch: Arc<Watch>,
        token: usize,
        /// Whether whoever looks at the watch does not drive this future's pool.
        relying: bool,
    },
}

/// Who is left to be dealt with when a future is done.
#[derive(Default)]
struct Settled {
    callbacks: Vec<Callback>,
    sources: Vec<Arc<State>>,
}

/// A listener of a future, which is taken away again when this is dropped; none if the future was done.
pub(crate) struct Listening {
    pub(super) state: Arc<State>,
    key: Option<Key>,
}

impl Listening {
    /// Has this waker told instead of the one before; `false` if the future is done.
    pub(super) fn wake_instead(&self, waker: &Waker) -> bool {
        let has_waker = |listener: &Listener| matches!(listener, Listener::Wake(known) if known.will_wake(waker));
        match self.with_listener(|listener| has_waker(listener)) {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        // Outside of the lock, because it is somebody else's code; so is the end of the one before.
        let wake = Listener::Wake(waker.clone());
        self.with_listener(|listener| std::mem::replace(listener, wake)).is_some()
    }

    /// Does something with the listener, unless it is being told.
    fn with_listener<R>(&self, work: impl FnOnce(&mut Listener) -> R) -> Option<R> {
        let mut listeners = self.state.lock();
        listeners.as_mut()?.roster.get_mut(self.key?).map(work)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.state.forget(key);
        }
    }
}

/// Something to be told, mostly to somebody whose future is done, in a thread that does not sit at the pool's seat:
/// what is called may wait for another future.
pub(crate) enum Notice {
    /// Something to be said on standard error, whoever waits for which future.
    Say(String),
    /// Whoever awaits the future.
    Wake(Waker),
    /// A callback, to be called in the thread that the pool keeps for those of this executor.
    Call(Arc<Inbox>, ClientNumber, Callback),
    /// Those who wait for this, after all that was to be told before.
    Open(Arc<Gate>),
}

impl Notice {
    pub(crate) fn tell(self) {
        match self {
            Notice::Say(text) => say(&text),
            // A panic of somebody else's waker is reported by the panic hook and harms nobody else.
            Notice::Wake(waker) => drop(task::contain(|| waker.wake())),
            Notice::Call(inbox, client, callback) => inbox.call_back(client, callback),
            Notice::Open(gate) => gate.open(),
        }
    }
}

/// A function to be called when a future is done.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

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
    pub(crate) fn finish(&self, outcome: Outcome) {
        let mut notices = Vec::new();
        self.finish_quietly(outcome, &mut notices);
        notices.into_iter().for_each(Notice::tell);
    }

    /// The same, and leaves it to the caller to tell wakers and callbacks.
    pub(crate) fn finish_quietly(&self, outcome: Outcome, notices: &mut Vec<Notice>) {
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
    pub(crate) fn derive_from(&self, sources: Vec<Arc<State>>) -> bool {
        let mut listeners = self.listen();
        let open = !self.is_done();
        if open {
            listeners.get_or_insert_default().sources = sources;
        }
        open
    }

    /// The futures from which this one is derived, as long as it is not done.
    pub(crate) fn sources(&self) -> Vec<Arc<State>> {
        self.lock().as_ref().map_or_else(Vec::new, |listeners| listeners.sources.clone())
    }

    /// Cancels the future if its task has not been sent; whether it is cancelled now.
    pub(crate) fn cancel(&self) -> bool {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.inbox.push(Command::Cancel(self.task));
            self.tell_of_cancellation();
        }
        self.phase() == Phase::Cancelled
    }

    /// The same for a task that the pool is going to be told about, or has not taken.
    pub(crate) fn cancel_here(&self) {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.tell_of_cancellation();
        }
    }

    fn tell_of_cancellation(&self) {
        let mut wakers = Vec::new();
        let Settled { callbacks, sources } = self.settle(&mut wakers);
        wakers.into_iter().for_each(Notice::tell);
        callbacks.into_iter().for_each(callbacks::run);
        cancel_all(sources);
    }

    /// The same from the pool's side, which has forgotten the task and must not wait for callbacks.
    pub(crate) fn cancelled_by_pool(&self, notices: &mut Vec<Notice>) {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.notify(notices);
        }
    }

    /// Settles, and leaves it to the caller to tell wakers and callbacks.
    fn notify(&self, notices: &mut Vec<Notice>) {
        if !self.heard.load(Ordering::SeqCst) {
            return;
        }
        let callbacks = self.settle(notices).callbacks;
        let call = |callback| Notice::Call(Arc::clone(&self.inbox), self.client, callback);
        notices.extend(callbacks.into_iter().map(call));
    }

    /// Calls `callback` when the future is done: now, if it is.
    pub(crate) fn add_callback(&self, callback: Callback) {
        let mut listeners = self.listen();
        if self.is_done() {
            drop(listeners);
            callbacks::run(callback);
        } else {
            listeners.get_or_insert_default().add(Listener::Call(callback), &self.inbox);
        }
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
    fn forget(&self, key: Key) {
        if !self.is_done() {
            let gone = self.lock().as_mut().and_then(|listeners| listeners.remove(key, &self.inbox));
            // Not under the lock: with it may go the last handle of this future.
            drop(gone);
        }
    }

    pub(super) fn outcome(&self) -> Result<&Outcome, Error> {
        self.outcome.get().ok_or_else(|| Error::new(Kind::Cancelled, "the future was cancelled"))
    }

    fn advance(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Calls all who sleep and reports to watches; wakers are added to `notices`, and the rest is returned.
    fn settle(&self, notices: &mut Vec<Notice>) -> Settled {
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
                Listener::Report { watch, token, .. } => watch.report(token),
            }
        }
        Settled { callbacks, sources }
    }

    /// The listeners, for somebody who may become one.
    fn listen(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        let listeners = self.lock();
        self.heard.store(true, Ordering::SeqCst);
        listeners
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Listeners {
    /// Adds a listener, and makes sure that somebody drives the pool of this inbox if it relies on that.
    fn add(&mut self, listener: Listener, inbox: &Inbox) -> Key {
        if listener.relies() {
            self.relying += 1;
            if self.relying == 1 {
                inbox.seat().rely();
            }
        }
        self.roster.add(listener)
    }

    fn remove(&mut self, key: Key, inbox: &Inbox) -> Option<Listener> {
        let listener = self.roster.remove(key)?;
        if listener.relies() {
            self.relying -= 1;
            if self.relying == 0 {
                inbox.seat().relieve();
            }
        }
        Some(listener)
    }
}

impl Listener {
    /// Whether it is to be told by somebody who drives the pool for it.
    fn relies(&self) -> bool {
        !matches!(self, Listener::Report { relying: false, .. })
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
