//! What a future and the driver share: a phase that only goes forward, an outcome, and who is to be told of it.
//!
//! A promise does not know its pool. What is to be told to others is put down as [`Notices`], which the pool carries
//! out when nobody drives it; whoever holds a future holds the pool beside the promise.

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

/// Who is to be told when a future is done.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) roster: Roster<Listener>,
    sleepers: Sleepers,
    /// From what this future is derived, if it is.
    pub(crate) sources: Option<Box<dyn Sources>>,
    /// How many of the listeners rely on others to drive the pool; while there are any, the pool knows of it.
    pub(crate) interested: usize,
}

/// What is to be done when a future is done, by somebody who may lose interest before.
pub(crate) enum Listener {
    Wake(Waker),
    Call(Callback),
    /// Another future becomes what this one becomes.
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

/// Lets a future become what the future becomes at which this listens.
///
/// It does not hold that future: if nobody does, nobody can tell what it becomes.
pub(crate) trait Link: Any + Send {
    /// The handle of the other future, of a type that only those know who make links.
    fn derived(&mut self) -> &mut dyn Any;

    /// Gives the other future the outcome of this one, which is done.
    fn adopt(self: Box<Self>, outcome_of: &Arc<Promise>);
}

/// The futures from which a future is derived, and which are cancelled with it.
pub(crate) trait Sources: Any + Send {
    /// Takes away what listens there for the derived future, which is done or gone.
    fn leave(&self);

    /// Cancels them, together with the derived future.
    fn cancel(self: Box<Self>);

    /// The derived future is gone: leaves them, and those from which they are derived as far as they go with it.
    fn let_go(self: Box<Self>);
}

/// Who is left to be dealt with when a future is done.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) sources: Option<Box<dyn Sources>>,
}

/// Something to be told, mostly to somebody whose future is done, in a thread that does not drive the pool: what is
/// called may wait for another future.
pub(crate) enum Notice {
    /// Something to be said on standard error, whoever waits for which future.
    Say(String),
    /// Whoever awaits the future.
    Wake(Waker),
    /// A callback, to be called in the thread that the pool keeps for those of this executor.
    Call(ClientNumber, Callback),
    /// A future that becomes what this one has become.
    Adopt(Arc<Promise>, Box<dyn Link>),
    /// Those who wait for this, after all that was to be told before.
    Open(Arc<Latch>),
}

/// What the pool is to tell, in this order.
#[derive(Default)]
pub(crate) struct Notices {
    pub(crate) list: Vec<Notice>,
    /// For how many futures nobody relies any more on others to drive the pool. The pool takes note of it when it is
    /// left.
    pub(crate) lost_interest: usize,
}

impl Notices {
    pub(crate) fn push(&mut self, notice: Notice) {
        self.list.push(notice);
    }

    /// Whether there is nobody to tell.
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
        self.advance(Phase::Pending, Phase::Running)
    }

    /// Takes the future back from running to pending: its task will be sent again.
    pub(crate) fn rest(&self) {
        self.advance(Phase::Running, Phase::Pending);
    }

    /// Takes the future from pending to cancelled; whoever does it settles it. `false` if it has gone on before.
    pub(crate) fn cancel(&self) -> bool {
        self.advance(Phase::Pending, Phase::Cancelled)
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
                Listener::Report { completions, token, .. } => completions.report(token),
            }
        }
        Settled { callbacks, sources }
    }

    /// The listeners, for somebody who may become one.
    pub(crate) fn listen(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        let listeners = self.lock();
        self.heard.store(true, Ordering::SeqCst);
        listeners
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Box<Listeners>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out from what the future is derived, when nobody else holds it.
    pub(crate) fn take_sources(&mut self) -> Option<Box<dyn Sources>> {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.as_mut()?.sources.take()
    }

    fn advance(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Drop for Promise {
    /// A future that nobody holds any more does not listen any more.
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
}

impl Listener {
    /// Whether it is to be told by somebody who drives the pool for it.
    fn is_interested(&self) -> bool {
        !matches!(self, Listener::Report { interested: false, .. })
    }
}
