//! Who drives a pool: whoever waits for it, else its own thread; one at a time.
//!
//! A hand-over between threads costs more than a message, so a thread that submits moves its commands into the pool
//! itself, and a thread that waits for a result looks for messages itself. Both have to sit at the one seat for that.
//! Nobody waits to get it: who does not find it free leaves commands at the door, or stands by until what it waits for
//! has happened or the progress lock is free. The pool's own thread, the progress thread, looks after everything when
//! nobody waits.
//!
//! What makes sure that nothing is forgotten:
//!
//! - Whoever leaves the progress lock looks at the door once more after that, and whoever leaves something at the door
//!   looks for the progress lock once more after that; one of them sees the other.
//! - Whoever leaves the progress lock calls one of those who stand by, and whoever is called passes the call on if it
//!   does not sit down. Whoever stands by looks for the progress lock once more before it sleeps.
//! - Without anybody standing by, the progress thread is called if somebody is to be told who does not drive (a waker,
//!   a callback), if something has come from a transport that announces it, or if the progress thread relies on being
//!   called and sleeps for long: because the same one has been sitting for a while, or because nothing has happened at
//!   all. Otherwise the progress thread looks by itself, at the latest after the longest sleep.
//! - While workers have tasks ahead the progress thread looks now and then even where arrivals are announced: a task
//!   may wait for a result that its worker holds back, of which nothing is announced. Whoever gets up from such a pool
//!   says so, and calls the progress thread if it would sleep on.
//! - Whoever sleeps on the progress lock is woken by what comes to the door, by a transport that announces arrivals,
//!   and by what it waits for.
//! - Wakers and callbacks are called after the progress lock is left: they may wait for another future themselves.

use crate::base::backoff::{Backoff, Pause};
use crate::base::parker::Parker;
use crate::base::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::base::sync::thread::{self, ThreadId};
use crate::base::sync::{Mutex, MutexGuard};
use crate::pool::stepper::Stepper;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How a thread looks for messages.
#[derive(Debug, Clone)]
pub(crate) struct WaitPolicy {
    /// The longest sleep between two looks; `None` if the transport announces what has come.
    pub(crate) backoff: Option<Duration>,
    /// Whether waiting threads give way early, because there are more of them than cores.
    pub(crate) crowded: bool,
    /// The only thread, beside the progress thread, that may sit; any if there is none.
    pub(crate) only: Option<ThreadId>,
}

/// While others drive, the progress thread looks about so often whether they still do.
pub(super) const PROGRESS_THREAD_INTERVAL: (Duration, Duration) =
    (Duration::from_micros(200), Duration::from_millis(1));

/// While others drive a pool whose workers have tasks ahead, the progress thread of a transport that announces arrivals
/// looks about so often whether they still do.
pub(super) const AHEAD: Duration = Duration::from_millis(20);

/// A thread that only submits looks for replies once in so many submissions.
pub(super) const SUBMISSIONS_PER_LOOK: u32 = 32;

/// However much comes, whoever waits takes so much at once: commands, limits and deadlines are to have their turn.
pub(super) const ARRIVALS_PER_LOOK: u32 = 256;

/// A look at the clock costs more than one for messages, so it is not done each time.
pub(super) const LOOKS_PER_CLOCK: u32 = 64;

/// The place from which a pool is driven.
pub(crate) struct Progress {
    pub(super) guarded: Mutex<Guarded>,
    pub(super) wait_policy: OnceLock<WaitPolicy>,
    /// Whether there is something to drive.
    pub(super) open: AtomicBool,
    /// Whether somebody sits.
    pub(super) taken: AtomicBool,
    /// Counts what has come to the door or was announced by the transport.
    pub(super) epoch: AtomicU64,
    /// Whether the one who sits sleeps, and where.
    pub(super) asleep: AtomicBool,
    pub(super) sleeper: Mutex<Option<Arc<Parker>>>,
    /// Those who would sit down.
    pub(super) waiters: Mutex<VecDeque<Arc<Parker>>>,
    pub(super) waiter_count: AtomicUsize,
    /// How often somebody else than the progress thread has sat.
    pub(super) drives: AtomicU64,
    /// For how many wakers and callbacks nobody drives but the progress thread.
    pub(super) interested: AtomicUsize,
    /// Whether the progress thread sleeps until somebody gets up.
    pub(super) wants_hand_off: AtomicBool,
    /// Whether somebody has got up from a pool whose workers have tasks ahead, since the progress thread last asked.
    pub(super) ahead: AtomicBool,
    /// Whether the progress thread looks soon without being called. Where nothing is announced it always does.
    pub(super) progress_thread_polls: AtomicBool,
    /// Where the progress thread sleeps.
    pub(super) progress_thread: Parker,
    pub(super) progress_thread_id: OnceLock<ThreadId>,
}

