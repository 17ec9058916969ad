//! Who drives a pool: whoever waits for it, else its own thread; one at a time.
//!
//! A hand-over between threads costs more than a message, so a thread that submits moves its commands into the pool
//! itself, and a thread that waits for a result looks for messages itself. Both have to sit at the one seat for that.
//! Nobody waits to get it: who does not find it free leaves commands at the door, or stands by until what it waits for
//! has happened or the seat is free. The pool's own thread, the attendant, looks after everything when nobody waits.
//!
//! What makes sure that nothing is forgotten:
//!
//! - Whoever leaves the seat looks at the door once more after that, and whoever leaves something at the door looks for
//!   the seat once more after that; one of them sees the other.
//! - Whoever leaves the seat calls one of those who stand by, and whoever is called passes the call on if it does not
//!   sit down. Whoever stands by looks for the seat once more before it sleeps.
//! - Without anybody standing by, the attendant is called if somebody is to be told who does not drive (a waker, a
//!   callback), if something has come from a transport that announces it, or if the attendant relies on being called
//!   and sleeps for long: because the same one has been sitting for a while, or because nothing has happened at all.
//!   Otherwise the attendant looks by itself, at the latest after the longest sleep.
//! - While workers have tasks ahead the attendant looks now and then even where arrivals are announced: a task may wait
//!   for a result that its worker holds back, of which nothing is announced. Whoever gets up from such a pool says so,
//!   and calls the attendant if it would sleep on.
//! - Whoever sleeps on the seat is woken by what comes to the door, by a transport that announces arrivals, and by what
//!   it waits for.
//! - Wakers and callbacks are called after the seat is left: they may wait for another future themselves.

use crate::base::backoff::{Backoff, Pause};
use crate::base::parker::Parker;
use crate::pool::stepper::Stepper;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How a thread looks for messages.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// The longest sleep between two looks; `None` if the transport announces what has come.
    pub(crate) backoff: Option<Duration>,
    /// Whether waiting threads give way early, because there are more of them than cores.
    pub(crate) crowded: bool,
    /// The only thread, beside the attendant, that may sit; any if there is none.
    pub(crate) only: Option<ThreadId>,
}

/// While others drive, the attendant looks about so often whether they still do.
pub(super) const ATTENDANCE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(1));

/// While others drive a pool whose workers have tasks ahead, the attendant of a transport that announces arrivals looks
/// about so often whether they still do.
pub(super) const AHEAD: Duration = Duration::from_millis(20);

/// A thread that only submits looks for replies once in so many submissions.
pub(super) const SUBMISSIONS_PER_LOOK: u32 = 32;

/// However much comes, whoever waits takes so much at once: commands, limits and deadlines are to have their turn.
pub(super) const ARRIVALS_PER_LOOK: u32 = 256;

/// A look at the clock costs more than one for messages, so it is not done each time.
pub(super) const LOOKS_PER_CLOCK: u32 = 64;

/// The place from which a pool is driven.
pub(crate) struct Seat {
    pub(super) station: Mutex<Station>,
    pub(super) manner: OnceLock<Manner>,
    /// Whether there is something to drive.
    pub(super) open: AtomicBool,
    /// Whether somebody sits.
    pub(super) taken: AtomicBool,
    /// Counts what has come to the door or was announced by the transport.
    pub(super) rings: AtomicU64,
    /// Whether the one who sits sleeps, and where.
    pub(super) asleep: AtomicBool,
    pub(super) sleeper: Mutex<Option<Arc<Parker>>>,
    /// Those who would sit down.
    pub(super) standby: Mutex<VecDeque<Arc<Parker>>>,
    pub(super) standing: AtomicUsize,
    /// How often somebody else than the attendant has sat.
    pub(super) drives: AtomicU64,
    /// For how many wakers and callbacks nobody drives but the attendant.
    pub(super) relying: AtomicUsize,
    /// Whether the attendant sleeps until somebody gets up.
    pub(super) succession: AtomicBool,
    /// Whether somebody has got up from a pool whose workers have tasks ahead, since the attendant last asked.
    pub(super) ahead: AtomicBool,
    /// Whether the attendant looks soon without being called. Where nothing is announced it always does.
    pub(super) attends: AtomicBool,
    /// Where the attendant sleeps.
    pub(super) attendant: Parker,
    pub(super) attendant_thread: OnceLock<ThreadId>,
}

