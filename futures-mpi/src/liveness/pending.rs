//! A new connection, which has not greeted yet.

use super::CONFIRMATION;
use super::departure::is_temporary;
use super::greeting::{GREETING_BYTES, Greeting};
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a connection may take to greet.
pub(super) const GREETING_LIMIT: Duration = Duration::from_secs(5);

/// A connection that has not greeted.
pub(crate) struct PendingConnection {
    pub(crate) stream: TcpStream,
    since: Instant,
    bytes: [u8; GREETING_BYTES],
    length: usize,
}

/// The state of a new connection.
pub(crate) enum Look {
    /// It has not greeted.
    Waits,
    Greeted(Greeting),
    /// It does not speak this protocol, or is closed.
    Stranger,
}

impl PendingConnection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        PendingConnection { stream, since: Instant::now(), bytes: [0; GREETING_BYTES], length: 0 }
    }

    /// Whether it may still greet.
    pub(super) fn is_young(&self) -> bool {
        self.since.elapsed() < GREETING_LIMIT
    }

    /// Reads once.
    pub(super) fn look(&mut self) -> Look {
        match self.stream.read(&mut self.bytes[self.length..]) {
            Ok(0) => Look::Stranger,
            Ok(count) => {
                self.length += count;
                if self.length < GREETING_BYTES {
                    return Look::Waits;
                }
                Greeting::from_bytes(&self.bytes).map_or(Look::Stranger, Look::Greeted)
            }
            Err(error) if is_temporary(&error) => Look::Waits,
            Err(_) => Look::Stranger,
        }
    }

    /// Waits until the process that connects confirms that it has the answer; false if it has given up before.
    pub(crate) fn is_confirmed(&mut self) -> bool {
        let mut byte = [0];
        let read = self.stream.set_read_timeout(Some(GREETING_LIMIT)).and_then(|()| self.stream.read_exact(&mut byte));
        read.is_ok() && byte == [CONFIRMATION]
    }

    /// Reads until it has greeted, or for as long as it may take. The reads of the connection must wait.
    pub(crate) fn wait(&mut self) -> Look {
        loop {
            let left = GREETING_LIMIT.saturating_sub(self.since.elapsed()).max(Duration::from_millis(1));
            if self.stream.set_read_timeout(Some(left)).is_err() {
                return Look::Stranger;
            }
            match self.look() {
                Look::Waits if self.is_young() => {}
                look => return look,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::Token;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    /// What a process that waits hears from one that sends this in two pieces, and then closes.
    fn heard(bytes: &[u8], cut: usize) -> Look {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let mut there = TcpStream::connect(address).expect("it listens");
        let mut pending = PendingConnection::new(listener.accept().expect("it has connected").0);
        thread::scope(|scope| {
            scope.spawn(move || {
                there.set_nodelay(true).expect("the system sends pieces");
                there.write_all(&bytes[..cut]).expect("it is open");
                thread::yield_now();
                // A stranger may have been sent away.
                let _ = there.write_all(&bytes[cut..]);
            });
            pending.wait()
        })
    }

    #[test]
    fn a_process_that_waits_hears_a_greeting_or_a_stranger() {
        let greeting = Greeting { token: Token::random().expect("there are random bytes"), number: 7 };
        let bytes = greeting.to_bytes();
        for cut in [0, 1, 4, 20, GREETING_BYTES] {
            assert!(matches!(heard(&bytes, cut), Look::Greeted(heard) if heard == greeting), "{cut} bytes came first");
            assert!(matches!(heard(&bytes[..GREETING_BYTES - 1], cut.min(9)), Look::Stranger), "it has no end");
        }
        assert!(matches!(heard(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 3), Look::Stranger));
        assert!(matches!(heard(b"", 0), Look::Stranger));
    }
}
