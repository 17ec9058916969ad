//! A gate at which tasks stand wherever they are executed: they go on when a file is gone.

use futures_mpi::{Executor, Future, remote_task};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A file that tasks wait for; the gate is closed while the file is there. Dropping a gate opens it, so that a broken
/// promise leaves no worker behind; an executor whose tasks stand at a gate is made before it.
pub(super) struct Gate(PathBuf);

impl Gate {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("futures-mpi-gate-{}-{number}", std::process::id()));
        std::fs::write(&path, "").expect("a file can be made");
        Gate(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn open(&self) {
        let _ = std::fs::remove_file(&self.0);
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.exists()
    }

    /// One task at each worker that stands at this gate, when all of them do.
    pub(super) fn occupy(&self, executor: &Executor) -> Vec<Future<u64>> {
        let workers = executor.num_workers().expect("the pool starts");
        // Nothing is sent behind these, where it would count as running.
        let call = executor.call(pass::ID).prefetch(false);
        let futures: Vec<_> = (0..workers).map(|_| call.submit((self.path(), Busy::VALUE))).collect();
        super::futures::wait_until(|| futures.iter().all(Future::running));
        futures
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

/// One task at each worker of an executor, which end when they are released; dropping this releases them.
pub(super) struct Busy {
    gate: Gate,
    futures: Vec<Future<u64>>,
}

impl Busy {
    /// What each of the tasks gives.
    pub(super) const VALUE: u64 = 0;

    /// Occupies all workers, and returns when all of the tasks run.
    pub(super) fn all(executor: &Executor) -> Busy {
        let gate = Gate::new();
        let futures = gate.occupy(executor);
        Busy { gate, futures }
    }

    pub(super) fn release(&self) {
        self.gate.open();
    }
}

impl Deref for Busy {
    type Target = [Future<u64>];

    fn deref(&self) -> &[Future<u64>] {
        &self.futures
    }
}

/// Gives `n` when the gate is open.
#[remote_task]
pub(super) fn pass(gate: &Path, n: u64) -> u64 {
    stand_at(gate);
    n
}

/// Gives the square of `n` when the gate is open.
#[remote_task]
pub(super) fn pass_square(gate: &Path, n: i64) -> i64 {
    stand_at(gate);
    n * n
}

/// Fails when the gate is open.
#[remote_task]
pub(super) fn fail_behind(gate: &Path, reason: &str) -> Result<u64, String> {
    stand_at(gate);
    Err(reason.to_owned())
}

/// Opens one gate, and stands at another.
#[remote_task]
pub(super) fn report_and_pass(report: &Path, gate: &Path, n: u64) -> u64 {
    let _ = std::fs::remove_file(report);
    stand_at(gate);
    n
}

/// Opens a gate.
#[remote_task]
pub(super) fn open(gate: &Path) {
    let _ = std::fs::remove_file(gate);
}

pub(super) fn stand_at(gate: &Path) {
    let limit = Instant::now() + super::LONG;
    while gate.exists() {
        assert!(Instant::now() < limit, "nobody opens the gate {}", gate.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}
