//! The group of workers: waits for clients, and serves them one after the other until one asks it to end.

use super::address::{Address, Endpoint};
use super::wish::Wish;
use crate::comm_workers;
use crate::liveness::{Answer, Heard, Look, OrphanPolicy, PendingConnection, Reader, Token};
use crate::sys::{self, Communicator, MpiError};
use crate::transport::link::{MpiLink, Parting};
use futures_mpi_core::engine::{self, Backoff, say};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

/// The argument that makes a program a group of workers, alone or with `=ADDRESS` behind it.
const ARGUMENT: &str = "--futures-mpi-serve";

/// How long a client may take to connect in MPI, and to disconnect once it has closed its socket.
const MEETING_LIMIT: Duration = Duration::from_secs(30);

/// The longest pause between two looks of a rank that waits for the next client.
const IDLE_BACKOFF: Duration = Duration::from_millis(10);

/// Why a process that connects is refused.
const OTHER_VERSION: &str = "this is a group of workers of another version of futures-mpi";

/// The words of rank 0 to the other ranks.
const JOIN: i64 = 1;
const END: i64 = 0;

/// Where this process is to serve, if its arguments say that it is part of a group of workers.
pub(crate) fn address_of_this_process() -> Result<Option<Address>, String> {
    for argument in env::args_os().skip(1) {
        let Some(rest) = argument.to_str().and_then(|text| text.strip_prefix(ARGUMENT)) else { continue };
        if rest.is_empty() {
            return Address::parse("").map(Some);
        }
        if let Some(text) = rest.strip_prefix('=') {
            return Address::parse(text).map(Some);
        }
    }
    Ok(None)
}

/// How a group serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServeOptions {
    /// The longest sleep of an idle worker.
    pub(crate) backoff: Duration,
    /// Whether there are more processes than cores.
    pub(crate) crowded: bool,
    /// How long the host of a client may give no answer.
    pub(crate) timeout: Duration,
}

/// Serves clients until one asks the group to end. To be called by all processes of the world.
pub(crate) fn serve(address: &Address, options: ServeOptions) -> Result<(), String> {
    let world = Communicator::world();
    let control = world.duplicate().map_err(failed)?;
    comm_workers::enter(comm_workers::all_of(world).map_err(failed)?);
    let mut acceptor = match control.rank().map_err(failed)? {
        0 => Some(Acceptor::open(address, options.timeout)),
        _ => None,
    };
    let host = sys::processor_name();
    loop {
        let watch = match &acceptor {
            Some(Ok(acceptor)) => acceptor.wait(),
            _ => None,
        };
        let mut pace = Backoff::new(IDLE_BACKOFF, true);
        let word = control.hear_from_first(if watch.is_some() { JOIN } else { END }, || pace.wait()).map_err(failed)?;
        if word == END {
            break;
        }
        let port = acceptor.as_ref().and_then(|acceptor| acceptor.as_ref().ok()).map_or("", |acceptor| &acceptor.port);
        let client = control.accept(port).map_err(failed)?;
        watch.iter().for_each(ClientWatch::note_meeting);
        // Rank 0 notices at its socket that the client is gone, and ends the whole group.
        let orphan_policy = if acceptor.is_some() { OrphanPolicy::Stays } else { OrphanPolicy::Follows };
        let mut link =
            MpiLink::to_parent(client, options.backoff, options.crowded).map_err(failed)?.with_fate(orphan_policy);
        let place = engine::Place { host: &host, set_variable: Some(sys::set_variable_of_worker) };
        let limit = engine::serve(&mut link, place);
        match link.finish(limit) {
            Ok(Parting::Whole | Parting::Unsure) => {}
            Ok(Parting::AtOnce) => {
                acceptor.into_iter().flatten().for_each(Acceptor::close);
                return Err("the group of workers ends: one of them is lost".to_owned());
            }
            Err(message) => say(&format!("a client did not disconnect cleanly: {message}")),
        }
        watch.iter().for_each(ClientWatch::note_end);
    }
    acceptor.take().map_or(Ok(()), |acceptor| acceptor.map(Acceptor::close))
}

/// Where rank 0 receives clients.
struct Acceptor {
    listener: TcpListener,
    /// The name of the port of MPI.
    port: String,
    address: Address,
    /// Where it listens, if clients look that up.
    endpoint: Option<Endpoint>,
    /// How long the host of a client may give no answer.
    timeout: Duration,
}

impl Acceptor {
    fn open(address: &Address, timeout: Duration) -> Result<Self, String> {
        let port = sys::open_port().map_err(|error| {
            format!("the group cannot serve, because this MPI cannot open a port for clients: {error}")
        })?;
        let unreachable = |error: io::Error| format!("the group cannot listen for clients at {address}: {error}");
        let listener = match address {
            Address::Socket(host, port) => TcpListener::bind((host.as_str(), *port)),
            _ => TcpListener::bind(("0.0.0.0", 0)),
        };
        let listener = listener.map_err(unreachable)?;
        let endpoint = Endpoint {
            host: sys::processor_name(),
            port: listener.local_addr().map_err(unreachable)?.port(),
            token: Token::random().map_err(unreachable)?,
        };
        let endpoint = match address {
            Address::Socket(..) => None,
            Address::Name(name) => {
                sys::publish(name, &endpoint.to_string()).map_err(|error| {
                    format!(
                        "MPI cannot publish the name {name}: {error}; start an ompi-server and pass it to mpiexec \
                         (Open MPI), or a hydra_nameserver (MPICH), or serve at HOST:PORT or through a file"
                    )
                })?;
                Some(endpoint)
            }
            Address::File(path) => {
                write(path, &endpoint.to_string()).map_err(unreachable)?;
                Some(endpoint)
            }
        };
        println!("futures-mpi: serving at {address}");
        Ok(Acceptor { listener, port, address: address.clone(), endpoint, timeout })
    }

