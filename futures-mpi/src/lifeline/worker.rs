//! The worker's end of the life line: without its master it has no purpose, and ends at once.

use super::invitation::Invitation;
use super::{ACCEPTED, FAREWELL, greeting};
use crate::{ending, sys};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long one address is tried.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// How long all addresses are tried together.
const TOTAL_LIMIT: Duration = Duration::from_secs(5);

/// The exit status of a worker whose master is gone.
const ORPHAN_STATUS: i32 = 1;

/// What becomes of a process when its master is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ends at once: it is there for its master alone, or its program cannot go on without it.
    Ends,
    /// It is somebody else's to end it.
    Stays,
}

/// A connection to the master. While it is there, a thread ends this process when the master is gone, if that is its fate;
/// dropped, it lets the process live, and tells the master that this is no loss.
pub(crate) struct Line {
    stream: TcpStream,
    /// Whether the end of the connection is the end of this process.
    armed: Arc<AtomicBool>,
}

impl Line {
    /// Connects to the master that has sent the invitation, and watches it from then on; an error says what was tried.
    pub(crate) fn connect(invitation: &Invitation, fate: Fate) -> Result<Self, String> {
        let stream = reach(invitation)?;
        let failed = |error: io::Error| format!("the connection to the master cannot be watched: {error}");
        let mut watched = stream.try_clone().map_err(failed)?;
        let armed = Arc::new(AtomicBool::new(fate == Fate::Ends));
        let (still_armed, number) = (Arc::clone(&armed), invitation.worker);
        let body = move || {
            let mut byte = [0];
            let farewell = matches!(watched.read(&mut byte), Ok(1) if byte[0] == FAREWELL);
            if !farewell && still_armed.swap(false, Ordering::AcqRel) {
                ending::say(&format!("worker {number} on {} ends, because its master is gone", sys::host_name()));
                sys::exit_now(ORPHAN_STATUS);
            }
        };
        thread::Builder::new().name("futures-mpi-lifeline".to_owned()).spawn(body).map_err(failed)?;
        Ok(Line { stream, armed })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.armed.store(false, Ordering::Release);
        // Whether it arrives or not, there is nothing more to do.
        let _ = self.stream.write_all(&[FAREWELL]);
    }
}

/// A connection that the master has accepted.
fn reach(invitation: &Invitation) -> Result<TcpStream, String> {
    let begin = Instant::now();
    let mut tried = Vec::new();
    for address in candidates(invitation) {
        match greet(address, invitation) {
            Ok(stream) => return Ok(stream),
            Err(error) => tried.push(format!("{address}: {error}")),
        }
        if begin.elapsed() >= TOTAL_LIMIT {
            break;
        }
    }
    Err(format!("the master on {} cannot be reached ({})", invitation.host, tried.join("; ")))
}

/// On the master's own host its loopback interface first; it is always there, and no firewall is before it.
fn candidates(invitation: &Invitation) -> Vec<SocketAddr> {
    let mut addresses = invitation.addresses.clone();
    if let (Some(first), true) = (addresses.first(), invitation.host == sys::host_name()) {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, first.port()));
        if !addresses.contains(&loopback) {
            addresses.insert(0, loopback);
        }
    }
    addresses
}

fn greet(address: SocketAddr, invitation: &Invitation) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(CONNECT_LIMIT))?;
    stream.write_all(&greeting::write(invitation.token, invitation.worker))?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer[0] != ACCEPTED {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "something else answers there"));
    }
    stream.set_read_timeout(None)?;
    sys::keep_alive(&stream);
    Ok(stream)
}
