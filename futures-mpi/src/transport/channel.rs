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
    /// Not yet, or not any more.
    Closed,
    /// From whoever sends one.
    Common(PersistentReceive),
    /// From each worker apart, after an error, so that the next one has a name.
    Apart(Vec<(WorkerNumber, PersistentReceive)>),
}
