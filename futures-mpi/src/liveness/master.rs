//! The master's end of the liveness connections of a pool: one thread, which sleeps until something happens on one of
//! them.

use super::acceptor::{self, Acceptor};
use super::answer::Answer;
use super::departure::{Departure, Parting, see_off};
use super::greeting::Token;
use super::invitation::Invitation;
use super::pending::{GREETING_LIMIT, Look, PendingConnection};
use super::reader::{Heard, Reader};
use super::recall;
use super::say_goodbye;
use super::setting::{Ports, Reach, Terms};
use super::wake_up::{CALL, CALLERS_MAX, Silences};
use crate::sys;
use futures_mpi_core::engine::WorkerNumber;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::mem;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many connections that have not greeted are kept; a further one replaces the oldest.
const PENDING_MAX: usize = 256;

/// The workers of a pool, watched. Dropped without [`part`](Self::part), it takes its workers with it.
pub(crate) struct Liveness {
    invitation: Invitation,
    /// Set when something is in `reports`: cheaper to look at.
    news: Arc<AtomicBool>,
    reports: Receiver<Report>,
    senders: Arc<Senders>,
    silences: Silences,
    goodbye: Sender<Parting>,
    departure: Departure,
    /// Closed, it wakes the thread, which then ends.
    _waker: UnixStream,
}

/// What a liveness connection has brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A worker is gone, for this reason.
    Lost(WorkerNumber, String),
    /// A worker has begun this number of tasks and gives back those that it was asked for, with the replies that it has
    /// held back.
    Recalled(WorkerNumber, u64, Vec<u8>),
}

