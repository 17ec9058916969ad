//! Workers that are threads of this process: the reference implementation of the transport.

use super::{Arrival, Frame, Link, Transport, WorkerNumber};
use crate::error::{Error, Kind, Result};
use crate::manager::Notify;
use crate::worker::{self, Place};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Where worker threads are: in a process that is not theirs.
const PLACE: Place<'_> = Place { host: "this host", set_variable: None };

/// Starts `count` worker threads. `around` is given what a thread does, to do it once and to prepare for it.
pub fn threads(
    count: usize,
    notify: &Notify,
    around: impl Fn(&mut dyn FnMut()) + Clone + Send + 'static,
) -> Result<Box<dyn Transport>> {
    let (arrivals, from_workers) = mpsc::channel();
    let mut to_workers = Vec::new();
    for number in 0..count as u32 {
        let (sender, frames) = mpsc::channel();
        let mut link =
            ThreadLink { number: WorkerNumber(number), frames, arrivals: arrivals.clone(), notify: notify.clone() };
        let around = around.clone();
        thread::Builder::new()
            .name(format!("futures-mpi-worker-{number}"))
            .spawn(move || around(&mut || _ = worker::serve(&mut link, PLACE)))
            .map_err(|error| Error::new(Kind::Broken, format!("worker thread {number} cannot be started: {error}")))?;
        to_workers.push(sender);
    }
    Ok(Box::new(ThreadTransport { to_workers, from_workers }))
}

/// The manager's end: a channel to each worker and one from all.
struct ThreadTransport {
    to_workers: Vec<Sender<Frame>>,
    from_workers: Receiver<Arrival>,
}

impl Transport for ThreadTransport {
    fn workers(&self) -> usize {
        self.to_workers.len()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        // It fails if the thread has ended, which the thread itself reports.
        let _ = self.to_workers[worker.index()].send(frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.from_workers.try_recv().ok()
    }

    fn close(self: Box<Self>, limit: Duration) -> Result<(), String> {
        drop(self.to_workers);
        let deadline = Instant::now() + limit;
        loop {
            // Every worker holds a sender; when the last one is gone, all threads are past their work.
            match self.from_workers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("worker threads still run {limit:?} after they were told to stop"));
                }
            }
        }
    }
}

/// A worker's end.
struct ThreadLink {
    number: WorkerNumber,
    frames: Receiver<Frame>,
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
}

impl ThreadLink {
    fn arrive(&self, arrival: Arrival) {
        // It fails if the manager is gone, and then nobody is interested.
        let _ = self.arrivals.send(arrival);
        self.notify.notify();
    }
}

impl Drop for ThreadLink {
    /// A thread that ends, for whatever reason, says so.
    fn drop(&mut self) {
        self.arrive(Arrival::Lost(self.number, "its thread has ended".to_owned()));
    }
}
