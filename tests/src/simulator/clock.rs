//! Virtual time: a number of nanoseconds for each thread, which only the simulator and its task functions move.

use futures_mpi_core::engine::Clock;
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static NOW_NANOS: Cell<u64> = const { Cell::new(0) };
}

/// The clock of modelled workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct VirtualClock;

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(now())
    }
}

/// The virtual time of this thread in nanoseconds.
pub(super) fn now() -> u64 {
    NOW_NANOS.get()
}

/// Sets the virtual time of this thread.
pub(super) fn set(nanos: u64) {
    NOW_NANOS.set(nanos);
}
