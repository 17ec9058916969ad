//! A connection to the master that has not greeted yet.

use super::departure::is_temporary;
use super::greeting::{self, GREETING_BYTES, Token};
use futures_mpi_core::engine::WorkerNumber;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a connection may take to greet.
pub(super) const GREETING_LIMIT: Duration = Duration::from_secs(5);

/// A connection that has not greeted.
pub(super) struct PendingConnection {
    pub(super) stream: TcpStream,
    since: Instant,
    bytes: [u8; GREETING_BYTES],
    length: usize,
}

/// The state of a new connection.
pub(super) enum Look<T> {
    /// Nothing yet.
    Waits,
    Done(T),
}

impl PendingConnection {
    pub(super) fn new(stream: TcpStream) -> Self {
        PendingConnection { stream, since: Instant::now(), bytes: [0; GREETING_BYTES], length: 0 }
    }

    /// Whether it may still greet.
    pub(super) fn is_young(&self) -> bool {
        self.since.elapsed() < GREETING_LIMIT
    }

    /// The number of the worker, once it has greeted; none if this is no worker of ours.
    pub(super) fn look(&mut self, token: Token) -> Look<Option<WorkerNumber>> {
        match self.stream.read(&mut self.bytes[self.length..]) {
            Ok(0) => Look::Done(None),
            Ok(count) => {
                self.length += count;
                if self.length < GREETING_BYTES {
                    return Look::Waits;
                }
                Look::Done(greeting::read(&self.bytes, token).map(WorkerNumber))
            }
            Err(error) if is_temporary(&error) => Look::Waits,
            Err(_) => Look::Done(None),
        }
    }
}
