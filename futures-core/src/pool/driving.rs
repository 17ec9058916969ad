//! Whoever sits at a pool's seat: looks, drives, sleeps, and leaves it so that nothing is forgotten.

use super::progress::{ARRIVALS_PER_LOOK, ATTENDANCE, Driven, LOOKS_PER_CLOCK, SUBMISSIONS_PER_LOOK, Station, lock};
use crate::base::backoff::{Backoff, Pause};
use crate::base::parker::{Awaited, Parker};
use crate::driver::command::Command;
use crate::driver::promise::Notices;
use crate::error::{Error, Kind};
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};
use std::{mem, thread};

/// The seat, taken.
pub(super) struct Sitting<'a> {
    pub(super) pool: &'a Pool,
    /// None while it is left for a moment, and at the end.
    pub(super) guard: Option<MutexGuard<'a, Station>>,
    /// A panic that was under way before is not one of the pool.
    pub(super) panicking: bool,
    pub(super) attendant: bool,
}

/// How an attempt to drive has ended.
pub(super) enum Drive {
    /// What was awaited has happened.
    Done,
    /// The deadline has passed.
    TimedOut,
    /// Somebody else drives, or nobody can.
    Busy,
    /// The attendant has to end the pool.
    Finished,
}

/// What a look has shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// Whether anything had come.
    pub(super) moved: bool,
    /// Whether somebody had rung since the look before: what was announced may still be on its way.
    pub(super) rung: bool,
}

impl Sitting<'_> {
    pub(super) fn driven(&mut self) -> &mut Driven {
        match self.guard.as_deref_mut() {
            Some(Station::Open(driven)) => driven,
            _ => unreachable!("whoever sits has something to drive"),
        }
    }

    /// Deals with all that has come.
    pub(super) fn look(&mut self) -> Looked {
        self.look_until(|| false)
    }

    /// Deals with what has come, until it is `enough`.
    fn look_until(&mut self, enough: impl Fn() -> bool) -> Looked {
        let rings = self.pool.seat().rings.load(Ordering::SeqCst);
        let driven = self.driven();
        let rung = mem::replace(&mut driven.heard, rings) != rings;
        let begin = driven.begin;
        Looked { moved: driven.stepper.advance(|| begin.elapsed(), enough), rung }
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
        let Some(manner) = self.pool.seat().manner.get() else { return Drive::Finished };
        let mut pace = Backoff::new(manner.backoff.unwrap_or(ATTENDANCE.1), manner.crowded);
        let notified = manner.backoff.is_none();
        let mut looks = 0;
        loop {
            // What an announcing transport has announced is dealt with at once, or nobody would look for it.
            let arrivals = Cell::new(0);
            let Looked { moved, rung } = self.look_until(|| {
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
            if moved || (rung && !notified) {
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

    /// Sleeps on the seat until something has come, or `target` has happened.
    fn sleep(&mut self, target: &dyn Awaited, longest: Option<Duration>) {
        let seat = self.pool.seat();
        let parker = Parker::of_this_thread();
        if !target.enroll(&parker) {
            return;
        }
        *lock(&seat.sleeper) = Some(Arc::clone(&parker));
        seat.asleep.store(true, Ordering::SeqCst);
        // Who rang before that has not seen that this thread sleeps.
        if !self.is_rung() {
            parker.park(longest);
        }
        seat.asleep.store(false, Ordering::SeqCst);
        *lock(&seat.sleeper) = None;
    }

    /// Whether somebody has rung since the last look.
    fn is_rung(&mut self) -> bool {
        self.pool.seat().rings.load(Ordering::SeqCst) != self.driven().heard
    }

    /// Leaves the seat for as long as wakers and callbacks are called; afterwards somebody else may sit there.
    fn tell(&mut self) {
        let (pool, attendant) = (self.pool, self.attendant);
        self.leave();
        if let Some(mut again) = pool.sit(attendant) {
            self.guard = again.guard.take();
        }
    }

    /// Gets up, and sees to it that nothing is forgotten.
    fn leave(&mut self) {
        let mut notices = Notices::default();
        if panic::catch_unwind(AssertUnwindSafe(|| self.get_up(&mut notices))).is_err() {
            self.break_down();
        }
        self.pool.tell(notices);
    }

    fn get_up(&mut self, notices: &mut Notices) {
        let seat = self.pool.seat();
        while let Some(mut guard) = self.guard.take() {
            let Station::Open(driven) = &mut *guard else { return };
            driven.stepper.send_urgent();
            notices.append(driven.stepper.notices());
            seat.relieve(mem::take(&mut notices.relieved));
            let (heard, finished) = (driven.heard, driven.stepper.is_finished());
            let (timed, has_ahead) = (driven.stepper.has_timers(), driven.stepper.has_ahead());
            if !self.attendant {
                // Nobody else writes there now.
                seat.drives.store(seat.drives.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            seat.taken.store(false, Ordering::SeqCst);
            drop(guard);
            // What was left at the door meanwhile had no chance to find the seat free.
            if self.pool.inbox().has_commands()
                && let Some(mut again) = self.pool.sit(self.attendant)
            {
                again.look();
                self.guard = again.guard.take();
                continue;
            }
            if finished {
                return seat.call_attendant();
            }
            let unheard = seat.rings.load(Ordering::SeqCst) != heard;
            let ahead = has_ahead && !self.attendant && seat.note_ahead();
            let relied = seat.relying.load(Ordering::SeqCst) > 0 || seat.succession.load(Ordering::SeqCst);
            if !seat.call_next() && !self.attendant && (unheard || relied || timed || ahead) {
                seat.call_attendant();
            }
        }
    }
}

impl Drop for Sitting<'_> {
    fn drop(&mut self) {
        if thread::panicking() && !self.panicking {
            self.break_down();
        }
        self.leave();
    }
}

impl Sitting<'_> {
    /// Ends a pool whose driver has panicked.
    fn break_down(&mut self) {
        let seat = self.pool.seat();
        seat.open.store(false, Ordering::SeqCst);
        // The panic may have come while the seat was being left.
        let mut guard = self.guard.take().unwrap_or_else(|| lock(&seat.station));
        let mut station = mem::replace(&mut *guard, Station::Over);
        seat.taken.store(false, Ordering::SeqCst);
        drop(guard);
        let notices = match &mut station {
            Station::Open(driven) => mem::take(driven.stepper.notices()),
            Station::Closed | Station::Over => Notices::default(),
        };
        // Its futures are failed by the stepper's destructor.
        drop(station);
        self.pool.end(Error::new(Kind::Broken, "the pool's driver panicked; this is a fault of futures-mpi"));
        while seat.call_next() {}
        seat.call_attendant();
        self.pool.tell(notices);
    }

    /// Takes the pool off the seat for good.
    pub(super) fn finish(mut self) -> Option<Stepper> {
        let seat = self.pool.seat();
        seat.open.store(false, Ordering::SeqCst);
        let mut guard = self.guard.take()?;
        let station = mem::replace(&mut *guard, Station::Over);
        seat.taken.store(false, Ordering::SeqCst);
        drop(guard);
        let Station::Open(mut driven) = station else { return None };
        self.pool.tell(mem::take(driven.stepper.notices()));
        Some(driven.stepper)
    }
}
