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

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
extern crate self as futures_mpi_core;
mod attachments;
mod backoff;
mod boot;
mod buffer;
mod call;
mod callbacks;
#[cfg(feature = "cbor")]
mod cbor;
mod codec;
mod collections;
mod doze;
mod driver;
mod error;
mod executor;
mod future;
mod gate;
mod globals;
mod ids;
mod inbox;
mod manager;
mod map;
mod memory;
mod message;
#[doc(hidden)]
pub mod options;
mod parker;
mod parts;
mod payload;
mod registry;
mod say;
mod scheduler;
mod seat;
mod setup;
mod stepper;
mod task;
mod terms;
mod thread_pool;
mod transport;
mod watchdog;
mod worker;

pub use buffer::Buffer;
#[doc(no_inline)]
pub use bytemuck::Pod;
pub use call::Call;
#[cfg(feature = "cbor")]
pub use cbor::Cbor;
pub use error::{Error, Result};
pub use executor::Executor;
pub use future::{
    AsCompleted, AsCompletedInTime, Future, Resolve, ReturnWhen, Waited, as_completed, catch, collect, compose, then,
    wait,
};
#[doc(inline)]
pub use futures_mpi_macros::remote_task;
pub use globals::global;
pub use map::{Map, MapIter};
pub use setup::GlobalValue;
pub use task::{IntoArgs, TaskId};
pub use thread_pool::{ThreadPoolBuilder, ThreadPoolExecutor};

/// What the MPI side of the library builds on; not for users, and free to change.
#[doc(hidden)]
pub mod engine {
    pub use crate::backoff::{Backoff, Pause};
    pub use crate::doze::Doze;
    pub use crate::error::Kind;
    pub use crate::ids::{ClientNumber, FunctionNumber, TaskNumber};
    pub use crate::manager::{Manager, Notify, Plan, Recipe};
    pub use crate::memory::{Attachment, Memory, Recycler};
    pub use crate::message::calls_apart;
    pub use crate::registry::check_functions;
    pub use crate::say::say;
    pub use crate::scheduler::{Action, Event, Prefetch, Scheduler};
    pub use crate::stepper::Stepper;
    pub use crate::task::take_worker_alone;
    pub use crate::transport::{Arrival, Claimer, Claims, Frame, Held, Link, Transport, WorkerNumber, threads};
    pub use crate::worker::{Clock, Next, Place, Worker, refuse, serve};
}
