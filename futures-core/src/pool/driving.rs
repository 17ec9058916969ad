//! The thread that holds the progress lock: it looks, drives, sleeps, and unlocks so that nothing is forgotten.

use super::progress::{
    ARRIVALS_PER_LOOK, Driven, Guarded, LOOKS_PER_CLOCK, PROGRESS_THREAD_INTERVAL, SUBMISSIONS_PER_LOOK, lock,
};
use crate::base::backoff::{Backoff, Pause};
use crate::base::parker::{Awaited, Parker};
use crate::base::sync::atomic::Ordering;
use crate::base::sync::{MutexGuard, look, thread};
use crate::driver::command::Command;
use crate::driver::promise::Notices;
use crate::error::{Error, Kind};
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The progress lock, held.
pub(super) struct Driving<'a> {
    pub(super) pool: &'a Pool,
    /// None while the lock is given up for a moment, and at the end.
    pub(super) guard: Option<MutexGuard<'a, Guarded>>,
    /// A panic that was under way before is not one of the pool.
    pub(super) panicking: bool,
    pub(super) progress_thread: bool,
}

/// How an attempt to drive has ended.
pub(super) enum Drive {
    /// What was awaited has happened.
    Done,
    /// The deadline has passed.
    TimedOut,
    /// Another thread drives, or no thread can.
    Busy,
    /// The progress thread has to end the pool.
    Finished,
}

/// What a look has shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// Whether anything had come.
    pub(super) moved: bool,
    /// Whether there was a notification since the look before: what was announced may still be on its way.
    pub(super) notified_before: bool,
}

