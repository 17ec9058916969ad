//! The client: finds a group of workers, connects to it within a limit, and says when it goes.

use super::address::{Address, Place};
use super::line::{self, Answer, Wish};
use crate::liveness::{self, Reach, Setting};
use crate::spawning;
use crate::sys::{self, Communicator};
use crate::transport::MpiTransport;
use crate::transport::extended::Extension;
use futures_mpi_core::engine::{Arrival, Kind, Notify, Transport, WorkerNumber};
use futures_mpi_core::{Error, Result};
use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};
use std::{fs, io};

/// How long one attempt to reach a socket may take.
const REACH_LIMIT: Duration = Duration::from_secs(5);

/// How often a client looks whether its group is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long a group may take to say that it ends.
const END_LIMIT: Duration = Duration::from_secs(60);

/// Where a token belongs for which nobody asks.
const NO_TOKEN: &str = "-";

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
    match ask(&address, Wish::End, deadline) {
        Ok((_, Answer::Ended)) => Ok(()),
        Ok((_, answer)) => Err(Error::new(Kind::Mpi, format!("the service at {address} answers: {}", answer.line()))),
        Err(message) => Err(Error::new(Kind::Mpi, message)),
    }
}

/// A transport to the workers of a group, which are all there within `limit`.
pub(crate) fn transport(
    address: &Address,
    limit: Duration,
    liveness: Setting,
    notify: &Notify,
) -> Result<Box<dyn Transport>> {
    let broken = |message: String| Error::new(Kind::Broken, message);
    let deadline = Instant::now() + limit;
    let (line, answer) = ask(address, Wish::Join, deadline).map_err(broken)?;
    sys::limit_silence(&line, liveness.timeout());
    let port = match answer {
        Answer::Port(name) => name,
        other => return Err(broken(format!("the service at {address} answers: {}", other.line()))),
    };
    let time = deadline.saturating_duration_since(Instant::now());
    let met = spawning::bounded("futures-mpi connect", time, move || {
        let own = Communicator::this_process().duplicate()?;
        let connected = own.connect(&port);
        // Not worth losing the workers for.
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
    line.set_nonblocking(true).map_err(|error| broken(not_connected(address, &error.to_string())))?;
    let lost = VecDeque::new();
    let client = Client { line, has_liveness, gone: false, lost, next_look: Instant::now() };
    Ok(Box::new(transport.extended(client)))
}

/// The socket beside a transport over MPI, by whose end client and group notice that the other is gone.
struct Client {
    /// To the first worker of the group.
    line: TcpStream,
    /// Whether each worker has a liveness connection, by which it is noticed whether that one is gone.
    has_liveness: bool,
    /// Whether the first worker is gone.
    gone: bool,
    /// The losses that are not told yet.
    lost: VecDeque<Arrival>,
    next_look: Instant,
}

impl Client {
    /// Finds out now and then whether the group is gone; the first of its workers only, if there are liveness
    /// connections for the others, which may be alive.
    fn look(&mut self, transport: &MpiTransport) {
        let now = Instant::now();
        if self.gone || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK_INTERVAL;
        let alive = matches!(self.line.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        if !alive {
            self.gone = true;
            let count = if self.has_liveness { 1 } else { transport.workers() };
            let loss = |number| Arrival::Lost(WorkerNumber(number), "the group of workers has ended".to_owned());
            self.lost = (0..count as u32).map(loss).collect();
        }
    }
}

impl Extension for Client {
    fn poll(&mut self, transport: &mut MpiTransport) -> Option<Arrival> {
        self.look(transport);
        self.lost.pop_front()
    }

    fn allows_deep_sleep(&self) -> bool {
        // The end of the group wakes nobody here.
        false
    }

    fn close(mut self, transport: MpiTransport, limit: Duration) -> Result<(), String> {
        if self.gone && !self.has_liveness {
            // Nobody is there to say goodbye to, and MPI would wait for them.
            return Ok(());
        }
        // If it cannot be said, nobody is there to hear it.
        let _ = line::say(&mut self.line, "bye");
        Box::new(transport).close(limit)
    }
}

/// Says to a group what is wished, and waits for its answer.
fn ask(address: &Address, wish: Wish, deadline: Instant) -> Result<(TcpStream, Answer), String> {
    let (mut stream, token) = reach(address)?;
    let answer = line::say(&mut stream, &wish.line(&token)).and_then(|()| line::hear(&mut stream, deadline));
    let text = answer.map_err(|error| match line::is_timeout(&error) {
        true => format!("the service at {address} did not answer in time; it may be serving another client"),
        false => format!("the service at {address} did not answer: {error}"),
    })?;
    let answer = Answer::parse(&text);
    Ok((
        stream,
        answer.ok_or_else(|| format!("the process that answers at {address} is not a group of workers: {text:?}"))?,
    ))
}

/// Connects to the socket of a group; gives the token to show there as well.
fn reach(address: &Address) -> Result<(TcpStream, String), String> {
    let nobody = |why: &dyn std::fmt::Display| format!("no service at {address}: {why}");
    let place = match address {
        Address::Socket(host, port) => {
            let stream = connect((host.as_str(), *port).to_socket_addrs().map_err(|error| nobody(&error))?);
            return Ok((stream.map_err(|error| nobody(&error))?, NO_TOKEN.to_owned()));
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
    let place = Place::parse(&place).ok_or_else(|| nobody(&format!("{place:?} is not the address of a group")))?;
    // The name of the host is its own; on the host itself it need not be known. The token keeps others out.
    let named = (place.host.as_str(), place.port).to_socket_addrs().into_iter().flatten();
    let here = SocketAddr::from(([127, 0, 0, 1], place.port));
    let stream = connect(named.chain([here])).map_err(|error| nobody(&error))?;
    Ok((stream, place.token))
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
