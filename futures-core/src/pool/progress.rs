//! The progress lock: which thread drives a pool, and who is woken when.
//!
//! A hand-over between threads costs more than a message. So a thread that submits carries its commands into the pool
//! itself, and a thread that waits for a result looks for messages itself. Both need the progress lock for that. No
//! thread blocks on it: one that finds it held leaves its commands in the inbox, or parks as a waiter until its target
//! is done or the lock is handed to it. The progress thread, the pool's own, drives when no other thread does.
//!
//! The rules by which nothing is forgotten:
//!
//! - A thread that unlocks looks at the inbox after that; a thread that fills the inbox tries the lock after that. One
//!   of them sees the other.
//! - A thread that unlocks wakes one waiter. A waiter that is woken and does not drive wakes the next. A waiter tries
//!   the lock once more before it parks.
//! - Without waiters, the thread that unlocks wakes the progress thread in three cases: wakers or callbacks have to be
//!   served, which no waiting thread does; a transport that announces arrivals has announced one; or the progress
//!   thread is in deep sleep until a driver unlocks. Else the progress thread looks by itself, at the latest after its
//!   longest sleep.
//! - While workers have tasks ahead, the progress thread looks now and then even where arrivals are announced: a task
//!   may wait for a result that its worker holds back, and that is announced to nobody. A driver that unlocks such a
//!   pool says so, and wakes the progress thread if that would sleep on.
//! - A driver that sleeps holds the lock. A new command, an announced arrival, and its own target wake it.
//! - Wakers and callbacks are called without the lock: they may wait for another future themselves.
//!
//! # States of the lock
//!
//! *The lock* is the mutex `Progress::guarded`, *the driver* the thread that holds it (`Driving`), *the progress
//! thread* the pool's own (`ProgressThread`), *a waiter* a thread that is parked until its target is done or the lock
//! is handed to it, and *to notify* is `Progress::notify`.
//!
//! | state | how it is known | who drives |
//! |---|---|---|
//! | closed | `open` is false | nobody; commands wait in the inbox |
//! | free | `open` is true, `taken` false | nobody; the next thread that submits, waits, or is woken |
//! | held | `taken` is true | the driver |
//! | asleep | `taken` and `asleep` are true | the driver, which sleeps at `sleeper` |
//! | over | `open` is false, `Guarded::Over` | nobody any more; the inbox refuses commands |
//!
//! # Transitions
//!
//! | actor | transition | what it does | whom it wakes |
//! |---|---|---|---|
//! | progress thread, `open` | closed → free | puts the pool under the lock | one waiter |
//! | submitting thread, `submit_here` | free → held → free | carries out its commands | as `get_up` |
//! | submitting thread, `push_all` | finds it held | fills the inbox, tries the lock once more, notifies | as `notify` |
//! | waiting thread, `drive_for` | free → held → free | drives until its target is done | as `get_up` |
//! | waiting thread, `wait_for_turn` | finds it held | parks as a waiter | the next waiter, if it does not drive |
//! | driver, `Driving::sleep` | held → asleep → held | sleeps between two turns | nobody |
//! | driver, `Driving::tell` | held → free → held | calls wakers and callbacks without the lock | as `get_up` |
//! | driver, `get_up` | held → free | unlocks, then looks at what came meanwhile | a waiter, else the progress thread |
//! | driver, `break_down` | held → over | ends a pool whose driver has panicked | all waiters, progress thread |
//! | progress thread, `serve` | free → held → free | takes a turn if nobody else does | nobody; it looks again |
//! | progress thread, `finish` | held → over | ends the pool when all is done | nobody; all targets are done |
//! | transport or sender, `notify` | any | adds 1 to `epoch` | the sleeping driver; if free, the progress thread |
//! | listener, `add_interest` | any | adds 1 to `interested` | the progress thread |
//!
//! # Shared variables
//!
//! | variable | field's word | written by | memory order |
//! |---|---|---|---|
//! | `taken` | locked | driver | Release to lock: who does not see it tries in vain; SeqCst to unlock |
//! | `epoch`; `seen_epoch` of the last turn | epoch | whoever notifies; driver | SeqCst; under the lock |
//! | `asleep`, `sleeper` | driver's parker | driver | SeqCst; a mutex |
//! | `Inbox::occupied` | queue not empty | submitting threads, driver | SeqCst |
//! | `waiters`, `waiter_count` | waiters and their number | waiters, whoever unlocks | a mutex; SeqCst |
//! | `interested` | interest count | listeners, driver | SeqCst |
//! | `wants_hand_off` | deep sleep of the progress thread | progress thread | SeqCst |
//! | `drives` | turns of other threads | driver, before `taken` is cleared | Relaxed, seen through `taken` |
//! | `progress_thread_polls` | progress thread looks soon | progress thread | SeqCst |
//! | `ahead` | workers have tasks ahead | whoever unlocks, progress thread | SeqCst |
//!
//! # Looks
//!
//! Each look closes a gap: one thread writes and then looks at what another writes, which then looks at what the first
//! has written. At least one of them sees the other. That needs SeqCst on all four, because acquire and release let a
//! look overtake the write before it. The names are those in the code (`look!`).
//!
//! | look | after this thread has | while another has | without it |
//! |---|---|---|---|
//! | `InboxAfterUnlock` | cleared `taken` | filled the inbox, found it held | its command waits a little |
//! | `NotifiedAfterUnlock` | cleared `taken` | added to `epoch`, found it held and awake | a wake-up is lost |
//! | `WaitersAfterUnlock` | cleared `taken` | become a waiter | waiters rely on the progress thread |
//! | `InterestAfterUnlock` | cleared `taken` | added to `interested` | wakers and callbacks wait a little |
//! | `SuccessionAfterUnlock` | counted in `drives`, cleared `taken` | set `wants_hand_off` | a wake-up is lost |
//! | `DrivenBeforeRest` | set `wants_hand_off` | counted in `drives`, cleared `taken` | the next look comes a little later |
//! | `LeftBeforeRest` | found the lock held, set `wants_hand_off` | cleared `taken`, counted earlier | a wake-up is lost |
//! | `FreeBeforePark` | become a waiter | cleared `taken` | waiters rely on the progress thread |
//! | `HandOn` | been woken, and done | become a waiter | a waiter is woken a little later |
//! | `NotifiedBeforeSleep` | set `asleep` | added to `epoch` | a wake-up is lost |
//! | `NotifiedSinceLastTurn` | slept | notified, a little before its message | the next sleep is a deep one |
//! | `NotifiedBeforeRest` | cleared `taken`, as progress thread | added to `epoch`, found it held | a wake-up is lost |
//! | `AheadBeforeRest` | cleared `progress_thread_polls` | set `ahead` | nobody looks for what is held back |
//!
//! `tests/progress` runs this protocol under a model checker. It leaves out each look, and shows what the last column
//! says.

