//! The end that connects: it greets, and waits for the answer.

use super::answer::Answer;
use super::greeting::Greeting;
use super::say_goodbye;
use crate::sys;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection that has greeted. Dropped before it is used, it says goodbye: a process that answers too late must not
/// take its end for the end of this process.
pub(crate) struct Greeted(Option<TcpStream>);

impl Greeted {
    /// The connection, whose reads wait without a limit.
    pub(crate) fn into_stream(mut self) -> io::Result<TcpStream> {
        let stream = self.0.take().ok_or(ErrorKind::NotConnected)?;
        stream.set_read_timeout(None)?;
        Ok(stream)
    }
}

impl Drop for Greeted {
    fn drop(&mut self) {
        self.0.iter().for_each(say_goodbye);
    }
}

/// Greets, and waits for the answer until the deadline. From then on the host at the other end may give no answer for
/// as long as `timeout`.
///
/// # Errors
///
/// Those of the connection: `WouldBlock` or `TimedOut` if no answer has come in time, `InvalidData` for one of another
/// protocol.
pub(crate) fn greet(
    mut stream: TcpStream,
    greeting: Greeting,
    timeout: Duration,
    deadline: Instant,
) -> io::Result<(Greeted, Answer)> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(left))?;
    sys::limit_silence(&stream, timeout);
    stream.write_all(&greeting.to_bytes())?;
    let greeted = Greeted(Some(stream));
    let answer =
        greeted.0.as_ref().map_or(Err(ErrorKind::NotConnected.into()), |mut stream| Answer::read(&mut stream))?;
    Ok((greeted, answer))
}
