//! What users hold: a pool of MPI processes, and one on the ranks of a communicator.

pub(crate) mod comm_executor;
pub(crate) mod pool;
