//! Hand function calls to a pool of MPI processes and get futures back.
//!
//! A program marks functions with `#[remote_task]`, opens an executor, and submits calls; each call is made in one of
//! the pool's worker processes and its result comes back by a future. Arguments and results are checked when the
//! program is compiled. The workers are the same program: they are spawned by MPI when they are first needed, or they
//! are the other ranks when `mpiexec` starts several processes.
//!
//! ```no_run
//! use futures_mpi::{MpiPoolExecutor, remote_task};
//!
//! #[remote_task]
//! fn power(base: u64, exponent: u32) -> u64 {
//!     base.pow(exponent)
//! }
//!
//! #[futures_mpi::main]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let executor = MpiPoolExecutor::builder().max_workers(3).build()?;
//!     let future = executor.submit(power::ID, (2, 10));
//!     assert_eq!(power(2, 10), future.result()?); // still an ordinary function
//!     for value in executor.starmap(power::ID, (0..32).map(|n| (2, n))).chunksize(4) {
//!         println!("{}", value?);
//!     }
//!     Ok(()) // drop: shut down and wait
//! }
//! ```
//!
//! # How it starts
//!
//! | command | workers |
//! |---|---|
//! | `./program`, `mpiexec -n 1 ./program` | spawned by `MPI_Comm_spawn` at first use |
//! | `mpiexec -n 17 ./program` | ranks 1 to 16, shared by all executors of the program ("command line mode") |
//! | `mpiexec -n 16 ./program --futures-mpi-serve=ADDRESS` | a group of 16 workers and nothing else, for [clients that come to it](MpiPoolBuilder::service) |
//!
//! A program without the attribute `#[futures_mpi::main]`, which runs on all its ranks, makes a pool of the other ranks
//! of a communicator with [`MpiCommExecutor`].
//!
//! A library of task functions that is to build where there is no MPI depends on the package `futures-mpi-core`, which
//! has `remote_task`, [`Executor`] and [`ThreadPoolExecutor`]; programs with this crate run its tasks.
//!
//! # What flows where
//!
//! ```text
//!  user thread                     manager (one per pool)                       worker (rank)
//! +-----------+   command        +---------------------------------+  frame  +------------------------------+
//! | Executor  | ---------------> |  Driver                         | ------> |  worker loop                 |
//! |  submit   |                  |   |  event        ^ action      |         |   decode                     |
//! |  map      |                  |   v               |             |         |   Registry: TaskId -> fn     |
//! |           |                  |  +-----------------+            |         |   call, catch panic          |
//! |           |                  |  | Scheduler (pure)|            | <------ |   encode                     |
//! | Future<T> | <--------------- |  +-----------------+            |  frame  |                              |
//! +-----------+   outcome        |  Transport (MPI)                |         +------------------------------+
//!                                +---------------------------------+
//! ```

// It panics where standard error cannot be written; `say` does not.
#![warn(clippy::print_stderr)]

// Generated code names the crate, also in this crate's own programs and tests.
extern crate self as futures_mpi;

// The underscores warn users; the file needs none.
#[doc(hidden)]
#[path = "raw.rs"]
pub mod __raw;
mod comm_workers;
mod ending;
mod executor;
mod launch;
mod liveness;
mod runtime;
mod service;
mod spawning;
mod sys;
mod transport;

pub use comm_workers::{WorkersCommunicator, get_comm_workers};
pub use executor::comm_executor::{MpiCommBuilder, MpiCommExecutor};
pub use executor::pool::{MpiPoolBuilder, MpiPoolExecutor};
#[cfg(feature = "cbor")]
pub use futures_mpi_core::Cbor;
pub use futures_mpi_core::{
    AsCompleted, AsCompletedTimeout, Buffer, Call, CancelOnDrop, DoneAndNotDone, Error, Executor, Future, GlobalValue,
    IntoArgs, Map, MapIter, Pod, Resolve, Result, ReturnWhen, StateFunction, StateId, TaskFunction, TaskId,
    ThreadPoolBuilder, ThreadPoolExecutor, as_completed, catch, collect, compose, global, global_ref, then, wait,
};
#[cfg(feature = "stream")]
pub use futures_mpi_core::{AsCompletedStream, MapStream};
pub use futures_mpi_macros::main;
#[doc(inline)]
pub use futures_mpi_macros::{remote_state_with_mpi as remote_state, remote_task_with_mpi as remote_task};
/// The bindings of MPI that this library is built on, so that programs use the same version of them.
pub use mpi;
pub use service::end_service;

/// What generated code names; not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::runtime::run_main;
    pub use futures_mpi_core::__private::*;
}
