//! Service mode: a group of workers that was started on its own, and clients that come to it one after the other.
//!
//! ```text
//!  client                            group of workers
//!  MpiPoolBuilder::service           program --futures-mpi-serve=ADDRESS, by mpiexec
//!    |  looks the place up             |  rank 0 listens at a socket and tells where: a published name, a file
//!    |  -- greeting: token, wish ----> |  (other ranks sleep)
//!    |  <----- answer: port of MPI --- |
//!    |  MPI_Comm_connect  <=========>  |  MPI_Comm_accept, all ranks
//!    |  -- goodbye ------------------> |  the next client may come
//! ```
//!
//! MPI can wait for a connection, but can neither give the wait up nor tell that the other side is gone. So client and
//! group first meet at the socket: they connect in MPI only when both are ready, and each notices within a limit when
//! the other is gone. Its protocol is that of the [liveness connection](crate::liveness).

mod address;
mod client;
mod group;
mod wish;

pub(crate) use address::Address;
pub use client::end_service;
pub(crate) use client::transport;
pub(crate) use group::{ServeOptions, address_of_this_process, serve};
