//! A condition that becomes true once and can be waited for.

use crate::base::parker::{Awaited, Parker, Sleepers};
use crate::base::sync::atomic::{AtomicBool, Ordering};
use crate::base::sync::{Mutex, MutexGuard};
use std::sync::{Arc, PoisonError};

/// Closed at first, open for ever after [`open`](Self::open).
#[derive(Debug, Default)]
pub(crate) struct Latch {
    open: AtomicBool,
    /// Looked at for the last time after the gate has opened.
    sleepers: Mutex<Sleepers>,
}

impl Latch {
    /// Opens the gate and wakes all who wait.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
        self.lock().call();
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited for Latch {
    fn is_done(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn enroll(&self, parker: &Arc<Parker>) -> bool {
        let mut sleepers = self.lock();
        let closed = !self.is_done();
        if closed {
            sleepers.add(parker);
        }
        closed
    }

    fn withdraw(&self, parker: &Arc<Parker>) {
        self.lock().remove(parker);
    }
}