/// What there is to drive.
pub(super) enum Station {
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
    pub(super) heard: u64,
    pub(super) submissions: u32,
}

impl Driven {
    /// What to do before the next look, when there was nothing. Where arrivals are `notified` patience is not needed.
    pub(super) fn pause(&mut self, pace: &mut Backoff, notified: bool) -> Pause {
        if notified {
            return pace.pause();
        }
        match pace.pause_patiently(|| self.stepper.patience()) {
            Pause::Sleep(sleep) => Pause::Sleep(pace.doze(sleep, || self.stepper.is_called())),
            pause => pause,
        }
    }
}

impl Seat {
    pub(crate) fn new() -> Self {
        Seat {
            station: Mutex::new(Station::Closed),
            manner: OnceLock::new(),
            open: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            rings: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            sleeper: Mutex::new(None),
            standby: Mutex::new(VecDeque::new()),
            standing: AtomicUsize::new(0),
            drives: AtomicU64::new(0),
            relying: AtomicUsize::new(0),
            succession: AtomicBool::new(false),
            ahead: AtomicBool::new(false),
            attends: AtomicBool::new(true),
            attendant: Parker::default(),
            attendant_thread: OnceLock::new(),
        }
    }

    /// Something has come to the door or from a transport: whoever drives is to look.
    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            if let Some(parker) = &*lock(&self.sleeper) {
                parker.unpark();
            }
        } else if !self.taken.load(Ordering::SeqCst) {
            self.call_attendant();
        }
    }

    /// Whether there is something to drive.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Calls the attendant if it sleeps.
    pub(crate) fn call_attendant(&self) {
        self.attendant.unpark();
    }

    /// Somebody is to be told who does not drive.
    pub(crate) fn rely(&self) {
        self.relying.fetch_add(1, Ordering::SeqCst);
        self.call_attendant();
    }

    /// For so many futures nobody relies on others any more: somebody has been told, or does not want to know.
    pub(crate) fn relieve(&self, count: usize) {
        if count > 0 {
            self.relying.fetch_sub(count, Ordering::SeqCst);
        }
    }

    /// Somebody gets up from a pool whose workers have tasks ahead, at which somebody has to look now and then; whether
    /// the attendant has to be called for that.
    pub(super) fn note_ahead(&self) -> bool {
        // Mostly it is known: a look costs less than a change.
        if !self.ahead.load(Ordering::SeqCst) {
            self.ahead.store(true, Ordering::SeqCst);
        }
        !self.attends.load(Ordering::SeqCst)
    }

    /// Whether this thread may drive the pool.
    pub(super) fn admits_this_thread(&self) -> bool {
        self.manner.get().is_some_and(|manner| {
            let admitted =
                |only| [Some(only), self.attendant_thread.get().copied()].contains(&Some(thread::current().id()));
            manner.only.is_none_or(admitted)
        })
    }

    /// Calls one of those who stand by; whether there was one.
    pub(super) fn call_next(&self) -> bool {
        if self.standing.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let mut standby = lock(&self.standby);
        let next = standby.pop_front();
        self.standing.store(standby.len(), Ordering::SeqCst);
        drop(standby);
        next.as_ref().is_some_and(|parker| {
            parker.unpark();
            true
        })
    }

    pub(super) fn stand_by(&self, parker: &Arc<Parker>) {
        let mut standby = lock(&self.standby);
        standby.push_back(Arc::clone(parker));
        self.standing.store(standby.len(), Ordering::SeqCst);
    }

    /// Stands by no more; `false` if this thread had been called.
    pub(super) fn stand_down(&self, parker: &Arc<Parker>) -> bool {
        let mut standby = lock(&self.standby);
        let at = standby.iter().position(|standing| Arc::ptr_eq(standing, parker));
        at.map(|at| standby.remove(at));
        self.standing.store(standby.len(), Ordering::SeqCst);
        at.is_some()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
