//! The client: finds a group of workers, connects to it within a limit, and says goodbye.

use super::address::{Address, Endpoint};
use super::wish::Wish;
use crate::liveness::{self, Answer, Greeting, Heard, Reach, Reader, Setting, Token};
use crate::spawning;
use crate::sys::{self, Communicator};
use crate::transport::MpiTransport;
use crate::transport::extended::Extension;
use futures_mpi_core::engine::{Arrival, Kind, Notify, Transport, WorkerNumber};
use futures_mpi_core::{Error, Result};
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

/// How long one attempt to reach a socket may take.
const REACH_LIMIT: Duration = Duration::from_secs(5);

/// How often a client looks whether its group is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long a group may take to say that it ends.
const END_LIMIT: Duration = Duration::from_secs(60);

/// Asks a group of workers that was started with `--futures-mpi-serve=ADDRESS` to end as soon as it has served its
/// current client.
///
/// `address` is what [`service`](crate::MpiPoolBuilder::service) takes; a published name can be looked up only while
/// MPI is initialised.
///
/// # Errors
///
/// If there is no service at this address, or it does not answer within a minute.
pub fn end_service(address: &str) -> Result<()> {
    let address = Address::parse(address).map_err(|message| Error::new(Kind::Configuration, message))?;
    let deadline = Instant::now() + END_LIMIT;
    let asked = ask(&address, Wish::End, Setting::Off.timeout(), deadline);
    asked.map(drop).map_err(|message| Error::new(Kind::Mpi, message))
}

/// Connects to a group of workers within `limit`; returns a transport to them.
pub(crate) fn transport(
    address: &Address,
    limit: Duration,
    liveness: Setting,
    notify: &Notify,
) -> Result<Box<dyn Transport>> {
    let broken = |message: String| Error::new(Kind::Broken, message);
    let deadline = Instant::now() + limit;
    let timeout = liveness.timeout();
    let (stream, port) = ask(address, Wish::Join, timeout, deadline).map_err(broken)?;
    let time = deadline.saturating_duration_since(Instant::now());
    let met = spawning::bounded("futures-mpi connect", time, move || {
        let own = Communicator::this_process().duplicate()?;
        let connected = own.connect(&port);
        // A failure is not worth losing the workers.
        let _ = own.free();
        connected
    });
    let workers = match met.map_err(broken)? {
        Some(Ok(workers)) => workers,
        Some(Err(error)) => return Err(broken(not_connected(address, &error.to_string()))),
        None => return Err(broken(not_connected(address, &format!("the connection was not made within {limit:?}")))),
    };
    let transport =
        MpiTransport::spawned(workers).map_err(|error| broken(not_connected(address, &error.to_string())))?;
    let liveness = liveness::watch(liveness, Reach::Network, notify);
    let has_liveness = liveness.is_some();
    let transport = transport.with_liveness(liveness);
    stream.set_nonblocking(true).map_err(|error| broken(not_connected(address, &error.to_string())))?;
    let lost = VecDeque::new();
    let group = Reader::new(Arc::new(stream), timeout);
    let client = GroupConnection { group, has_liveness, gone: false, lost, next_look: Instant::now() };
    Ok(Box::new(transport.extended(client)))
}

/// The connection beside a transport over MPI, whose end tells client and group that the other is gone.
struct GroupConnection {
    /// To the first worker of the group.
    group: Reader,
    /// Whether each worker has a liveness connection, which tells when that worker is lost.
    has_liveness: bool,
    /// Whether the first worker is gone.
    gone: bool,
    /// The losses that are not reported yet.
    lost: VecDeque<Arrival>,
    next_look: Instant,
}

impl GroupConnection {
    /// Looks, at intervals, whether the connection has ended. Then the first worker is lost; all others as well, unless
    /// liveness connections tell whether they are alive.
    fn look(&mut self, transport: &MpiTransport) {
        let now = Instant::now();
        if self.gone || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_INTERVAL;
        if !matches!(self.group.read(), Heard::Nothing) {
            self.gone = true;
            let count = if self.has_liveness { 1 } else { transport.workers() };
            let loss = |number| Arrival::Lost(WorkerNumber(number), "the group of workers has ended".to_owned());
            self.lost = (0..count as u32).map(loss).collect();
        }
    }
}

