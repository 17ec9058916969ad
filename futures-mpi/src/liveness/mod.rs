//! The liveness connection: a TCP connection from each worker to its master, on which almost nothing is sent.
//!
//! The operating system closes it when a process ends, however it ends, so that each end learns within milliseconds
//! that the other is gone. No MPI tells that reliably.
//!
//! ```text
//!  master                                            worker
//!  Liveness: one thread, all connections             MasterConnection: one thread, blocked in a read
//!    invitation (an MPI message): where, token  -->
//!    <-- greeting: token, number, process           connects
//!    answer: one byte                           -->
//!    ... nothing ...                                ... nothing ...
//!    <-- call: one byte, after a long silence over MPI -->
//!    recall: which tasks are to come back       -->
//!    <-- answer: how many are begun, held replies   between two instructions of a task
//!    <-- goodbye: one byte, at a clean end -->      or the end of the connection: the other is gone
//! ```
//!
//! A worker whose process ends with its pool takes leave and keeps the connection, so that the master sees its end.
//!
//! A worker that cannot connect goes on without. The module knows nothing of what is in frames and tasks: it carries
//! their numbers and bytes.

mod acceptor;
mod departure;
mod greeting;
mod invitation;
mod master;
mod open;
mod pending;
mod recall;
mod setting;
#[cfg(test)]
mod tests;
mod wake_up;
mod worker;

pub(crate) use departure::{Departure, Parting};
pub(crate) use invitation::Invitation;
pub(crate) use master::{Liveness, Report};
pub(crate) use open::watch;
pub(crate) use setting::{Reach, Setting};
pub(crate) use worker::{MasterConnection, OrphanPolicy};

/// The byte by which an end says that it goes, or has let the other go, so that what follows is no loss.
const GOODBYE: u8 = b'f';

/// The bytes by which a master accepts a worker's greeting: one that is to [call](wake_up), and one that is not.
const ACCEPTED: u8 = b'a';
const ACCEPTED_QUIET: u8 = b'q';
