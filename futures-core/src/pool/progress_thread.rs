//! The pool's own thread: it drives when nobody else does, and ends the pool.

use super::driving::Looked;
use super::progress::{AHEAD, ATTENDANCE, Driven, Manner, Station, lock};
use crate::base::backoff::{Backoff, Pause};
use crate::base::doze::Doze;
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// The attendant: drives a pool when nobody else does, and ends it.
pub(crate) struct Attendant<'a> {
    pool: &'a Pool,
    manner: Manner,
    /// The others' drives that had been seen at the last look.
    seen: u64,
}

impl<'a> Attendant<'a> {
    /// Opens the seat to all.
    pub(crate) fn open(pool: &'a Pool, stepper: Stepper, begin: Instant, manner: Manner) -> Self {
        let seat = pool.seat();
        let _ = seat.manner.set(manner.clone());
        let _ = seat.attendant_thread.set(thread::current().id());
        let driven = Driven { stepper, begin, heard: 0, submissions: 0 };
        *lock(&seat.station) = Station::Open(Box::new(driven));
        seat.open.store(true, Ordering::SeqCst);
        seat.call_next();
        Attendant { pool, manner, seen: 0 }
    }

    /// Attends to the pool until it has come to its end, and gives it back then; `None` if its driver has panicked.
    pub(crate) fn attend(&mut self) -> Option<Stepper> {
        let seat = self.pool.seat();
        let mut pace = Backoff::new(self.manner.backoff.unwrap_or(ATTENDANCE.1), self.manner.crowded);
        let notified = self.manner.backoff.is_none();
        loop {
            if !seat.open.load(Ordering::SeqCst) {
                return None;
            }
            let drives = seat.drives.load(Ordering::Relaxed);
            let alone = std::mem::replace(&mut self.seen, drives) == drives;
            let relied = seat.relying.load(Ordering::SeqCst) > 0;
            let rings = seat.rings.load(Ordering::SeqCst);
            if !alone && !notified {
                // What others have sent may be answered soon.
                pace.reset();
            }
            let sitting = if alone || relied || notified { self.pool.sit(true) } else { None };
            let Some(mut sitting) = sitting else {
                match (notified, alone) {
                    (true, _) => self.rest_beside_others(),
                    (false, true) => self.rest_until_others_drive(Doze::rule().length),
                    (false, false) => self.rest(Some(self.attendance())),
                }
                continue;
            };
            let Looked { moved, rung } = sitting.look();
            if sitting.driven().stepper.is_finished() {
                return sitting.finish();
            }
            let calm = notified && sitting.driven().stepper.is_calm();
            if moved || (rung && !notified) {
                pace.reset();
            }
            if moved {
                continue;
            }
            let pause = sitting.driven().pause(&mut pace, notified);
            if notified {
                // Before anybody else sits.
                seat.attends.store(!calm, Ordering::SeqCst);
            }
            drop(sitting);
            match pause {
                Pause::Spin => std::hint::spin_loop(),
                Pause::Yield => thread::yield_now(),
                Pause::Sleep(_) if seat.rings.load(Ordering::SeqCst) != rings => {}
                Pause::Sleep(_) if calm => self.rest(None),
                Pause::Sleep(longest) if longest > self.attendance() => self.rest_until_others_drive(longest),
                Pause::Sleep(longest) => self.rest(Some(longest)),
            }
        }
    }

    /// Sleeps while others drive a pool whose arrivals are announced: until called, or not for long if workers had tasks
    /// ahead when somebody last got up.
    fn rest_beside_others(&self) {
        let seat = self.pool.seat();
        // Whoever gets up now either sees the first or is seen by the second.
        seat.attends.store(false, Ordering::SeqCst);
        let ahead = seat.ahead.swap(false, Ordering::SeqCst);
        seat.attends.store(ahead, Ordering::SeqCst);
        self.rest(ahead.then_some(AHEAD));
    }

    /// Sleeps until somebody gets up from the seat, or for this long.
    fn rest_until_others_drive(&self, longest: Duration) {
        let seat = self.pool.seat();
        seat.succession.store(true, Ordering::SeqCst);
        // Who got up before that has not called. The first look makes what the second one reads visible.
        let _taken = seat.taken.load(Ordering::SeqCst);
        let undisturbed = seat.drives.load(Ordering::Relaxed) == self.seen;
        self.rest(Some(if undisturbed { longest } else { self.attendance() }));
        seat.succession.store(false, Ordering::SeqCst);
    }

    /// Sleeps until called, or for this long.
    fn rest(&self, longest: Option<Duration>) {
        self.pool.seat().attendant.park(longest);
    }

    fn attendance(&self) -> Duration {
        self.manner.backoff.unwrap_or(ATTENDANCE.1).clamp(ATTENDANCE.0, ATTENDANCE.1)
    }
}
