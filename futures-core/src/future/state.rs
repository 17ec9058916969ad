//! What a future and its pool share: a phase that only goes forward, an outcome, and who waits for it.

use super::cancel::cancel_all;
use super::watch::Watch;
use crate::callbacks;
use crate::error::{Error, Kind};
use crate::ids::TaskNumber;
use crate::inbox::{Command, Inbox};
use crate::payload::Outcome;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Where a future is in its life. It goes from `Pending` to `Running` to `Finished`, or from `Pending` to `Cancelled`.
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
/// `waiting` is looked at for the last time, so that whoever finds it not final under the lock will be told.
pub(crate) struct State {
    task: TaskNumber,
    inbox: Arc<Inbox>,
    phase: AtomicU8,
    outcome: OnceLock<Outcome>,
    waiting: Mutex<Waiting>,
    resolved: Condvar,
}

/// Who waits for a future.
#[derive(Default)]
struct Waiting {
    /// The number of threads that sleep on the condition variable.
    threads: u32,
    /// Boxed, because most futures have none.
    listeners: Option<Box<Listeners>>,
}

/// Who is to be told when a future is done.
#[derive(Default)]
struct Listeners {
    wakers: Vec<Waker>,
    callbacks: Vec<Callback>,
    watches: Vec<(Arc<Watch>, usize)>,
    /// The futures that this one is derived from, and which are cancelled with it.
    sources: Vec<Arc<State>>,
}

/// Who is left to be dealt with when a future is done.
#[derive(Default)]
struct Settled {
    callbacks: Vec<Callback>,
    sources: Vec<Arc<State>>,
}

/// A function to be called when a future is done.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

impl State {
    /// The state of a future of a task that `inbox` is going to be given.
    pub(crate) fn new(task: TaskNumber, inbox: Arc<Inbox>) -> Arc<Self> {
        Arc::new(State {
            task,
            inbox,
            phase: AtomicU8::new(Phase::Pending as u8),
            outcome: OnceLock::new(),
            waiting: Mutex::new(Waiting::default()),
            resolved: Condvar::new(),
        })
    }

    pub(crate) fn task(&self) -> TaskNumber {
        self.task
    }

    /// The door to the pool by whose threads this future is brought forward.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
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

    /// Gives the future its outcome, unless it is done already.
    pub(crate) fn finish(&self, outcome: Outcome) {
        self.start();
        if self.phase() == Phase::Running && self.outcome.set(outcome).is_ok() {
            self.phase.store(Phase::Finished as u8, Ordering::Release);
            for callback in self.settle().callbacks {
                self.inbox.call_back(callback);
            }
        }
    }

    /// What became of the task, if it is finished.
    pub(crate) fn finished(&self) -> Option<&Outcome> {
        (self.phase() == Phase::Finished).then(|| self.outcome.get()).flatten()
    }

    /// Says from which futures this one is derived, instead of those before; `false` if it is done already.
    pub(crate) fn derive_from(&self, sources: Vec<Arc<State>>) -> bool {
        let mut waiting = self.lock();
        let open = !self.is_done();
        if open {
            waiting.listeners().sources = sources;
        }
        open
    }

    /// The futures from which this one is derived, as long as it is not done.
    pub(crate) fn sources(&self) -> Vec<Arc<State>> {
        self.lock().listeners.as_ref().map_or_else(Vec::new, |listeners| listeners.sources.clone())
    }

    /// Cancels the future if its task has not been sent; whether it is cancelled now.
    pub(crate) fn cancel(&self) -> bool {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            self.inbox.push(Command::Cancel(self.task));
            let Settled { callbacks, sources } = self.settle();
            callbacks.into_iter().for_each(callbacks::run);
            cancel_all(sources);
        }
        self.phase() == Phase::Cancelled
    }

    /// The same from the pool's side, which has forgotten the task and must not wait for callbacks.
    pub(crate) fn cancelled_by_pool(&self) {
        if self.advance(Phase::Pending, Phase::Cancelled) {
            for callback in self.settle().callbacks {
                self.inbox.call_back(callback);
            }
        }
    }

    /// Calls `callback` when the future is done: now, if it is.
    pub(crate) fn add_callback(&self, callback: Callback) {
        let mut waiting = self.lock();
        if self.is_done() {
            drop(waiting);
            callbacks::run(callback);
        } else {
            waiting.listeners().callbacks.push(callback);
        }
    }

    /// Reports to `watch` by this token when the future is done: now, if it is.
    pub(crate) fn watch(&self, watch: &Arc<Watch>, token: usize) {
        let mut waiting = self.lock();
        if self.is_done() {
            drop(waiting);
            watch.report(token);
        } else {
            waiting.listeners().watches.push((Arc::clone(watch), token));
        }
    }

    /// The outcome if there is one; otherwise `waker` will be told.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<&Outcome, Error>> {
        if !self.is_done() {
            let mut waiting = self.lock();
            if !self.is_done() {
                let wakers = &mut waiting.listeners().wakers;
                if !wakers.iter().any(|known| known.will_wake(waker)) {
                    wakers.push(waker.clone());
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(self.outcome())
    }

    /// Waits for the outcome, until `deadline` if there is one.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Result<&Outcome, Error> {
        if !self.is_done() {
            callbacks::may_block();
        }
        let begin = Instant::now();
        let mut waiting = self.lock();
        while !self.is_done() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                let derived = waiting.listeners.as_ref().is_some_and(|listeners| !listeners.sources.is_empty());
                return Err(timed_out(begin.elapsed(), self.phase(), derived));
            }
            waiting.threads += 1;
            waiting = match left {
                None => self.resolved.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.resolved.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            waiting.threads -= 1;
        }
        drop(waiting);
        self.outcome()
    }

    fn outcome(&self) -> Result<&Outcome, Error> {
        self.outcome.get().ok_or_else(|| Error::new(Kind::Cancelled, "the future was cancelled"))
    }

    fn advance(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Wakes all who wait, and returns what is left to be done.
    fn settle(&self) -> Settled {
        let mut waiting = self.lock();
        if waiting.threads > 0 {
            self.resolved.notify_all();
        }
        let listeners = waiting.listeners.take();
        drop(waiting);
        let Some(listeners) = listeners else { return Settled::default() };
        let Listeners { wakers, callbacks, watches, sources } = *listeners;
        watches.into_iter().for_each(|(watch, token)| watch.report(token));
        wakers.into_iter().for_each(Waker::wake);
        Settled { callbacks, sources }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn listeners(&mut self) -> &mut Listeners {
        self.listeners.get_or_insert_default()
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
