//! The executor of futures-mpi without MPI.
mod codec;
mod error;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod task;
#[doc(hidden)]
pub mod transport;

pub use error::{Error, Result};
pub use task::{IntoArgs, TaskId};
