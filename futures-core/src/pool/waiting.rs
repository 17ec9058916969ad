//! How threads that wait and threads that submit come to a pool's seat.

use super::driving::{Drive, Sitting};
use super::progress::Station;
use crate::base::parker::{self, Awaited, Parker};
use crate::driver::command::Command;
use crate::driver::completions::Watch;
use crate::pool::callbacks;
use crate::pool::shared::Pool;
use std::panic::{self, AssertUnwindSafe};
use std::sync::TryLockError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

impl Pool {
    /// Waits until `target` has happened, or until the deadline, and drives the pool meanwhile if nobody else does;
    /// whether it has happened.
    pub(crate) fn wait_for(&self, target: &dyn Awaited, deadline: Option<Instant>) -> bool {
        if target.is_done() {
            return true;
        }
        callbacks::may_block();
        let happened = match self.drive_for(target, deadline) {
            Drive::Done => true,
            Drive::TimedOut => target.is_done(),
            Drive::Busy => self.stand_by_for(target, deadline),
            Drive::Finished => parker::wait_for(target, deadline),
        };
        if !happened {
            target.withdraw(&Parker::of_this_thread());
        }
        happened
    }

    /// Sleeps until `target` has happened, or until it is this thread's turn to drive, if it may.
    fn stand_by_for(&self, target: &dyn Awaited, deadline: Option<Instant>) -> bool {
        let (seat, parker) = (self.seat(), Parker::of_this_thread());
        loop {
            if !target.enroll(&parker) {
                return true;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return target.is_done();
            }
            if !seat.admits_this_thread() {
                parker.park(left);
                continue;
            }
            seat.stand_by(&parker);
            // Whoever left the seat before that has not seen this thread.
            if !self.is_free() {
                parker.park(left);
            }
            let called = !seat.stand_down(&parker);
            match self.drive_for(target, deadline) {
                // Whoever gets up calls the next.
                Drive::Done => return true,
                Drive::TimedOut => return target.is_done(),
                Drive::Finished => return parker::wait_for(target, deadline),
                Drive::Busy => {
                    if target.is_done() {
                        // The call was for somebody who sits down.
                        if called && self.is_free() {
                            seat.call_next();
                        }
                        return true;
                    }
                }
            }
        }
    }

    /// Carries out commands in this thread if the seat is free; otherwise gives them back.
    pub(crate) fn submit_here<C>(&self, mut commands: C) -> Result<(), C>
    where
        C: Iterator<Item = Command>,
    {
        if !self.seat().admits_this_thread() {
            return Err(commands);
        }
        let Some(sitting) = self.sit(false) else { return Err(commands) };
        match harmlessly(|| sitting.submit(&mut commands)) {
            Some(()) => Ok(()),
            // The door refuses what is left of them.
            None => Err(commands),
        }
    }

    /// Looks after what was left at the door, if the seat is free; whether it was.
    pub(crate) fn look_after_door(&self) -> bool {
        if !self.seat().admits_this_thread() {
            return false;
        }
        let Some(mut sitting) = self.sit(false) else { return false };
        harmlessly(move || sitting.look()).is_some()
    }

    /// Drives until `target` has happened, if the seat is free.
    fn drive_for(&self, target: &dyn Awaited, deadline: Option<Instant>) -> Drive {
        if !self.seat().admits_this_thread() {
            return Drive::Busy;
        }
        let Some(sitting) = self.sit(false) else { return Drive::Busy };
        harmlessly(|| sitting.drive(target, deadline)).unwrap_or(Drive::Busy)
    }

    fn is_free(&self) -> bool {
        self.seat().open.load(Ordering::SeqCst) && !self.seat().taken.load(Ordering::SeqCst)
    }

    /// Does some work while nobody drives the pool, in the thread that calls.
    pub(crate) fn undisturbed<R>(&self, work: impl FnOnce() -> R) -> R {
        let _sitting = loop {
            match self.sit(false) {
                Some(sitting) => break sitting,
                None => thread::yield_now(),
            }
        };
        work()
    }

    pub(super) fn sit(&self, attendant: bool) -> Option<Sitting<'_>> {
        let seat = self.seat();
        if !seat.open.load(Ordering::SeqCst) {
            return None;
        }
        let guard = match seat.station.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if !matches!(*guard, Station::Open(_)) {
            return None;
        }
        // Who does not see it yet does no more than to try in vain.
        seat.taken.store(true, Ordering::Release);
        Some(Sitting { pool: self, guard: Some(guard), panicking: thread::panicking(), attendant })
    }
}

/// The token of the next future that reports to `watch`; `None` if the deadline passes before.
///
/// The thread drives this pool while it waits; without one it only sleeps, and the futures rely on others to drive.
pub(crate) fn next_report(watch: &Watch, pool: Option<&Pool>, deadline: Option<Instant>) -> Option<usize> {
    loop {
        if let Some(token) = watch.take() {
            return Some(token);
        }
        if let Some(pool) = pool {
            pool.wait_for(watch, deadline);
        } else {
            callbacks::may_block();
            let parker = Parker::of_this_thread();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_none_or(|left| !left.is_zero()) && watch.enroll(&parker) {
                parker.park(left);
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return watch.take();
        }
    }
}

/// Keeps a panic of the driver, which breaks the pool, from the thread that happens to drive.
fn harmlessly<R>(code: impl FnOnce() -> R) -> Option<R> {
    panic::catch_unwind(AssertUnwindSafe(code)).ok()
}
