//! The state that a future and the driver share: a phase, an outcome, and the listeners.
//!
//! A promise does not know its pool. It records notifications as [`Notices`], which the pool carries out when no thread
//! drives it; a future holds the pool beside the promise.

use super::completions::CompletionQueue;
use super::outcome::Outcome;
use super::roster::{Key, Roster};
use crate::base::ids::{ClientNumber, TaskNumber};
use crate::base::latch::Latch;
use crate::base::parker::{Awaited, Parker, Sleepers};
use crate::base::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use crate::base::sync::{Mutex, MutexGuard};
use crate::error::{Error, Kind};
use std::any::Any;
use std::mem;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Waker;

/// The phase of a future. It goes from `Pending` to `Running` to `Finished`, or from `Pending` to `Cancelled`; a task
/// that is retried goes back from `Running` to `Pending`.
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
/// `listeners` are looked at for the last time, so that a listener that finds it not final under the lock will be
/// notified. A new listener sets `heard` before it reads the phase, and the thread that ends the future reads `heard`
/// after the phase is final: one of them sees the other.
pub(crate) struct Promise {
    task: TaskNumber,
    client: ClientNumber,
    phase: AtomicU8,
    /// Whether there may be listeners; most futures have none, and are spared the lock.
    heard: AtomicBool,
    outcome: OnceLock<Outcome>,
    /// Boxed, because most futures have none.
    listeners: Mutex<Option<Box<Listeners>>>,
}

/// The listeners of a future, notified when it is done.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) roster: Roster<Listener>,
    sleepers: Sleepers,
    /// The futures from which this one is derived, if any.
    pub(crate) sources: Option<Box<dyn Sources>>,
    /// The number of listeners that rely on another thread to drive the pool; while there are any, the pool knows of
    /// it.
    pub(crate) interested: usize,
}

/// A listener of a future; it may be withdrawn before the future is done.
pub(crate) enum Listener {
    Wake(Waker),
    Call(Callback),
    /// Another future takes over the outcome of this one.
    Link(Box<dyn Link>),
    Report {
        completions: Arc<CompletionQueue>,
        token: usize,
        /// Whether the thread that takes from the queue does not drive this future's pool.
        interested: bool,
    },
}

/// A function to be called when a future is done.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// Lets a future take over the outcome of the future that it listens to.
///
/// It does not hold that future: if nothing else holds it, its outcome is of no use.
pub(crate) trait Link: Any + Send {
    /// The handle of the other future, of a type that only those know who make links.
    fn derived(&mut self) -> &mut dyn Any;

    /// Gives the other future the outcome of this one, which is done.
    fn adopt(self: Box<Self>, outcome_of: &Arc<Promise>);
}

/// The futures from which a future is derived, and which are cancelled with it.
pub(crate) trait Sources: Any + Send {
    /// Withdraws the listeners of the derived future, which is done or gone.
    fn leave(&self);

    /// Cancels them, together with the derived future.
    fn cancel(self: Box<Self>);

    /// The derived future is gone: leaves them, and those from which they are derived as far as they go with it.
    fn let_go(self: Box<Self>);
}

/// The listeners that are left when a future is done.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) sources: Option<Box<dyn Sources>>,
}

/// A notification, mostly that a future is done, to be carried out in a thread that does not drive the pool: a callback
/// may wait for another future.
pub(crate) enum Notice {
    /// A line for standard error, which concerns no future in particular.
    Say(String),
    /// Wake a task that awaits the future.
    Wake(Waker),
    /// Call a callback, in the thread that the pool keeps for those of this executor.
    Call(ClientNumber, Callback),
    /// Give another future the outcome of this one.
    Adopt(Arc<Promise>, Box<dyn Link>),
    /// Open a latch, after all notices before it.
    Open(Arc<Latch>),
}

/// The notifications that the pool carries out, in this order.
#[derive(Default)]
pub(crate) struct Notices {
    pub(crate) list: Vec<Notice>,
    /// The number of futures with no listener left that relies on another thread to drive the pool. The pool reads it
    /// when its driver leaves.
    pub(crate) lost_interest: usize,
}

impl Notices {
    pub(crate) fn push(&mut self, notice: Notice) {
        self.list.push(notice);
    }

    /// Whether there is nothing to notify.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Moves all of `others` behind these.
    pub(crate) fn append(&mut self, others: &mut Notices) {
        self.list.append(&mut others.list);
        self.lost_interest += mem::take(&mut others.lost_interest);
    }
}