impl Extension for GroupConnection {
    fn poll(&mut self, transport: &mut MpiTransport) -> Option<Arrival> {
        self.look(transport);
        self.lost.pop_front()
    }

    fn allows_deep_sleep(&self) -> bool {
        // The end of the group does not wake the manager.
        false
    }

    fn close(self, transport: MpiTransport, limit: Duration) -> Result<(), String> {
        if self.gone && !self.has_liveness {
            // The group is gone, and MPI would wait for it.
            return Ok(());
        }
        liveness::say_goodbye(self.group.stream());
        Box::new(transport).close(limit)
    }
}

/// Tells a group what this client wants, and waits until the group accepts it; returns the connection and what the
/// client has to know.
fn ask(address: &Address, wish: Wish, timeout: Duration, deadline: Instant) -> Result<(TcpStream, String), String> {
    let (stream, token) = reach(address)?;
    let greeting = Greeting { token, number: wish as u32 };
    let (greeted, answer) =
        liveness::greet(stream, greeting, timeout, deadline).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("the service at {address} did not answer in time; it may be serving another client")
            }
            io::ErrorKind::InvalidData => format!("the process that answers at {address} is not a group of workers"),
            _ => format!("the service at {address} did not answer: {error}"),
        })?;
    let text = match answer {
        Answer::Accepted { text, .. } => text,
        Answer::Refused(reason) => return Err(format!("the service at {address} refused: {reason}")),
    };
    let confirmed = greeted.into_stream().and_then(|stream| match wish {
        Wish::Join => liveness::confirm(&stream).map(|()| stream),
        Wish::End => Ok(stream),
    });
    let stream = confirmed.map_err(|error| format!("the service at {address} did not answer: {error}"))?;
    Ok((stream, text))
}

/// Connects to the socket of a group; returns the token for the greeting as well. A group at `HOST:PORT` does not look
/// at it.
fn reach(address: &Address) -> Result<(TcpStream, Token), String> {
    let nobody = |why: &dyn std::fmt::Display| format!("no service at {address}: {why}");
    let endpoint = match address {
        Address::Socket(host, port) => {
            let stream = connect((host.as_str(), *port).to_socket_addrs().map_err(|error| nobody(&error))?);
            return Ok((stream.map_err(|error| nobody(&error))?, Token::default()));
        }
        Address::File(path) => fs::read_to_string(path).map_err(|error| nobody(&error))?,
        Address::Name(_) if !sys::is_initialized() => {
            return Err(nobody(&"MPI is not initialised and cannot look up a name"));
        }
        Address::Name(name) => sys::look_up(name).map_err(|error| {
            let advice = "client and group need the same ompi-server (Open MPI) or hydra_nameserver (MPICH)";
            nobody(&format!("{error}; {advice}"))
        })?,
    };
    let endpoint =
        Endpoint::parse(&endpoint).ok_or_else(|| nobody(&format!("{endpoint:?} is not the address of a group")))?;
    // The group names its host as that host calls itself, a name that the host itself may be unable to resolve. The
    // token keeps strangers out.
    let named = (endpoint.host.as_str(), endpoint.port).to_socket_addrs().into_iter().flatten();
    let here = SocketAddr::from(([127, 0, 0, 1], endpoint.port));
    let stream = connect(named.chain([here])).map_err(|error| nobody(&error))?;
    Ok((stream, endpoint.token))
}

fn connect(sockets: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for socket in sockets {
        match TcpStream::connect_timeout(&socket, REACH_LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn not_connected(address: &Address, why: &str) -> String {
    format!(
        "MPI cannot connect to the group of workers at {address}: {why}. Open MPI 4 connects two programs only if both \
         were started by mpiexec --ompi-server with the same ompi-server; MPICH, only if both were started by mpiexec"
    )
}
