//! What the tests of futures-mpi share: the [`harness`] that starts processes.

pub mod harness;
