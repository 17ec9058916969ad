//! The executor of futures-mpi without MPI.
mod codec;
mod collections;
mod error;
mod ids;
mod message;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod registry;
mod scheduler;
mod task;
#[doc(hidden)]
pub mod transport;

pub use error::{Error, Result};
pub use task::{IntoArgs, TaskId};