    /// Waits for a client that wants to be served; `None` when a client asks the group to end.
    fn wait(&self) -> Option<ClientWatch> {
        loop {
            let Ok((stream, _)) = self.listener.accept() else {
                thread::sleep(IDLE_BACKOFF);
                continue;
            };
            sys::limit_silence(&stream, self.timeout);
            let mut pending = PendingConnection::new(stream);
            let wish = match pending.wait() {
                Look::Waits => continue,
                Look::Greeted(greeting)
                    if self.endpoint.as_ref().is_some_and(|endpoint| endpoint.token != greeting.token) =>
                {
                    Err("the service has moved to another address; look it up again")
                }
                Look::Greeted(greeting) => Wish::of(greeting.number).ok_or(OTHER_VERSION),
                Look::Stranger => Err(OTHER_VERSION),
            };
            let answer = match wish {
                Ok(Wish::Join) => Answer::Accepted { calls: false, text: self.port.clone() },
                Ok(Wish::End) => Answer::Accepted { calls: false, text: String::new() },
                Err(reason) => Answer::Refused(reason.to_owned()),
            };
            let told = (&pending.stream).write_all(&answer.to_bytes());
            match wish {
                Ok(Wish::End) => return None,
                // A client that has given up while it queued is not worth the group.
                Ok(Wish::Join) if told.is_ok() && pending.is_confirmed() => {
                    return Some(ClientWatch::begin(
                        Reader::new(Arc::new(pending.stream), self.timeout),
                        &self.address,
                    ));
                }
                _ => {}
            }
        }
    }

    fn close(self) {
        match (&self.address, &self.endpoint) {
            (Address::Name(name), Some(endpoint)) => drop(sys::unpublish(name, &endpoint.to_string())),
            (Address::File(path), _) => drop(fs::remove_file(path)),
            _ => {}
        }
        // The process ends, so a failure does not matter.
        let _ = sys::close_port(&self.port);
    }
}

/// Watches a client from when both sides begin to connect in MPI, where no call can be given up.
struct ClientWatch {
    met: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl ClientWatch {
    fn begin(reader: Reader, address: &Address) -> Self {
        let watch = ClientWatch { met: Arc::default(), ended: Arc::default() };
        let (met, ended, address) = (Arc::clone(&watch.met), Arc::clone(&watch.ended), address.clone());
        let body = move || {
            let Err(why) = observe(reader, &met, &ended) else { return };
            if let Address::File(path) = address {
                let _ = fs::remove_file(path);
            }
            say(&format!("the group of workers ends: {why}"));
            sys::abort(1);
        };
        // Without a thread the client is not watched.
        drop(thread::Builder::new().name("futures-mpi watch".to_owned()).spawn(body));
        watch
    }

    fn note_meeting(&self) {
        self.met.store(true, Ordering::Release);
    }

    fn note_end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// Returns when a client has come and gone as it should; an error says why the group has to end by force: its client is
/// gone or does not connect, and its ranks would wait in MPI forever.
fn observe(mut reader: Reader, met: &AtomicBool, ended: &AtomicBool) -> Result<(), String> {
    const LOOK: Duration = Duration::from_millis(200);
    let deadline = Instant::now() + MEETING_LIMIT;
    let mut leaves = false;
    if let Err(error) = reader.stream().set_read_timeout(Some(LOOK)) {
        return Err(format!("its client cannot be watched: {error}"));
    }
    loop {
        let heard = reader.read();
        let met = met.load(Ordering::Acquire);
        match heard {
            Heard::Goodbye => leaves = true,
            Heard::End(_) if !met => {
                return Err("its client could not connect through MPI; see the client's error message".to_owned());
            }
            Heard::End(_) if leaves => break,
            Heard::End(_) => return Err("its client disconnected without saying goodbye".to_owned()),
            Heard::Nothing if !met && Instant::now() >= deadline => {
                return Err(format!("its client did not connect through MPI within {MEETING_LIMIT:?}"));
            }
            Heard::Nothing | Heard::Call | Heard::Begun(..) => {}
        }
    }
    let deadline = Instant::now() + MEETING_LIMIT;
    while !ended.load(Ordering::Acquire) {
        if Instant::now() > deadline {
            return Err(format!("its client said goodbye, but did not disconnect from MPI within {MEETING_LIMIT:?}"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Writes the file atomically and for its owner only: a process that can read it may use the group.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "{text}")?;
    fs::rename(&new, path)
}

fn failed(error: MpiError) -> String {
    format!("the group of workers cannot go on: {error}")
}
