//! MPI launches take turns, within one test process and across test processes, so that few cores are not swamped.

use std::env;
use std::fs::{File, OpenOptions};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The right to run an MPI job; given back when dropped, and by the operating system when the process dies.
#[derive(Debug)]
pub(super) struct Turn {
    _file: Option<File>,
    _thread: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits until nobody else has the turn.
    pub(super) fn take() -> Turn {
        static THREADS: Mutex<()> = Mutex::new(());
        // A failed test has poisoned it; the next test is none the worse for that.
        let thread = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { _file: lock_file(), _thread: thread }
    }
}

/// The lock of all test processes of this machine, or nothing where such a file cannot be had:
/// the turn is a courtesy to the machine, and no test depends on it.
fn lock_file() -> Option<File> {
    let path = env::temp_dir().join("futures-mpi-tests.lock");
    let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
    file.lock().ok()?;
    Some(file)
}
