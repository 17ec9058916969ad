//! Tasks that need their worker for themselves, because they wait for tasks on other workers.

use std::cell::Cell;

/// How long such a task is said to take, at least: long enough that it is given to idle workers only.
pub(crate) const EXCLUSIVE_NANOS: u64 = 1_000_000_000;

thread_local! {
    static EXCLUSIVE: Cell<bool> = const { Cell::new(false) };
}

/// Lets the task that runs in this thread, and coming ones of its function, count as long: each is given to a worker
/// that is idle, and no other task is sent there before it has ended.
///
/// A task that waits for another worker's would wait for ever if that other one were queued behind it.
pub fn require_exclusive_worker() {
    EXCLUSIVE.set(true);
}

/// Whether the task that has just run in this thread asked for that; asking again begins anew.
pub(crate) fn has_required_exclusive_worker() -> bool {
    EXCLUSIVE.take()
}
