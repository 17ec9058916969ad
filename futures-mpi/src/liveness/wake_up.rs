//! How an end that breaks a long silence over MPI wakes the other, which does not look for messages any more.
//!
//! The core has the rule of [deep sleep](futures_mpi_core::engine::DeepSleep) and says when to call; here is over what.
//! Whoever ends a [silence](Silence) over MPI also sends one byte over the liveness connection, where the other's
//! thread sleeps in the system and is woken at once. The byte may overtake the message; whoever was called looks for it
//! in earnest again. The transport says what it sends (`spoke_to`, `spoke`), asks whether all workers call
//! (`is_called_by`), and lets a worker `rest`; all the rest is the two ends of the connection.

use crate::sys;
use futures_mpi_core::engine::{Silence, WorkerNumber};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The byte of a call.
pub(super) const CALL: u8 = b'c';

/// So many workers are asked to call. A master with more of them looks for messages all the time: it is one process
/// among many, and the calls of many workers would take more of it than the looks.
pub(crate) const CALLERS_MAX: usize = 64;

/// For how long a master has not spoken to each of its workers.
#[derive(Debug, Default)]
pub(super) struct Silences(Vec<Silence>);

impl Silences {
    /// Something is sent to this worker now; whether it is to be called.
    pub(super) fn end(&mut self, worker: WorkerNumber) -> bool {
        if worker.index() >= self.0.len() {
            self.0.resize(worker.index() + 1, Silence::default());
        }
        self.0[worker.index()].end(sys::coarse_time())
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
}