use crate::base::backoff::{Backoff, Pause};
use crate::base::deep_sleep::DeepSleep;
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
    /// The only thread, beside the progress thread, that may drive; any if there is none.
    pub(crate) only: Option<ThreadId>,
}

/// How often the progress thread looks whether other threads still drive: at most and at least.
pub(super) const PROGRESS_THREAD_INTERVAL: (Duration, Duration) =
    (Duration::from_micros(200), Duration::from_millis(1));

/// The same where arrivals are announced, while workers have tasks ahead.
pub(super) const AHEAD: Duration = Duration::from_millis(20);

/// A thread that only submits looks for replies once in so many submissions.
pub(super) const SUBMISSIONS_PER_LOOK: u32 = 32;

/// The most arrivals that a waiting thread takes in at once: commands, limits and deadlines have to have their turn.
pub(super) const ARRIVALS_PER_LOOK: u32 = 256;

/// A look at the clock costs more than one for messages, so it is not done each time.
pub(super) const LOOKS_PER_CLOCK: u32 = 64;

/// The lock under which a pool is driven, and all that threads look at beside it.
pub(crate) struct Progress {
    pub(super) guarded: Mutex<Guarded>,
    pub(super) wait_policy: OnceLock<WaitPolicy>,
    /// Whether there is something to drive.
    pub(super) open: AtomicBool,
    /// Whether a thread drives.
    pub(super) taken: AtomicBool,
    /// Counts the notifications: of commands in the inbox, and of arrivals that the transport announces.
    pub(super) epoch: AtomicU64,
    /// Whether the driver sleeps, and where.
    pub(super) asleep: AtomicBool,
    pub(super) sleeper: Mutex<Option<Arc<Parker>>>,
    /// The threads that would drive, each where it is parked.
    pub(super) waiters: Mutex<VecDeque<Arc<Parker>>>,
    pub(super) waiter_count: AtomicUsize,
    /// How often another thread than the progress thread has driven.
    pub(super) drives: AtomicU64,
    /// The number of wakers and callbacks that only the progress thread will serve.
    pub(super) interested: AtomicUsize,
    /// Whether the progress thread sleeps until a driver unlocks.
    pub(super) wants_hand_off: AtomicBool,
    /// Whether a driver has unlocked a pool whose workers have tasks ahead, since the progress thread last asked.
    pub(super) ahead: AtomicBool,
    /// Whether the progress thread looks soon without being woken. Where nothing is announced it always does.
    pub(super) progress_thread_polls: AtomicBool,
    /// Where the progress thread sleeps.
    pub(super) progress_thread: Parker,
    pub(super) progress_thread_id: OnceLock<ThreadId>,
}

/// What the lock guards.
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
    /// The epoch at the last look.
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
            Pause::Sleep(sleep) => Pause::Sleep(DeepSleep::instead_of(sleep, pace, || self.stepper.is_called())),
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

    /// Says that a command or an arrival has come: wakes the driver if it sleeps, and the progress thread if no thread
    /// drives.
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

    /// Wakes the progress thread if it sleeps.
    pub(crate) fn wake_progress_thread(&self) {
        self.progress_thread.unpark();
    }

    /// Adds a waker or a callback, which the progress thread will serve.
    pub(crate) fn add_interest(&self) {
        self.interested.fetch_add(1, Ordering::SeqCst);
        self.wake_progress_thread();
    }

    /// Takes away the interest in so many futures: their wakers and callbacks have been served, or withdrawn.
    pub(crate) fn drop_interest(&self, count: usize) {
        if count > 0 {
            self.interested.fetch_sub(count, Ordering::SeqCst);
        }
    }

    /// Notes that the driver of a pool whose workers have tasks ahead unlocks; whether the progress thread has to be
    /// woken to look there now and then.
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

    /// Wakes a waiter; whether there was one.
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

    /// Takes this thread off the waiters; `false` if it had been woken.
    pub(super) fn remove_waiter(&self, parker: &Arc<Parker>) -> bool {
        let mut waiters = lock(&self.waiters);
        let at = waiters.iter().position(|waiter| Arc::ptr_eq(waiter, parker));
        at.map(|at| waiters.remove(at));
        self.waiter_count.store(waiters.len(), Ordering::SeqCst);
        at.is_some()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
