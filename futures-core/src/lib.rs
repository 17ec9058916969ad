//! The executor of futures-mpi without MPI.
mod codec;
mod error;
mod task;
mod transport;

pub use error::{Error, Result};
pub use task::{IntoArgs, TaskId};
