//! Where a master lets connections in; after a failure it accepts none for a while.
//!
//! A listener whose `accept` fails for want of descriptors stays readable, so that whoever waits for it would try again
//! at once, for ever.

use super::setting::Setting;
use futures_mpi_core::engine::say;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// For how long it stays shut.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A listener, and whether it is looked at.
pub(super) struct Acceptor {
    listener: TcpListener,
    /// Nobody is let in before.
    shut_until: Option<Instant>,
    /// Whether it has been said that nobody can be let in.
    said: bool,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Self {
        Acceptor { listener, shut_until: None, said: false }
    }

    /// What to wait for, unless none is accepted.
    pub(super) fn waker(&mut self, now: Instant) -> Option<BorrowedFd<'_>> {
        self.shut_until = self.shut_until.filter(|until| now < *until);
        self.shut_until.is_none().then(|| self.listener.as_fd())
    }

    /// The next connection, if there is one and the system can let it in.
    pub(super) fn accept(&mut self) -> Option<TcpStream> {
        loop {
            let outcome = self.listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(true)?;
                Ok(stream)
            });
            match outcome {
                Ok(stream) => return Some(stream),
                // Whoever it was has gone again; the next may be there.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => {
                    self.shut(&error, Instant::now());
                    return None;
                }
            }
        }
    }

    /// Lets nobody in for a while; the reason is said the first time, because it will mostly be the same.
    fn shut(&mut self, error: &io::Error, now: Instant) {
        self.shut_until = Some(now + PAUSE);
        if !std::mem::replace(&mut self.said, true) {
            say(&format!(
                "the master cannot accept more liveness connections ({error}); if one of the remaining workers is \
                 lost, it may go unnoticed. The master retries every {PAUSE:?}. Each worker takes one of its file \
                 descriptors: raise their limit (ulimit -n), or turn liveness connections off ({}=0)",
                Setting::VARIABLE
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_door_that_cannot_be_passed_stays_shut_for_a_while_and_says_so_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface is there");
        listener.set_nonblocking(true).expect("the listener can be asked without waiting");
        let address = listener.local_addr().expect("it listens");
        let (mut acceptor, mut now) = (Acceptor::new(listener), Instant::now());
        assert!(
            acceptor.accept().is_none() && acceptor.waker(now).is_some() && !acceptor.said,
            "nobody comes, which is no fault"
        );
        for _ in 0..3 {
            acceptor.shut(&ErrorKind::OutOfMemory.into(), now);
            assert!(acceptor.said && acceptor.waker(now).is_none() && acceptor.waker(now + PAUSE / 2).is_none());
            now += PAUSE;
            assert!(acceptor.waker(now).is_some());
        }
        let _pending = TcpStream::connect(address).expect("it listens");
        assert!(acceptor.accept().is_some());
    }
}
