//! Whether the process that has spawned this one is a master.

use super::stream;
use crate::sys::{Communicator, MpiError};
use futures_mpi_core::engine::Backoff;
use std::time::{Duration, Instant};

/// How long a spawned process without the argument waits for the first eager message of a master. A master of this
/// library sends it as soon as the spawn returns, which is when the spawned process has initialised MPI.
const MASTER_LIMIT: Duration = Duration::from_secs(10);

/// The longest pause between two looks for that eager message.
const MASTER_BACKOFF: Duration = Duration::from_millis(1);

/// Whether a process without the argument, which `parent` has spawned, is a worker nevertheless: a wrapper script may
/// have dropped its arguments. A process that another program of MPI has spawned is none.
pub(crate) fn is_worker_of(parent: Communicator) -> Result<bool, MpiError> {
    let deadline = Instant::now() + MASTER_LIMIT;
    let mut backoff = Backoff::new(MASTER_BACKOFF, true);
    while !stream::has_eager(parent, 0)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        backoff.wait();
    }
    Ok(true)
}
