//! What the tests of futures-mpi share: the [`harness`] that starts processes, and the [`tidy`] checks of the sources.

pub mod harness;
pub mod tidy;