impl Liveness {
    /// Listens on these terms. `wake` is called when there is a report.
    pub(crate) fn open(terms: Terms, reach: Reach, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let address = terms.address(reach);
        let listener = listen(address, terms.ports)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let addresses = if address.is_unspecified() { sys::interface_addresses() } else { vec![address] };
        let token = Token::random()?;
        let mut invitation = Invitation {
            worker: 0,
            token,
            host: sys::host_name(),
            timeout: terms.timeout,
            addresses: addresses.into_iter().map(|address| SocketAddr::from((address, port))).collect(),
        };
        if invitation.addresses.is_empty() {
            // No network at all: then all processes are here.
            invitation.addresses.push(SocketAddr::from(([127, 0, 0, 1], port)));
        }
        let (waker, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let (report, reports) = mpsc::channel();
        let (goodbye, goodbyes) = mpsc::channel();
        let (over, departure) = mpsc::channel();
        let (news, senders) = (Arc::<AtomicBool>::default(), Arc::<Senders>::default());
        let sink = Reports { report, news: Arc::clone(&news), senders: Arc::clone(&senders), wake: Box::new(wake) };
        let (pending, connections) = (Vec::new(), Vec::new());
        let (acceptor, timeout) = (Acceptor::new(listener), terms.timeout);
        let mut thread = Thread { acceptor, token, timeout, woken, goodbyes, pending, connections, sink };
        thread::Builder::new().name("futures-mpi-liveness".to_owned()).spawn(move || {
            let _over = over;
            thread.run();
        })?;
        Ok(Liveness {
            invitation,
            news,
            reports,
            senders,
            silences: Silences::default(),
            goodbye,
            departure: Departure(departure),
            _waker: waker,
        })
    }

    /// The data that a worker needs to connect.
    pub(crate) fn invitation(&self, worker: WorkerNumber) -> Invitation {
        Invitation { worker: worker.0, ..self.invitation.clone() }
    }

    /// The next report.
    pub(crate) fn report(&mut self) -> Option<Report> {
        // Looked at before each message: a plain read costs next to nothing, unlike an exchange.
        if !self.news.load(Ordering::Relaxed) || !self.news.swap(false, Ordering::AcqRel) {
            return None;
        }
        let report = self.reports.try_recv().ok();
        // There may be more.
        self.news.fetch_or(report.is_some(), Ordering::AcqRel);
        report
    }

    /// Something was sent to a worker over MPI: calls it if it may have begun to sleep deeply before.
    pub(crate) fn spoke_to(&mut self, worker: WorkerNumber) {
        if self.silences.end(worker) {
            self.call(worker);
        }
    }

    /// Calls a worker, if it has connected.
    pub(super) fn call(&self, worker: WorkerNumber) {
        if let Some(stream) = self.senders.lock().get(&worker) {
            // Without a call the worker finds the message a little later.
            let _ = (&**stream).write(&[CALL]);
        }
    }

    /// Whether tasks can be taken back from a worker: whether it has connected.
    pub(crate) fn reaches(&self, worker: WorkerNumber) -> bool {
        self.senders.lock().contains_key(&worker)
    }

    /// Asks a worker for tasks that it has not begun; returns whether that is possible.
    pub(crate) fn recall(&self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        // The system has room for it: there is one such question at a time.
        let question = recall::question(from, until);
        let senders = self.senders.lock();
        senders
            .get(&worker)
            .is_some_and(|stream| (&**stream).write(&question).is_ok_and(|count| count == question.len()))
    }

    /// Whether all of this many workers, of which so many are `left`, call when they end a long silence.
    pub(crate) fn is_called_by(&self, workers: usize, left: impl FnOnce() -> usize) -> bool {
        workers <= CALLERS_MAX && self.callers() >= left()
    }

    /// How many workers call when they end a long silence.
    pub(super) fn callers(&self) -> usize {
        self.senders.callers.load(Ordering::Acquire)
    }

    /// Releases the workers, and returns a departure that tells when the processes that end with that are gone.
    pub(crate) fn part(self, parting: Parting) -> Departure {
        let _ = self.goodbye.send(parting);
        self.departure
    }
}

/// A listener at the first of these ports that is free.
fn listen(address: IpAddr, Ports(first, last): Ports) -> io::Result<TcpListener> {
    let mut outcome = Err(io::ErrorKind::AddrInUse.into());
    for port in first..=last {
        outcome = TcpListener::bind((address, port));
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    outcome
}

/// The ways by which workers are called.
#[derive(Default)]
struct Senders {
    streams: Mutex<BTreeMap<WorkerNumber, Arc<TcpStream>>>,
    /// How many workers call in turn.
    callers: AtomicUsize,
}

impl Senders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkerNumber, Arc<TcpStream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of the thread.
struct Thread {
    acceptor: Acceptor,
    token: Token,
    /// How long a worker's host may give no answer.
    timeout: Duration,
    woken: UnixStream,
    goodbyes: Receiver<Parting>,
    pending: Vec<PendingConnection>,
    connections: Vec<WorkerConnection>,
    sink: Reports,
}

/// The channel to which the thread sends reports.
struct Reports {
    report: Sender<Report>,
    news: Arc<AtomicBool>,
    senders: Arc<Senders>,
    wake: Box<dyn Fn() + Send>,
}

/// The connection of a worker.
struct WorkerConnection {
    reader: Reader,
    worker: WorkerNumber,
    calls: bool,
    /// It has said goodbye, and is still there.
    parted: bool,
}

/// The sources that have something to read.
struct Readable {
    woken: bool,
    acceptor: bool,
    /// The pending connections and those of workers, in this order.
    others: Vec<bool>,
}

impl Thread {
    fn run(&mut self) {
        loop {
            // Without the system's help there is nothing to watch with; workers then go on without a connection.
            let Ok(Readable { woken, acceptor, others }) = self.wait() else {
                return drop(self.part(&Parting::default()));
            };
            let (pending, connections) = others.split_at(self.pending.len());
            self.look_at_connections(connections);
            self.look_at_pending(pending);
            if woken {
                if let Ok(parting) = self.goodbyes.try_recv() {
                    see_off(self.part(&parting));
                }
                return;
            }
            if acceptor {
                self.accept();
            }
        }
    }

    /// Waits until one of them has something, or a connection has been pending for long, or new ones may be accepted again.
    fn wait(&mut self) -> io::Result<Readable> {
        let acceptor = self.acceptor.waker(Instant::now());
        let pause = acceptor.is_none().then_some(acceptor::PAUSE);
        let limit = pause.or((!self.pending.is_empty()).then_some(GREETING_LIMIT));
        let pending = self.pending.iter().map(|pending| pending.stream.as_fd());
        let connections = self.connections.iter().map(|connection| connection.reader.stream().as_fd());
        let listens = usize::from(acceptor.is_some());
        let all: Vec<_> = [self.woken.as_fd()].into_iter().chain(acceptor).chain(pending).chain(connections).collect();
        let mut readable = sys::wait_readable(&all, limit)?;
        let others = readable.split_off(1 + listens);
        Ok(Readable { woken: readable[0], acceptor: readable.get(1) == Some(&true), others })
    }

    fn accept(&mut self) {
        while let Some(stream) = self.acceptor.accept() {
            if self.pending.len() >= PENDING_MAX {
                self.pending.remove(0);
            }
            self.pending.push(PendingConnection::new(stream));
        }
    }

    fn look_at_pending(&mut self, readable: &[bool]) {
        let mut readable = readable.iter();
        let mut accepted = Vec::new();
        for mut pending in mem::take(&mut self.pending) {
            let look = if readable.next() == Some(&true) { pending.look() } else { Look::Waits };
            match look {
                Look::Waits if pending.is_young() => self.pending.push(pending),
                Look::Greeted(greeting) if greeting.token == self.token => {
                    accepted.push((WorkerNumber(greeting.number), pending.stream));
                }
                Look::Waits | Look::Greeted(_) | Look::Stranger => {}
            }
        }
        for (worker, stream) in accepted {
            let known = self.connections.iter().any(|connection| connection.worker == worker);
            let calls = self.connections.len() < CALLERS_MAX;
            if known {
                continue;
            }
            sys::limit_silence(&stream, self.timeout);
            let reader = Reader::new(Arc::new(stream), self.timeout);
            let connection = WorkerConnection { reader, worker, calls, parted: false };
            if self.sink.accept(&connection) {
                self.connections.push(connection);
            }
        }
    }

    fn look_at_connections(&mut self, readable: &[bool]) {
        let mut readable = readable.iter();
        let sink = &self.sink;
        self.connections.retain_mut(|connection| {
            match if readable.next() == Some(&true) { connection.reader.read() } else { Heard::Nothing } {
                Heard::Nothing => true,
                Heard::Call => {
                    (sink.wake)();
                    true
                }
                Heard::Begun(begun, replies) => {
                    sink.pass_on(Report::Recalled(connection.worker, begun, replies));
                    true
                }
                Heard::Goodbye => {
                    sink.strike(connection, None);
                    connection.parted = true;
                    true
                }
                Heard::End(reason) => {
                    if !connection.parted {
                        sink.strike(connection, Some(reason));
                    }
                    false
                }
            }
        });
    }

    /// Releases all workers, and returns the connections of those whose processes end.
    fn part(&mut self, parting: &Parting) -> Vec<Arc<TcpStream>> {
        let mut leaving = Vec::new();
        self.sink.senders.callers.store(0, Ordering::Release);
        self.sink.senders.lock().clear();
        for connection in mem::take(&mut self.connections) {
            let stream = connection.reader.into_stream();
            if parting.silent.contains(&connection.worker) {
                // The system closes it when this process ends.
                mem::forget(stream);
            } else if !parting.lost.contains(&connection.worker) {
                say_goodbye(&stream);
                if parting.leaving.contains(&connection.worker) {
                    leaving.push(stream);
                }
            }
        }
        leaving
    }
}

impl Reports {
    /// Accepts a worker that has greeted; returns whether it is still there.
    ///
    /// Under the lock of those that send to it: the worker takes the first bytes for the answer to its greeting, and may
    /// say something over MPI at once, upon which the master looks whether it is connected.
    fn accept(&self, connection: &WorkerConnection) -> bool {
        let mut streams = self.senders.lock();
        let (answer, mut stream) = (Answer::to_worker(connection.calls).to_bytes(), connection.reader.stream());
        let accepted = stream.write(&answer).is_ok_and(|count| count == answer.len());
        if accepted {
            streams.insert(connection.worker, connection.reader.share());
            self.senders.callers.fetch_add(usize::from(connection.calls), Ordering::AcqRel);
        }
        accepted
    }

    /// Takes note of the end of a connection, which may be a loss.
    fn strike(&self, connection: &WorkerConnection, loss: Option<String>) {
        self.senders.lock().remove(&connection.worker);
        self.senders.callers.fetch_sub(usize::from(connection.calls), Ordering::AcqRel);
        if let Some(reason) = loss {
            self.pass_on(Report::Lost(connection.worker, reason));
        }
    }

    fn pass_on(&self, report: Report) {
        let _ = self.report.send(report);
        self.news.store(true, Ordering::Release);
        (self.wake)();
    }
}