impl Promise {
    /// The state of a future of a task that the pool is going to be given, by this client.
    pub(crate) fn new(task: TaskNumber, client: ClientNumber) -> Arc<Self> {
        Arc::new(Promise {
            task,
            client,
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
        self.change_phase(Phase::Pending, Phase::Running)
    }

    /// Takes the future back from running to pending: its task will be sent again.
    pub(crate) fn rest(&self) {
        self.change_phase(Phase::Running, Phase::Pending);
    }

    /// Takes the future from pending to cancelled; the thread that does it settles it. `false` if it has gone on
    /// before.
    pub(crate) fn cancel(&self) -> bool {
        self.change_phase(Phase::Pending, Phase::Cancelled)
    }

    /// Gives the future its outcome, unless it is done already.
    pub(crate) fn finish(self: &Arc<Self>, outcome: Outcome, notices: &mut Notices) {
        if self.phase() == Phase::Pending {
            self.start();
        }
        if self.phase() == Phase::Running && self.outcome.set(outcome).is_ok() {
            self.phase.store(Phase::Finished as u8, Ordering::SeqCst);
            self.notify(notices);
        }
    }

    /// Cancels the future from the pool's side, which has forgotten the task and must not wait for callbacks.
    pub(crate) fn cancelled_by_pool(self: &Arc<Self>, notices: &mut Notices) {
        if self.cancel() {
            self.notify(notices);
        }
    }

    /// What became of the task, if it is finished.
    pub(crate) fn finished(&self) -> Option<&Outcome> {
        (self.phase() == Phase::Finished).then(|| self.outcome.get()).flatten()
    }

    /// What became of the task, which is done.
    pub(crate) fn outcome(&self) -> Result<&Outcome, Error> {
        self.outcome.get().ok_or_else(|| Error::new(Kind::Cancelled, "the future was cancelled"))
    }

    /// Settles, and leaves it to the pool to tell callbacks, too.
    fn notify(self: &Arc<Self>, notices: &mut Notices) {
        if !self.heard.load(Ordering::SeqCst) {
            return;
        }
        let Settled { callbacks, sources } = self.settle(notices);
        if let Some(sources) = sources {
            sources.leave();
        }
        notices.list.extend(callbacks.into_iter().map(|callback| Notice::Call(self.client, callback)));
    }

    /// Calls all who sleep and reports to completion queues; wakers are added to `notices`, and the rest is returned.
    pub(crate) fn settle(self: &Arc<Self>, notices: &mut Notices) -> Settled {
        let Some(listeners) = self.lock().take() else { return Settled::default() };
        let Listeners { roster, mut sleepers, sources, interested } = *listeners;
        sleepers.call();
        notices.lost_interest += usize::from(interested > 0);
        let mut callbacks = Vec::new();
        for listener in roster {
            match listener {
                Listener::Wake(waker) => notices.push(Notice::Wake(waker)),
                Listener::Call(callback) => callbacks.push(callback),
                Listener::Link(link) => notices.push(Notice::Adopt(Arc::clone(self), link)),
                Listener::Report { completions, token, .. } => {
                    notices.list.extend(completions.report(token).map(Notice::Wake));
                }
            }
        }
        Settled { callbacks, sources }
    }

    /// The listeners, to which the caller may add one.
    pub(crate) fn listen(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        let listeners = self.lock();
        self.heard.store(true, Ordering::SeqCst);
        listeners
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the sources of the future, when nothing else holds it.
    pub(crate) fn take_sources(&mut self) -> Option<Box<dyn Sources>> {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.as_mut()?.sources.take()
    }

    fn change_phase(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for Promise {
    /// Withdraws the listeners of a future whose last handle is gone.
    fn drop(&mut self) {
        if let Some(sources) = self.take_sources() {
            sources.let_go();
        }
    }
}

impl Awaited for Promise {
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
    /// Adds a listener; says whether it is the first that relies on others to drive the pool.
    pub(crate) fn add(&mut self, listener: Listener) -> (Key, bool) {
        let is_interested = listener.is_interested();
        self.interested += usize::from(is_interested);
        (self.roster.add(listener), is_interested && self.interested == 1)
    }

    /// Takes a listener away; says whether it was the last that relies on others to drive the pool.
    pub(crate) fn remove(&mut self, key: Key) -> Option<(Listener, bool)> {
        let listener = self.roster.remove(key)?;
        let is_interested = listener.is_interested();
        self.interested -= usize::from(is_interested);
        Some((listener, is_interested && self.interested == 0))
    }

    /// From now on this listener relies on others to drive the pool; says whether it is the first that does.
    pub(crate) fn rely_on_others(&mut self, key: Key) -> bool {
        let Some(Listener::Report { interested, .. }) = self.roster.get_mut(key) else { return false };
        let changed = !mem::replace(interested, true);
        self.interested += usize::from(changed);
        changed && self.interested == 1
    }
}

impl Listener {
    /// Whether it relies on another thread that drives the pool.
    fn is_interested(&self) -> bool {
        !matches!(self, Listener::Report { interested: false, .. })
    }
}
