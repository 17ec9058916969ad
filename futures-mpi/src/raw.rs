//! Measurements of MPI itself over the pool's own communicator, between its own processes; for `futures-mpi bench`.

use crate::runtime::{self, Role};
use crate::sys::{Communicator, MpiError, Source};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Each message is sent back.
    Echo,
    /// Messages go to the worker, which answers the last one.
    Stream,
}

/// The worker's part, in a task: says that it is there, then takes `count` messages of `length` bytes.
///
/// # Errors
///
/// Those of MPI.
pub fn follow(pattern: Pattern, length: usize, count: usize) -> Result<(), String> {
    let line = line()?;
    // Written to now: the first access to new memory is no part of what is measured.
    let mut bytes = vec![1; length];
    let mut exchange = || {
        line.raw_send(&[1], 0)?;
        for n in 1..=count {
            line.raw_receive(&mut bytes, Source::Rank(0))?;
            if pattern == Pattern::Echo || n == count {
                line.raw_send(&bytes, 0)?;
            }
        }
        Ok(())
    };
    exchange().map_err(|error: MpiError| error.to_string())
}

/// The master's part, while nobody drives the pool and a worker follows; returns how long it took without the start.
///
/// # Errors
///
/// Those of MPI.
pub fn lead(pattern: Pattern, length: usize, count: usize) -> Result<Duration, String> {
    let line = line()?;
    let mut bytes = vec![1; length];
    let mut exchange = || {
        let worker = line.raw_receive(&mut [0], Source::Any)?;
        let begin = Instant::now();
        for n in 1..=count {
            line.raw_send(&bytes, worker)?;
            if pattern == Pattern::Echo || n == count {
                line.raw_receive(&mut bytes, Source::Rank(worker))?;
            }
        }
        Ok(begin.elapsed())
    };
    exchange().map_err(|error: MpiError| error.to_string())
}

/// Spawns processes that only start and end MPI: `program` with `argument` must call [`leave_parent`].
///
/// # Errors
///
/// Those of MPI.
pub fn spawn_bare(program: &Path, argument: &str, count: usize) -> Result<Duration, String> {
    let number = i32::try_from(count).unwrap_or(i32::MAX);
    let failed = |error: MpiError| error.to_string();
    // A copy whose errors return.
    let own = Communicator::this_process().duplicate().map_err(failed)?;
    let begin = Instant::now();
    let spawned = own.spawn(program.as_os_str(), &[argument.to_owned()], number, &[]);
    let elapsed = begin.elapsed();
    own.free().map_err(failed)?;
    spawned.and_then(Communicator::disconnect).map_err(failed)?;
    Ok(elapsed)
}

/// Whether this process spawns its workers.
pub fn is_spawning() -> bool {
    runtime::get().is_some_and(|runtime| matches!(runtime.role, Role::Alone))
}

/// Parts from the process that has spawned this one.
///
/// # Errors
///
/// Those of MPI; that there is no such process.
pub fn leave_parent() -> Result<(), String> {
    let parent = Communicator::parent().ok_or("this process was not spawned")?;
    parent.disconnect().map_err(|error| error.to_string())
}

fn line() -> Result<Communicator, String> {
    runtime::get().and_then(|runtime| runtime.line()).ok_or_else(|| "this process has no pool".to_owned())
}
