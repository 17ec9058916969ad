//! The pool's own thread: it drives when no other thread does, and ends the pool.

use super::driving::Looked;
use super::progress::{AHEAD, Driven, Guarded, PROGRESS_THREAD_INTERVAL, WaitPolicy, lock};
use crate::base::backoff::{Backoff, Pause};
use crate::base::deep_sleep::DeepSleep;
use crate::base::sync::atomic::Ordering;
use crate::base::sync::{look, thread};
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use std::time::{Duration, Instant};

/// The progress thread: drives a pool when no other thread does, and ends it.
pub(crate) struct ProgressThread<'a> {
    pool: &'a Pool,
    wait_policy: WaitPolicy,
    /// The others' drives that had been seen at the last look.
    seen: u64,
}

impl<'a> ProgressThread<'a> {
    /// Opens the pool to all threads.
    pub(crate) fn open(pool: &'a Pool, stepper: Stepper, begin: Instant, wait_policy: WaitPolicy) -> Self {
        let progress = pool.progress();
        let _ = progress.wait_policy.set(wait_policy.clone());
        let _ = progress.progress_thread_id.set(thread::current().id());
        let driven = Driven { stepper, begin, seen_epoch: 0, submissions: 0 };
        *lock(&progress.guarded) = Guarded::Open(Box::new(driven));
        progress.open.store(true, Ordering::SeqCst);
        progress.hand_off();
        ProgressThread { pool, wait_policy, seen: 0 }
    }

    /// Serves the pool until it has come to its end, and gives it back then; `None` if its driver has panicked.
    pub(crate) fn serve(&mut self) -> Option<Stepper> {
        let progress = self.pool.progress();
        let mut pace =
            Backoff::new(self.wait_policy.backoff.unwrap_or(PROGRESS_THREAD_INTERVAL.1), self.wait_policy.crowded);
        let notified = self.wait_policy.backoff.is_none();
        loop {
            if !progress.open.load(Ordering::SeqCst) {
                return None;
            }
            let drives = progress.drives.load(Ordering::Relaxed);
            let alone = std::mem::replace(&mut self.seen, drives) == drives;
            let relied = progress.interested.load(Ordering::SeqCst) > 0;
            let epoch = progress.epoch.load(Ordering::SeqCst);
            if !alone && !notified {
                // What others have sent may be answered soon.
                pace.reset();
            }
            let driving = if alone || relied || notified { self.pool.try_drive(true) } else { None };
            let Some(mut driving) = driving else {
                match (notified, alone) {
                    (true, _) => self.sleep_beside_others(),
                    (false, true) => self.sleep_until_others_drive(DeepSleep::length(), true),
                    (false, false) => self.rest(Some(self.interval())),
                }
                continue;
            };
            let Looked { moved, notified_before } = driving.look();
            if driving.driven().stepper.is_finished() {
                return driving.finish();
            }
            let calm = notified && driving.driven().stepper.is_calm();
            if moved || (notified_before && !notified) {
                pace.reset();
            }
            if moved {
                continue;
            }
            let pause = driving.driven().pause(&mut pace, notified);
            if notified {
                // Before another thread drives.
                progress.progress_thread_polls.store(!calm, Ordering::SeqCst);
            }
            drop(driving);
            match pause {
                Pause::Spin => std::hint::spin_loop(),
                Pause::Yield => thread::yield_now(),
                Pause::Sleep(_) if look!(NotifiedBeforeRest, progress.epoch.load(Ordering::SeqCst) != epoch) => {}
                Pause::Sleep(_) if calm => self.rest(None),
                Pause::Sleep(longest) if longest > self.interval() => self.sleep_until_others_drive(longest, false),
                Pause::Sleep(longest) => self.rest(Some(longest)),
            }
        }
    }

    /// Sleeps while other threads drive a pool whose arrivals are announced: until woken, or not for long if workers
    /// had tasks ahead when a driver last unlocked.
    fn sleep_beside_others(&self) {
        let progress = self.pool.progress();
        // A driver that unlocks now either sees the first or is seen by the second.
        progress.progress_thread_polls.store(false, Ordering::SeqCst);
        let ahead = look!(AheadBeforeRest, progress.ahead.swap(false, Ordering::SeqCst));
        progress.progress_thread_polls.store(ahead, Ordering::SeqCst);
        self.rest(ahead.then_some(AHEAD));
    }

    /// Sleeps until a driver unlocks, or for this long. `beside`: another thread drove just now.
    fn sleep_until_others_drive(&self, longest: Duration, beside: bool) {
        let progress = self.pool.progress();
        progress.wants_hand_off.store(true, Ordering::SeqCst);
        // A driver that unlocked before that has woken nobody. The first look makes what the second one reads visible.
        let taken = progress.taken.load(Ordering::SeqCst);
        // That driver may have been counted before this thread last asked, and may have unlocked since.
        let left = look!(LeftBeforeRest, beside && !taken);
        let disturbed = look!(DrivenBeforeRest, progress.drives.load(Ordering::Relaxed) != self.seen);
        self.rest(Some(if left || disturbed { self.interval() } else { longest }));
        progress.wants_hand_off.store(false, Ordering::SeqCst);
    }

    /// Sleeps until woken, or for this long.
    fn rest(&self, longest: Option<Duration>) {
        self.pool.progress().progress_thread.park(longest);
    }

    fn interval(&self) -> Duration {
        self.wait_policy
            .backoff
            .unwrap_or(PROGRESS_THREAD_INTERVAL.1)
            .clamp(PROGRESS_THREAD_INTERVAL.0, PROGRESS_THREAD_INTERVAL.1)
    }
}