/// What there is to drive.
pub(super) enum Guarded {
    /// Nothing yet.
    Closed,
    Open(Box<Driven>),
    /// Nothing any more.
    Over,
}

/// A pool that is driven.
pub(super) struct Driven {
    pub(super) stepper: Stepper,
    pub(super) begin: Instant,
    /// The rings that had been heard when it was looked at last.
    pub(super) seen_epoch: u64,
    pub(super) submissions: u32,
}

impl Driven {
    /// What to do before the next look, when there was nothing. Where arrivals are `notified` patience is not needed.
    pub(super) fn pause(&mut self, pace: &mut Backoff, notified: bool) -> Pause {
        if notified {
            return pace.pause();
        }
        match pace.pause_patiently(|| self.stepper.patience()) {
            Pause::Sleep(sleep) => Pause::Sleep(pace.deep_sleep(sleep, || self.stepper.is_called())),
            pause => pause,
        }
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress {
            guarded: Mutex::new(Guarded::Closed),
            wait_policy: OnceLock::new(),
            open: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            sleeper: Mutex::new(None),
            waiters: Mutex::new(VecDeque::new()),
            waiter_count: AtomicUsize::new(0),
            drives: AtomicU64::new(0),
            interested: AtomicUsize::new(0),
            wants_hand_off: AtomicBool::new(false),
            ahead: AtomicBool::new(false),
            progress_thread_polls: AtomicBool::new(true),
            progress_thread: Parker::default(),
            progress_thread_id: OnceLock::new(),
        }
    }

    /// Something has come to the door or from a transport: whoever drives is to look.
    pub(crate) fn notify(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            if let Some(parker) = &*lock(&self.sleeper) {
                parker.unpark();
            }
        } else if !self.taken.load(Ordering::SeqCst) {
            self.wake_progress_thread();
        }
    }

    /// Whether there is something to drive.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Calls the progress thread if it sleeps.
    pub(crate) fn wake_progress_thread(&self) {
        self.progress_thread.unpark();
    }

    /// Somebody is to be told who does not drive.
    pub(crate) fn add_interest(&self) {
        self.interested.fetch_add(1, Ordering::SeqCst);
        self.wake_progress_thread();
    }

    /// For so many futures nobody relies on others any more: somebody has been told, or does not want to know.
    pub(crate) fn drop_interest(&self, count: usize) {
        if count > 0 {
            self.interested.fetch_sub(count, Ordering::SeqCst);
        }
    }

    /// Somebody gets up from a pool whose workers have tasks ahead, at which somebody has to look now and then; whether
    /// the progress thread has to be called for that.
    pub(super) fn note_ahead(&self) -> bool {
        // Mostly it is known: a look costs less than a change.
        if !self.ahead.load(Ordering::SeqCst) {
            self.ahead.store(true, Ordering::SeqCst);
        }
        !self.progress_thread_polls.load(Ordering::SeqCst)
    }

    /// Whether this thread may drive the pool.
    pub(super) fn admits_this_thread(&self) -> bool {
        self.wait_policy.get().is_some_and(|wait_policy| {
            let admitted =
                |only| [Some(only), self.progress_thread_id.get().copied()].contains(&Some(thread::current().id()));
            wait_policy.only.is_none_or(admitted)
        })
    }

    /// Calls one of those who stand by; whether there was one.
    pub(super) fn hand_off(&self) -> bool {
        if self.waiter_count.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let mut waiters = lock(&self.waiters);
        let next = waiters.pop_front();
        self.waiter_count.store(waiters.len(), Ordering::SeqCst);
        drop(waiters);
        next.as_ref().is_some_and(|parker| {
            parker.unpark();
            true
        })
    }

    pub(super) fn add_waiter(&self, parker: &Arc<Parker>) {
        let mut waiters = lock(&self.waiters);
        waiters.push_back(Arc::clone(parker));
        self.waiter_count.store(waiters.len(), Ordering::SeqCst);
    }

    /// Stands by no more; `false` if this thread had been called.
    pub(super) fn remove_waiter(&self, parker: &Arc<Parker>) -> bool {
        let mut waiters = lock(&self.waiters);
        let at = waiters.iter().position(|waiter_count| Arc::ptr_eq(waiter_count, parker));
        at.map(|at| waiters.remove(at));
        self.waiter_count.store(waiters.len(), Ordering::SeqCst);
        at.is_some()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
