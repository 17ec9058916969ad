//! How threads that wait and threads that submit come to the progress lock of a pool.

use super::driving::{Drive, Driving};
use super::progress::Guarded;
use crate::base::parker::{self, Awaited, Parker};
use crate::base::sync::atomic::Ordering;
use crate::base::sync::{look, thread};
use crate::driver::command::Command;
use crate::driver::completions::CompletionQueue;
use crate::pool::callbacks;
use crate::pool::shared::Pool;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, TryLockError};
use std::time::{Duration, Instant};

impl Pool {
    /// Waits until `target` has happened, or until the deadline, and drives the pool meanwhile if no other thread does;
    /// whether it has happened.
    pub(crate) fn wait_for(&self, target: &dyn Awaited, deadline: Option<Instant>) -> bool {
        if target.is_done() {
            return true;
        }
        callbacks::may_block();
        match self.drive_for(target, deadline) {
            Drive::Done => true,
            Drive::Busy => {
                parker::wait_by(target, deadline, |parker, left| self.wait_for_turn(target, deadline, parker, left))
            }
            // Only others can bring it about; after the deadline this does not sleep.
            Drive::TimedOut | Drive::Finished => parker::wait_for(target, deadline),
        }
    }

    /// Sleeps until `target` calls or it is this thread's turn to drive, and drives then if it may. What it returns
    /// ends the wait: whether `target` has happened.
    fn wait_for_turn(
        &self,
        target: &dyn Awaited,
        deadline: Option<Instant>,
        parker: &Arc<Parker>,
        left: Option<Duration>,
    ) -> Option<bool> {
        let progress = self.progress();
        if !progress.admits_this_thread() {
            parker.park(left);
            return None;
        }
        progress.add_waiter(parker);
        // A driver that unlocked before that has not seen this waiter.
        if !look!(FreeBeforePark, self.is_free()) {
            parker.park(left);
        }
        let called = !progress.remove_waiter(parker);
        match self.drive_for(target, deadline) {
            // The thread that unlocks wakes the next.
            Drive::Done => Some(true),
            Drive::Finished => Some(parker::wait_for(target, deadline)),
            Drive::Busy if target.is_done() => {
                // The wake-up was for a thread that drives.
                if look!(HandOn, called && self.is_free()) {
                    progress.hand_off();
                }
                Some(true)
            }
            Drive::Busy | Drive::TimedOut => None,
        }
    }

    /// Carries out commands in this thread if the progress lock is free; otherwise gives them back.
    pub(crate) fn submit_here<C>(&self, mut commands: C) -> Result<(), C>
    where
        C: Iterator<Item = Command>,
    {
        if !self.progress().admits_this_thread() {
            return Err(commands);
        }
        let Some(driving) = self.try_drive(false) else { return Err(commands) };
        match harmlessly(|| driving.submit(&mut commands)) {
            Some(()) => Ok(()),
            // The inbox refuses what is left of them.
            None => Err(commands),
        }
    }

    /// Carries out what is in the inbox, if the progress lock is free; whether it was.
    pub(crate) fn serve_inbox(&self) -> bool {
        if !self.progress().admits_this_thread() {
            return false;
        }
        let Some(mut driving) = self.try_drive(false) else { return false };
        harmlessly(move || driving.look()).is_some()
    }

    /// Drives until `target` has happened, if the progress lock is free.
    fn drive_for(&self, target: &dyn Awaited, deadline: Option<Instant>) -> Drive {
        if !self.progress().admits_this_thread() {
            return Drive::Busy;
        }
        let Some(driving) = self.try_drive(false) else { return Drive::Busy };
        harmlessly(|| driving.drive(target, deadline)).unwrap_or(Drive::Busy)
    }

    fn is_free(&self) -> bool {
        self.progress().open.load(Ordering::SeqCst) && !self.progress().taken.load(Ordering::SeqCst)
    }

    /// Does some work while no thread drives the pool, in the thread that calls.
    pub(crate) fn undisturbed<R>(&self, work: impl FnOnce() -> R) -> R {
        let _sitting = loop {
            match self.try_drive(false) {
                Some(driving) => break driving,
                None => thread::yield_now(),
            }
        };
        work()
    }

    pub(super) fn try_drive(&self, progress_thread: bool) -> Option<Driving<'_>> {
        let progress = self.progress();
        if !progress.open.load(Ordering::SeqCst) {
            return None;
        }
        let guard = match progress.guarded.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if !matches!(*guard, Guarded::Open(_)) {
            return None;
        }
        // A thread that does not see it yet only tries in vain.
        progress.taken.store(true, Ordering::Release);
        Some(Driving { pool: self, guard: Some(guard), panicking: thread::panicking(), progress_thread })
    }
}

/// The token of the next future that reports to `completions`; `None` if the deadline passes before.
///
/// The thread drives this pool while it waits; without one it only sleeps, and the futures rely on others to drive.
pub(crate) fn next_report(
    completions: &CompletionQueue,
    pool: Option<&Pool>,
    deadline: Option<Instant>,
) -> Option<usize> {
    if let Some(token) = completions.take() {
        return Some(token);
    }
    if let Some(pool) = pool {
        pool.wait_for(completions, deadline);
    } else {
        callbacks::may_block();
        parker::wait_for(completions, deadline);
    }
    completions.take()
}

/// Keeps a panic of the driver, which breaks the pool, from the thread that happens to drive.
fn harmlessly<R>(code: impl FnOnce() -> R) -> Option<R> {
    panic::catch_unwind(AssertUnwindSafe(code)).ok()
}
