//! The executor of futures-mpi without MPI: task functions, registry, scheduler, futures and a pool of threads.
//!
//! Users depend on the crate `futures-mpi`, which re-exports what is public here and adds MPI. This crate builds and
//! passes its tests on a machine without MPI, and names nothing of it.
//!
//! ```text
//!  user thread                     manager (one per pool)                       worker (thread | rank)
//! +-----------+   command        +---------------------------------+  frame  +------------------------------+
//! | Executor  | ---------------> |  Driver                         | ------> |  worker loop                 |
//! |  submit   |     Inbox        |   |  event        ^ action      |         |   decode                     |
//! |  map      |                  |   v               |             |         |   Registry: TaskId -> fn     |
//! |  starmap  |                  |  +-----------------+            |         |   call, catch panic          |
//! |           |                  |  | Scheduler (pure)|            | <------ |   encode                     |
//! | Future<T> | <--------------- |  +-----------------+            |  frame  |                              |
//! +-----------+   outcome        |  Transport (one small trait)    |         +------------------------------+
//!                                +---------------------------------+
//! ```
//!
//! What each part must not know: the scheduler, bytes, futures and time; the driver, threads and clocks; the transport,
//! what is in a frame; the worker loop, whether it is a thread or a rank.

#![forbid(unsafe_code)]
// It panics where standard error cannot be written; `say` does not.
#![warn(clippy::print_stderr)]

// The underscores warn readers of generated code; the file needs none.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
extern crate self as futures_mpi_core;
mod base;
mod driver;
mod error;
mod executor;
mod future;
mod pool;
mod scheduler;
mod task;
mod wire;
mod worker;

#[doc(no_inline)]
pub use bytemuck::Pod;
pub use error::{Error, Result};
pub use executor::Executor;
pub use executor::call::Call;
pub use executor::map::Map;
pub use executor::map_iter::MapIter;
#[cfg(feature = "stream")]
pub use executor::map_iter::stream::MapStream;
#[doc(hidden)]
pub use executor::options;
pub use executor::thread_pool::{ThreadPoolBuilder, ThreadPoolExecutor};
#[cfg(feature = "stream")]
pub use future::AsCompletedStream;
pub use future::{
    AsCompleted, AsCompletedTimeout, CancelOnDrop, DoneAndNotDone, Future, Resolve, ReturnWhen, as_completed, catch,
    collect, compose, then, wait,
};
#[doc(inline)]
pub use futures_mpi_macros::{remote_state, remote_task};
pub use task::{IntoArgs, StateFunction, StateId, TaskFunction, TaskId};
pub use wire::buffer::Buffer;
#[cfg(feature = "cbor")]
pub use wire::cbor::Cbor;
pub use wire::setup::GlobalValue;
pub use worker::globals::{global, global_ref};

/// What the MPI side of the library builds on; not for users, and free to change.
#[doc(hidden)]
pub mod engine {
    pub use crate::base::backoff::{Backoff, Pause};
    pub use crate::base::deep_sleep::{DeepSleep, Silence};
    pub use crate::base::ids::{ClientNumber, FunctionNumber, TaskNumber};
    pub use crate::base::say::say;
    pub use crate::error::Kind;
    pub use crate::executor::thread_transport::threads;
    pub use crate::pool::manager::{Manager, Notify, Plan, Recipe};
    pub use crate::pool::stepper::Stepper;
    pub use crate::scheduler::{Action, Event, Prefetch, Scheduler};
    pub use crate::task::registry::check_functions;
    pub use crate::task::require_exclusive_worker;
    pub use crate::wire::frame::Frame;
    pub use crate::wire::memory::{Attachment, Memory, Recycler};
    pub use crate::wire::message::calls_apart;
    pub use crate::wire::transport::{Arrival, Claimer, Claims, Held, Link, Transport, WorkerNumber};
    pub use crate::worker::{Clock, Next, Place, Worker, refuse, serve};
}
