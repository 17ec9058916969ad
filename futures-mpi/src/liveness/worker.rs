//! The worker's end of the liveness connection: without its master it has no purpose, and ends at once.

use super::answer::Answer;
use super::connecting::{self, Greeted};
use super::greeting::Greeting;
use super::invitation::Invitation;
use super::recall::{self, RECALL};
use super::wake_up::{CALL, Waker};
use super::{GOODBYE, say_goodbye};
use crate::sys;
use futures_mpi_core::engine::{Backoff, Claims, DeepSleep, Silence, say};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time limit for all addresses together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an address may take before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(100);

/// How long a process waits for others of its group to end it: longer than they may take.
const GROUP_LIMIT: Duration = Duration::from_secs(60);

/// How often it looks whether it is to wait on.
const LOOK: Duration = Duration::from_millis(100);

/// The exit status of a worker whose master is gone.
const ORPHAN_STATUS: i32 = 1;

/// The fate of a process when its master is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrphanPolicy {
    /// It ends at once: it is there for its master alone, or its program cannot go on without it.
    Ends,
    /// The first of its group sees to it that the group ends. It ends by itself if that does not happen, and at once
    /// when the group is [maimed](MasterConnection::end_with_master), because the first may be gone.
    Follows,
    /// This process does not exit by itself; something else terminates it.
    Stays,
}

/// A connection to the master. While it is there, a thread ends this process when the master is gone, if that is its
/// fate; dropped, it lets the process live, and tells the master that this is not a loss.
pub(crate) struct MasterConnection {
    /// A process that a task has forked may outlive this one.
    _own: sys::Own,
    stream: Arc<TcpStream>,
    /// Whether the master wants to be called.
    calls: bool,
    /// For how long nothing has been sent to the master. Messages from the master do not count: this process may have
    /// found them late, when the master slept deeply again.
    silence: Silence,
    watched: Arc<Watched>,
}

/// The state that the watching thread shares with the connection.
struct Watched {
    /// Whether the end of the connection is the end of this process.
    armed: AtomicBool,
    /// Whether the process then ends at once, and not after a while.
    at_once: AtomicBool,
    /// Rings when the master calls.
    waker: Waker,
    claims: Claims,
    /// Held while a message is sent: an answer may leave in parts.
    speech: Mutex<()>,
}

impl MasterConnection {
    /// Connects to the master that has sent the invitation, and watches it from then on; by these claims the master
    /// takes back what is not begun. An error says what was tried.
    pub(crate) fn connect(
        invitation: &Invitation,
        orphan_policy: OrphanPolicy,
        claims: Claims,
    ) -> Result<Self, String> {
        let (stream, calls) = reach(invitation)?;
        let failed = |error: io::Error| format!("the connection to the master cannot be watched: {error}");
        let stream = Arc::new(stream);
        let (own, other) = (sys::Own::keep(stream.as_fd()), Arc::clone(&stream));
        let (armed, at_once) = (
            AtomicBool::new(orphan_policy != OrphanPolicy::Stays),
            AtomicBool::new(orphan_policy == OrphanPolicy::Ends),
        );
        let watched = Arc::new(Watched { armed, at_once, waker: Waker::default(), claims, speech: Mutex::default() });
        let (shared, number) = (Arc::clone(&watched), invitation.worker);
        let body = move || {
            let parted = shared.listen(&other);
            drop(other);
            shared.claims.held().set_reachable(false);
            shared.waker.break_down();
            if parted {
                return;
            }
            let begin = Instant::now();
            while shared.waits() && begin.elapsed() < GROUP_LIMIT {
                thread::sleep(LOOK);
            }
            if shared.armed.swap(false, Ordering::AcqRel) {
                say(&format!("worker {number} on {} exits: the connection to its master was closed", sys::host_name()));
                sys::exit_now(ORPHAN_STATUS);
            }
        };
        // Before the thread, which may find that the connection has ended.
        watched.claims.held().set_reachable(true);
        thread::Builder::new().name("futures-mpi-liveness".to_owned()).spawn(body).map_err(|error| {
            watched.claims.held().set_reachable(false);
            failed(error)
        })?;
        Ok(MasterConnection { _own: own, stream, calls, silence: Silence::default(), watched })
    }

    /// Something was sent to the master over MPI: calls it if it may have begun to sleep deeply before.
    pub(crate) fn spoke(&mut self) {
        if self.silence.end(sys::coarse_time()) {
            self.call();
        }
    }

    /// Sleeps before the next look at this pace, after a long wait until the master calls.
    pub(crate) fn rest(&self, pace: &mut Backoff, sleep: Duration) {
        if self.sleep(DeepSleep::instead_of(sleep, pace, || self.is_called())) {
            // An announced message may still be on its way.
            pace.reset();
        }
    }

    /// Whether the master calls when it ends a long silence.
    pub(super) fn is_called(&self) -> bool {
        !self.watched.waker.is_broken()
    }

    /// Sleeps until the master calls, or has called since the last sleep, or `longest` has passed; whether it has.
    pub(super) fn sleep(&self, longest: Duration) -> bool {
        self.watched.waker.sleep(longest)
    }