impl Driving<'_> {
    pub(super) fn driven(&mut self) -> &mut Driven {
        match self.guard.as_deref_mut() {
            Some(Guarded::Open(driven)) => driven,
            _ => unreachable!("the driver has something to drive"),
        }
    }

    /// Deals with all that has come.
    pub(super) fn look(&mut self) -> Looked {
        self.look_until(|| false)
    }

    /// Deals with what has come, until it is `enough`.
    fn look_until(&mut self, enough: impl Fn() -> bool) -> Looked {
        let epoch = self.pool.progress().epoch.load(Ordering::SeqCst);
        let driven = self.driven();
        let notified_before = look!(NotifiedSinceLastTurn, driven.seen_epoch != epoch);
        driven.seen_epoch = epoch;
        let begin = driven.begin;
        Looked { moved: driven.stepper.advance(|| begin.elapsed(), enough), notified_before }
    }

    pub(super) fn submit(mut self, commands: impl Iterator<Item = Command>) {
        let driven = self.driven();
        let begin = driven.begin;
        driven.stepper.carry_out(commands, || begin.elapsed());
        driven.submissions += 1;
        if driven.submissions >= SUBMISSIONS_PER_LOOK {
            driven.submissions = 0;
            self.look();
        }
    }

    pub(super) fn drive(mut self, target: &dyn Awaited, deadline: Option<Instant>) -> Drive {
        let Some(wait_policy) = self.pool.progress().wait_policy.get() else { return Drive::Finished };
        let mut pace = Backoff::new(wait_policy.backoff.unwrap_or(PROGRESS_THREAD_INTERVAL.1), wait_policy.crowded);
        let notified = wait_policy.backoff.is_none();
        let mut looks = 0;
        loop {
            // What an announcing transport has announced is dealt with at once, or no thread would look for it.
            let arrivals = Cell::new(0);
            let Looked { moved, notified_before } = self.look_until(|| {
                arrivals.set(arrivals.get() + 1);
                !notified && (target.is_done() || arrivals.get() >= ARRIVALS_PER_LOOK)
            });
            if !self.driven().stepper.notices().is_empty() {
                self.tell();
                if self.guard.is_none() {
                    return if target.is_done() { Drive::Done } else { Drive::Busy };
                }
            }
            if target.is_done() {
                return Drive::Done;
            }
            if self.driven().stepper.is_finished() {
                return Drive::Finished;
            }
            looks += 1;
            if moved || (notified_before && !notified) {
                pace.reset();
            }
            let pause = if moved { Pause::Spin } else { self.driven().pause(&mut pace, notified) };
            if let Some(deadline) = deadline
                && (pause != Pause::Spin || looks % LOOKS_PER_CLOCK == 1)
                && Instant::now() >= deadline
            {
                return Drive::TimedOut;
            }
            match pause {
                Pause::Spin => std::hint::spin_loop(),
                Pause::Yield => thread::yield_now(),
                Pause::Sleep(longest) => {
                    let calm = notified && self.driven().stepper.is_calm();
                    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                    let longest = if calm { left } else { Some(left.map_or(longest, |left| left.min(longest))) };
                    self.sleep(target, longest);
                }
            }
        }
    }

    /// Sleeps with the lock until something has come, or `target` has happened.
    fn sleep(&mut self, target: &dyn Awaited, longest: Option<Duration>) {
        let progress = self.pool.progress();
        let parker = Parker::of_this_thread();
        if !target.enroll(&parker) {
            return;
        }
        *lock(&progress.sleeper) = Some(Arc::clone(&parker));
        progress.asleep.store(true, Ordering::SeqCst);
        // A thread that notified before that has not seen that this one sleeps.
        if !look!(NotifiedBeforeSleep, self.is_notified()) {
            parker.park(longest);
        }
        progress.asleep.store(false, Ordering::SeqCst);
        *lock(&progress.sleeper) = None;
    }

    /// Whether there was a notification since the last look.
    fn is_notified(&mut self) -> bool {
        self.pool.progress().epoch.load(Ordering::SeqCst) != self.driven().seen_epoch
    }

    /// Calls wakers and callbacks without the lock; afterwards another thread may hold it.
    fn tell(&mut self) {
        let (pool, progress_thread) = (self.pool, self.progress_thread);
        self.leave();
        if let Some(mut again) = pool.try_drive(progress_thread) {
            self.guard = again.guard.take();
        }
    }

    /// Unlocks, and sees to it that nothing is forgotten.
    fn leave(&mut self) {
        let mut notices = Notices::default();
        if panic::catch_unwind(AssertUnwindSafe(|| self.get_up(&mut notices))).is_err() {
            self.break_down();
        }
        self.pool.tell(notices);
    }

    fn get_up(&mut self, notices: &mut Notices) {
        let progress = self.pool.progress();
        while let Some(mut guard) = self.guard.take() {
            let Guarded::Open(driven) = &mut *guard else { return };
            driven.stepper.send_urgent();
            notices.append(driven.stepper.notices());
            progress.drop_interest(mem::take(&mut notices.lost_interest));
            let (seen_epoch, finished) = (driven.seen_epoch, driven.stepper.is_finished());
            let (timed, has_ahead) = (driven.stepper.has_timers(), driven.stepper.has_ahead());
            if !self.progress_thread {
                // No other thread writes there now.
                progress.drives.store(progress.drives.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            progress.taken.store(false, Ordering::SeqCst);
            drop(guard);
            // Commands that came while this thread held the lock could not be carried out by their senders.
            if look!(InboxAfterUnlock, self.pool.inbox().has_commands())
                && let Some(mut again) = self.pool.try_drive(self.progress_thread)
            {
                again.look();
                self.guard = again.guard.take();
                continue;
            }
            if finished {
                return progress.wake_progress_thread();
            }
            let unheard = look!(NotifiedAfterUnlock, progress.epoch.load(Ordering::SeqCst) != seen_epoch);
            let ahead = has_ahead && !self.progress_thread && progress.note_ahead();
            let relied = look!(InterestAfterUnlock, progress.interested.load(Ordering::SeqCst) > 0)
                || look!(SuccessionAfterUnlock, progress.wants_hand_off.load(Ordering::SeqCst));
            if !look!(WaitersAfterUnlock, progress.hand_off())
                && !self.progress_thread
                && (unheard || relied || timed || ahead)
            {
                progress.wake_progress_thread();
            }
        }
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        if thread::panicking() && !self.panicking {
            self.break_down();
        }
        self.leave();
    }
}

impl Driving<'_> {
    /// Ends a pool whose driver has panicked.
    fn break_down(&mut self) {
        let progress = self.pool.progress();
        progress.open.store(false, Ordering::SeqCst);
        // The panic may have come while the lock was being given up.
        let mut guard = self.guard.take().unwrap_or_else(|| lock(&progress.guarded));
        let mut guarded = mem::replace(&mut *guard, Guarded::Over);
        progress.taken.store(false, Ordering::SeqCst);
        drop(guard);
        let notices = match &mut guarded {
            Guarded::Open(driven) => mem::take(driven.stepper.notices()),
            Guarded::Closed | Guarded::Over => Notices::default(),
        };
        // Its futures are failed by the stepper's destructor.
        drop(guarded);
        self.pool.end(Error::new(Kind::Broken, "the pool's driver panicked; this is a bug in futures-mpi"));
        while progress.hand_off() {}
        progress.wake_progress_thread();
        self.pool.tell(notices);
    }

    /// Takes the pool from under the lock for good.
    pub(super) fn finish(mut self) -> Option<Stepper> {
        let progress = self.pool.progress();
        progress.open.store(false, Ordering::SeqCst);
        let mut guard = self.guard.take()?;
        let guarded = mem::replace(&mut *guard, Guarded::Over);
        progress.taken.store(false, Ordering::SeqCst);
        drop(guard);
        let Guarded::Open(mut driven) = guarded else { return None };
        self.pool.tell(mem::take(driven.stepper.notices()));
        Some(driven.stepper)
    }
}
