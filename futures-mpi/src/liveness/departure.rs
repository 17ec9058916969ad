//! How workers go when their pool ends, and how their master sees that they are gone.

use crate::sys;
use futures_mpi_core::engine::WorkerNumber;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

/// How workers go that do not just get a goodbye.
#[derive(Debug, Default)]
pub(crate) struct Parting {
    /// Those whose processes end now: their connections tell when.
    pub(crate) leaving: BTreeSet<WorkerNumber>,
    /// Those that have not taken leave: they may live as long as this process, and not longer.
    pub(crate) silent: BTreeSet<WorkerNumber>,
    /// Those that were given up; should they still be there, they end now.
    pub(crate) lost: BTreeSet<WorkerNumber>,
}

/// The way out of the workers of a pool that has ended; nothing is sent, it is closed when the last one is gone.
pub(crate) struct Departure(pub(super) Receiver<()>);

impl Departure {
    /// Waits until they are gone, or until the deadline; whether they are.
    pub(crate) fn is_over(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        matches!(self.0.recv_timeout(left), Err(RecvTimeoutError::Disconnected))
    }
}

/// Waits until all connections are closed at their other ends.
pub(super) fn see_off(mut leaving: Vec<Arc<TcpStream>>) {
    while !leaving.is_empty() {
        let descriptors: Vec<_> = leaving.iter().map(|stream| stream.as_fd()).collect();
        let Ok(readable) = sys::wait_readable(&descriptors, None) else { return };
        let mut readable = readable.into_iter();
        // What a worker still says is of no interest.
        leaving.retain(|stream| readable.next() != Some(true) || is_there(stream));
    }
}

/// Whether a connection has something to say but its end.
fn is_there(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(length) => length > 0,
        Err(error) => is_temporary(&error),
    }
}

/// Whether there is just nothing to read.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