    /// Calls the master, if it wants to be called.
    pub(super) fn call(&self) {
        if self.calls {
            let _speech = self.watched.speech();
            // Without a call the master finds the message a little later.
            let _ = (&*self.stream).write(&[CALL]);
        }
    }

    /// Makes the end of the master the end of this process at once, if it was to be so after a while.
    pub(crate) fn end_with_master(&self) {
        self.watched.at_once.store(true, Ordering::Release);
    }

    /// Says goodbye; the system closes the connection when this process has ended.
    pub(crate) fn leave(self) {
        self.take_leave();
        mem::forget(self);
    }

    fn take_leave(&self) {
        self.watched.armed.store(false, Ordering::Release);
        let _speech = self.watched.speech();
        say_goodbye(&self.stream);
    }

    /// Keeps it for as long as this process lives, which ends with its master until then; the system closes it.
    pub(crate) fn keep(self) {
        mem::forget(self);
    }
}

impl Watched {
    /// Listens until nothing more comes; whether the master has said goodbye.
    fn listen(&self, mut stream: &TcpStream) -> bool {
        let mut byte = [0];
        loop {
            match stream.read(&mut byte) {
                Ok(1) if byte[0] == CALL => self.waker.ring(),
                Ok(1) if byte[0] == RECALL => match self.give_back(stream) {
                    Ok(()) => {}
                    Err(_) => return false,
                },
                Ok(1) => return byte[0] == GOODBYE,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return false,
            }
        }
    }

    /// Gives back what the master asks for, as far as it is not begun, and what is held back.
    fn give_back(&self, mut stream: &TcpStream) -> io::Result<()> {
        let (from, until) = (recall::read(&mut stream)?, recall::read(&mut stream)?);
        let (begun, replies) = self.claims.recall(from, until);
        let _speech = self.speech();
        stream.write_all(&recall::answer(begun, &replies.bytes))
    }

    fn speech(&self) -> MutexGuard<'_, ()> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process is to end, but not yet.
    fn waits(&self) -> bool {
        self.armed.load(Ordering::Acquire) && !self.at_once.load(Ordering::Acquire)
    }
}

impl Drop for MasterConnection {
    fn drop(&mut self) {
        self.take_leave();
    }
}

/// A connection that the master has accepted, and whether it wants to be called.
///
/// The addresses are tried in turn, each a little later than the one before it though that has not failed: some may lead
/// nowhere, or to somebody else.
fn reach(invitation: &Invitation) -> Result<(TcpStream, bool), String> {
    let deadline = Instant::now() + CONNECT_LIMIT;
    let mut left = candidates(invitation).into_iter();
    let (report, reports) = mpsc::channel();
    let (mut under_way, mut tried) = (Vec::new(), Vec::new());
    loop {
        let next = left.next();
        match next {
            Some(address) => match try_address(address, invitation, deadline, report.clone()) {
                Ok(()) => under_way.push(address),
                Err(error) => tried.push(format!("{address}: {error}")),
            },
            None if under_way.is_empty() => break,
            None => {}
        }
        let time = deadline.saturating_duration_since(Instant::now());
        match reports.recv_timeout(if next.is_some() { time.min(HEAD_START) } else { time }) {
            Ok((_, Ok((greeted, calls)))) => {
                return greeted.into_stream().map(|stream| (stream, calls)).map_err(|error| error.to_string());
            }
            Ok((address, Err(error))) => {
                under_way.retain(|other| *other != address);
                tried.push(format!("{address}: {error}"));
            }
            Err(_) if Instant::now() >= deadline => break,
            Err(_) => {}
        }
    }
    tried.extend(under_way.iter().map(|address| format!("{address}: no answer within {CONNECT_LIMIT:?}")));
    Err(format!("the master on {} cannot be reached ({})", invitation.host, tried.join("; ")))
}

/// Tries an address in a thread of its own, which reports how it went.
fn try_address(
    address: SocketAddr,
    invitation: &Invitation,
    deadline: Instant,
    report: Sender<(SocketAddr, io::Result<(Greeted, bool)>)>,
) -> io::Result<()> {
    let invitation = invitation.clone();
    // Who has given up is not told any more.
    let body = move || drop(report.send((address, greet(address, &invitation, deadline))));
    thread::Builder::new().name("futures-mpi-connect".to_owned()).spawn(body).map(drop)
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

/// A connection that the master has accepted, and whether it wants to be called.
fn greet(address: SocketAddr, invitation: &Invitation, deadline: Instant) -> io::Result<(Greeted, bool)> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let stream = TcpStream::connect_timeout(&address, left)?;
    let greeting = Greeting { token: invitation.token, number: invitation.worker };
    match connecting::greet(stream, greeting, invitation.timeout, deadline) {
        Ok((greeted, Answer::Accepted { calls, .. })) => Ok((greeted, calls)),
        Ok((_, Answer::Refused(reason))) => Err(io::Error::other(reason)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(io::Error::new(ErrorKind::InvalidData, "the process that answers there is not the master"))
        }
        Err(error) => Err(error),
    }
}
