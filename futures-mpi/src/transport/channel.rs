//! A communicator to workers, and how their eager messages are received over it.

use crate::sys::{Communicator, PersistentReceive};
use futures_mpi_core::engine::WorkerNumber;

/// One communicator.
pub(super) struct Channel {
    pub(super) communicator: Communicator,
    /// The worker with each rank.
    pub(super) workers: Vec<Option<WorkerNumber>>,
    pub(super) reception: Reception,
}

/// How eager messages are received over a communicator.
pub(super) enum Reception {
    /// Closed: not open yet, or not any more.
    Closed,
    /// One receive from any worker.
    Common(PersistentReceive),
    /// One receive from each worker, after an error, so that the next error names its worker.
    Apart(Vec<(WorkerNumber, PersistentReceive)>),
}
