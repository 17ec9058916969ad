//! The executor of futures-mpi without MPI.

#![forbid(unsafe_code)]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
extern crate self as futures_mpi_core;
mod backoff;
mod boot;
mod callbacks;
mod codec;
mod collections;
mod driver;
mod error;
mod executor;
mod future;
mod gate;
mod ids;
mod inbox;
mod manager;
mod map;
mod message;
#[doc(hidden)]
pub mod options;
mod payload;
mod registry;
mod scheduler;
mod task;
mod thread_pool;
mod transport;
mod worker;

pub use error::{Error, Result};
pub use executor::Executor;
pub use future::Future;
pub use map::{Map, MapIter};
pub use task::{IntoArgs, TaskId};
pub use thread_pool::{ThreadPoolBuilder, ThreadPoolExecutor};

/// What the MPI side of the library builds on; not for users, and free to change.
#[doc(hidden)]
pub mod engine {
    pub use crate::backoff::{Backoff, Pause};
    pub use crate::error::Kind;
    pub use crate::manager::{Manager, Notify, Plan, Recipe};
    pub use crate::transport::{Arrival, Frame, Link, Transport, WorkerNumber};
    pub use crate::worker::serve;
}
