//! The end that accepts: it reads what a connection brings once its greeting is answered.

use super::GOODBYE;
use super::departure::is_temporary;
use super::recall::{Pieces, RECALL};
use super::wake_up::CALL;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// The reason for a loss after an invalid message.
const NONSENSE: &str = "it sent an invalid message on its liveness connection";

/// A connection, with the part of a message that has come.
pub(crate) struct Reader {
    stream: Arc<TcpStream>,
    /// How long the host at the other end may give no answer.
    timeout: Duration,
    /// The answer that is on its way.
    answer: Option<Pieces>,
}

/// A message.
pub(crate) enum Heard {
    Nothing,
    Call,
    /// How many tasks a worker has begun, and what it has held back.
    Begun(u64, Vec<u8>),
    Goodbye,
    /// The end, with its reason, which is that of a loss unless the process has said goodbye.
    End(String),
}

impl Reader {
    pub(crate) fn new(stream: Arc<TcpStream>, timeout: Duration) -> Self {
        Reader { stream, timeout, answer: None }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn share(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    pub(super) fn into_stream(self) -> Arc<TcpStream> {
        self.stream
    }

    /// Reads once: nothing if nothing has come, within the time-out of the connection's reads if they wait.
    pub(crate) fn read(&mut self) -> Heard {
        let mut byte = [0];
        let room = self.answer.as_mut().map_or(&mut byte[..], Pieces::room);
        match (&*self.stream).read(room) {
            Ok(count) if count > 0 && self.answer.is_some() => {
                match self.answer.as_mut().map_or(Ok(None), |answer| answer.fill(count)) {
                    Ok(Some((begun, replies))) => {
                        self.answer = None;
                        Heard::Begun(begun, replies)
                    }
                    Ok(None) => Heard::Nothing,
                    Err(()) => Heard::End(NONSENSE.to_owned()),
                }
            }
            Ok(1) if byte[0] == CALL => Heard::Call,
            Ok(1) if byte[0] == RECALL => {
                self.answer = Some(Pieces::default());
                Heard::Nothing
            }
            Ok(1) if byte[0] == GOODBYE => Heard::Goodbye,
            Ok(0) => Heard::End("its process has ended".to_owned()),
            Ok(_) => Heard::End(NONSENSE.to_owned()),
            Err(error) if is_temporary(&error) => Heard::Nothing,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                Heard::End("its process has ended".to_owned())
            }
            Err(error) if is_silence(&error) => {
                Heard::End(format!("its host gave no answer for {:?}: it is down, or the network is cut", self.timeout))
            }
            Err(error) => Heard::End(format!("its liveness connection failed ({error})")),
        }
    }
}

/// Whether the system has given up waiting for an answer of the other host.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
}
