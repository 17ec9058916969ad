//! How an end that breaks a long silence over MPI wakes the other, which does not look for messages any more.
//!
//! An end that has waited for long [dozes](futures_mpi_core::engine::Backoff::doze), so that an idle pool costs next to
//! nothing. Whoever sends something over MPI after a [silence](Doze), which is shorter, then also sends one byte over
//! the liveness connection, where the other's thread sleeps in the system and is woken at once. The byte may overtake
//! the message; whoever was called looks for it in earnest again. A call that gets lost costs the length of one sleep
//! deeply.

use crate::sys;
use futures_mpi_core::engine::DeepSleep;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The byte of a call.
pub(super) const CALL: u8 = b'c';

/// So many workers are asked to call. A master with more of them looks for messages all the time: it is one process
/// among many, and the calls of many workers would take more of it than the looks.
pub(crate) const CALLERS_MAX: usize = 64;

/// For how long one end has not spoken to the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdleThreshold {
    last: Duration,
}

impl IdleThreshold {
    /// Something is said now; whether that ends a silence in which the other may have begun to sleep deeply.
    pub(crate) fn end(&mut self) -> bool {
        let now = sys::coarse_time();
        now.saturating_sub(std::mem::replace(&mut self.last, now)) >= DeepSleep::rule().silence
    }
}

/// Where a worker sleeps deeply.
#[derive(Debug, Default)]
pub(super) struct Waker {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    /// Whether nobody calls any more.
    broken: bool,
}

impl Waker {
    pub(super) fn ring(&self) {
        self.lock().rung = true;
        self.rung.notify_one();
    }

    /// Nobody calls any more.
    pub(super) fn break_down(&self) {
        self.lock().broken = true;
    }

    pub(super) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    /// Sleeps until somebody rings, or has rung since the last sleep, or `longest` has passed; whether somebody has.
    pub(super) fn sleep(&self, longest: Duration) -> bool {
        let waits = |state: &mut State| !state.rung;
        let slept = self.rung.wait_timeout_while(self.lock(), longest, waits);
        std::mem::take(&mut slept.unwrap_or_else(PoisonError::into_inner).0.rung)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_that_was_rung_wakes_once() {
        let waker = Waker::default();
        waker.ring();
        assert!(waker.sleep(Duration::from_secs(60)));
        assert!(!waker.sleep(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            scope.spawn(|| waker.ring());
            assert!(waker.sleep(Duration::from_secs(60)));
        });
    }

    #[test]
    fn only_a_long_silence_is_broken() {
        let mut silence = IdleThreshold::default();
        assert!(silence.end(), "nothing was ever said");
        assert!(!silence.end());
        silence.last -= 2 * DeepSleep::rule().silence;
        assert!(silence.end());
    }
}
