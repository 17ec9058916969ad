//! Workers that are threads of this process: the reference implementation of the transport.

use crate::error::{Error, Kind, Result};
use crate::pool::manager::Notify;
use crate::wire::frame::Frame;
use crate::wire::transport::{Arrival, Claimer, Claims, Held, Link, Transport, WorkerNumber};
use crate::worker::{self, Place};
use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Where worker threads are: in a process that is not theirs.
const PLACE: Place<'_> = Place { host: "this host", set_variable: None };

/// The least stack of a worker thread: what a process's main thread, in which workers of MPI run tasks, has by default.
/// It is taken from the system only as far as it is used.
const STACK_BYTES: usize = 8 << 20;

/// The stack of a worker thread: more than the least if the variable by which Rust sizes the stacks of threads says so.
fn default_stack_bytes() -> usize {
    let wanted = std::env::var("RUST_MIN_STACK").ok().and_then(|bytes| bytes.trim().parse().ok());
    wanted.unwrap_or(0).max(STACK_BYTES)
}

/// Starts `count` worker threads. `around` is given what a thread does, to do it once and to prepare for it.
pub fn threads(
    count: usize,
    notify: &Notify,
    around: impl Fn(&mut dyn FnMut()) + Clone + Send + 'static,
) -> Result<Box<dyn Transport>> {
    threads_with_stacks(count, None, notify, around)
}

/// Starts worker threads with stacks of a given size, if one is given.
pub(crate) fn threads_with_stacks(
    count: usize,
    stack_bytes: Option<usize>,
    notify: &Notify,
    around: impl Fn(&mut dyn FnMut()) + Clone + Send + 'static,
) -> Result<Box<dyn Transport>> {
    let stack_bytes = stack_bytes.unwrap_or_else(default_stack_bytes);
    let (arrivals, from_workers) = mpsc::channel();
    let (mut workers, mut handles) = (Vec::new(), Vec::new());
    for number in 0..count as u32 {
        let (sender, frames) = mpsc::channel();
        let claims = Claims::default();
        claims.held().set_reachable(true);
        let mut link = ThreadLink {
            number: WorkerNumber(number),
            frames,
            claimer: Claimer::new(claims.clone()),
            arrivals: arrivals.clone(),
            notify: notify.clone(),
        };
        let around = around.clone();
        let handle = thread::Builder::new()
            .name(format!("futures-mpi-worker-{number}"))
            .stack_size(stack_bytes)
            .spawn(move || around(&mut || _ = worker::serve(&mut link, PLACE)))
            .map_err(|error| Error::new(Kind::Broken, format!("worker thread {number} cannot be started: {error}")))?;
        workers.push((sender, claims));
        handles.push(handle);
    }
    let (recalled, notify) = (VecDeque::new(), notify.clone());
    Ok(Box::new(ThreadTransport { workers, from_workers, recalled, notify, handles }))
}

/// The manager's end: a channel to each worker and one from all.
struct ThreadTransport {
    workers: Vec<(Sender<Frame>, Claims)>,
    from_workers: Receiver<Arrival>,
    /// Answers of claims, which come at once.
    recalled: VecDeque<Arrival>,
    notify: Notify,
    handles: Vec<JoinHandle<()>>,
}

impl Transport for ThreadTransport {
    fn workers(&self) -> usize {
        self.workers.len()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        // It fails if the thread has ended, which the thread itself reports.
        let _ = self.workers[worker.index()].0.send(frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.recalled.pop_front().or_else(|| self.from_workers.try_recv().ok())
    }

    fn can_recall(&self, _: WorkerNumber) -> bool {
        true
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        let (begun, replies) = self.workers[worker.index()].1.recall(from, until);
        self.recalled.push_back(Arrival::Recalled(worker, begun, replies));
        self.notify.notify();
        true
    }

    fn close(self: Box<Self>, limit: Duration) -> Result<(), String> {
        let ThreadTransport { workers, from_workers, handles, .. } = *self;
        drop(workers);
        let deadline = Instant::now() + limit;
        let late = || Err(format!("worker threads are still running {limit:?} after they were told to stop"));
        loop {
            // Every worker holds a sender; when the last one is gone, all threads are past their work.
            match from_workers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return late(),
            }
        }
        // Destructors of their thread locals run after that; only a join waits for them, and a join has no limit.
        let (done, joined) = mpsc::channel::<()>();
        let join = move || {
            let _done = done;
            handles.into_iter().for_each(|handle| _ = handle.join());
        };
        let helper = thread::Builder::new().name("futures-mpi-join".to_owned()).spawn(join);
        helper.map_err(|error| format!("cannot start a thread that waits for the worker threads: {error}"))?;
        match joined.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => late(),
            _ => Ok(()),
        }
    }
}

/// A worker's end.
struct ThreadLink {
    number: WorkerNumber,
    frames: Receiver<Frame>,
    claimer: Claimer,
    arrivals: Sender<Arrival>,
    notify: Notify,
}

impl Link for ThreadLink {
    fn receive(&mut self) -> Option<Frame> {
        self.frames.recv().ok()
    }

    fn send(&mut self, frame: Frame) {
        self.arrive(Arrival::Frame(self.number, frame));
    }

    fn begin(&mut self) -> bool {
        self.claimer.begin()
    }

    fn held(&self) -> Option<&Held> {
        Some(self.claimer.held())
    }
}

impl ThreadLink {
    fn arrive(&self, arrival: Arrival) {
        // It fails if the manager is gone, and then the arrival does not matter.
        let _ = self.arrivals.send(arrival);
        self.notify.notify();
    }
}

impl Drop for ThreadLink {
    /// Reports the end of the thread, whatever its reason.
    fn drop(&mut self) {
        self.arrive(Arrival::Lost(self.number, "its thread has ended".to_owned()));
    }
}
