//! The liveness connection: a TCP connection from each worker to its master, on which almost nothing is sent.
//!
//! The operating system closes it when a process ends, however it ends, so that each end learns within milliseconds
//! that the other is gone. No MPI tells that reliably.
//!
//! ```text
//!  master                                            worker
//!  Liveness: one thread, all connections             MasterConnection: one thread, blocked in a read
//!    invitation (an MPI message): where, token  -->
//!    <-- greeting: token, number                    connects
//!    answer: accepted or refused                -->
//!    ... nothing ...                                ... nothing ...
//!    <-- call: one byte, after a long silence over MPI -->
//!    recall: which tasks are to come back       -->
//!    <-- answer: how many are begun, held replies   between two instructions of a task
//!    <-- goodbye: one byte, at a clean end -->      or the end of the connection: the other is gone
//! ```
//!
//! A worker whose process ends with its pool takes leave and keeps the connection, so that the master sees its end.
//!
//! A client of a service has such a connection to its group: the same greeting, answer, goodbye and limit of silence,
//! and the same code that reads and writes them. It also confirms the answer, for which it may have queued: a group that
//! entered MPI for a client that has given up could not come back.
//!
//! A worker that cannot connect goes on without. The module knows nothing of what is in frames and tasks: it carries
//! their numbers and bytes.

mod acceptor;
mod answer;
mod connecting;
mod departure;
mod greeting;
mod invitation;
mod master;
mod open;
mod pending;
mod reader;
mod recall;
mod setting;
#[cfg(test)]
mod tests;
mod wake_up;
mod worker;

pub(crate) use answer::Answer;
pub(crate) use connecting::greet;
pub(crate) use departure::{Departure, Parting};
pub(crate) use greeting::{Greeting, Token};
pub(crate) use invitation::Invitation;
pub(crate) use master::{Liveness, Report};
pub(crate) use open::watch;
pub(crate) use pending::{Look, PendingConnection};
pub(crate) use reader::{Heard, Reader};
pub(crate) use setting::{Reach, Setting};
pub(crate) use worker::{MasterConnection, OrphanPolicy};

use std::io::{self, Write};
use std::net::TcpStream;

/// The byte by which an end says that it goes, or has let the other go, so that what follows is no loss.
const GOODBYE: u8 = b'f';

/// The byte by which a client confirms that it has the answer, and is going to connect through MPI.
const CONFIRMATION: u8 = b'j';

/// Confirms an answer.
///
/// # Errors
///
/// Those of the connection.
pub(crate) fn confirm(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(&[CONFIRMATION])
}

/// Says goodbye. If it does not arrive, nothing more can be done.
pub(crate) fn say_goodbye(mut stream: &TcpStream) {
    let _ = stream.write_all(&[GOODBYE]);
}
