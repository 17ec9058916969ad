//! The worker's side: one loop, the same on a thread and on an MPI rank.

use crate::codec::{DecodeFailure, PAYLOAD_LIMIT_BYTES};
use crate::error::Result;
use crate::message::{self, Call, Envelopes, Hello, PROTOCOL, Ready, Refused, Results, ToWorker};
use crate::registry::Registry;
use crate::task::{self, Failure, FailureKind, Input, Output};
use crate::transport::{Frame, Link};
use std::time::{Duration, Instant};

/// Replies are held back for at most this long while more tasks are at hand.
const REPLY_DELAY: Duration = Duration::from_micros(100);

/// Replies are sent when so many bytes of them have come together.
const REPLY_BYTES: usize = 1 << 16;

/// Serves a manager until it says stop, refuses the worker or goes away.
///
/// `host` is the name of this machine, for error messages.
pub fn serve(link: &mut impl Link, host: &str) {
    let mut worker = Worker::new(host, SystemClock(Instant::now()));
    while let Some(frame) = link.receive() {
        if worker.take(&frame, link) == Next::Stop {
            return;
        }
    }
}

/// Says how much time has passed since a moment of its own choice: the system's clock, or a simulated one.
pub trait Clock {
    /// The time now; it never goes back.
    fn now(&self) -> Duration;
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Whether a worker's loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With the next frame.
    Continue,
    /// Not at all: the manager has said so, or the worker cannot work with it.
    Stop,
}

/// A worker between two frames.
pub struct Worker<'a, C> {
    registry: Result<&'static Registry>,
    host: &'a str,
    limit_bytes: usize,
    clock: C,
}

impl<'a, C: Clock> Worker<'a, C> {
    /// A worker on this host, of this program's task functions.
    pub fn new(host: &'a str, clock: C) -> Self {
        Worker { registry: Registry::global(), host, limit_bytes: PAYLOAD_LIMIT_BYTES, clock }
    }

    /// Does what a frame asks for, and sends what is to be answered.
    pub fn take(&mut self, frame: &[u8], link: &mut impl Link) -> Next {
        self.follow(frame, link).unwrap_or_else(|refused| {
            link.send(message::refused(&refused));
            Next::Stop
        })
    }

    fn follow(&mut self, frame: &[u8], link: &mut impl Link) -> Result<Next, Refused> {
        match message::to_worker(frame).map_err(damaged)? {
            ToWorker::Hello(hello) => self.greet(&hello, link)?,
            ToWorker::Tasks(calls) => self.execute(calls, link)?,
            ToWorker::Stop => return Ok(Next::Stop),
        }
        Ok(Next::Continue)
    }

    fn greet(&mut self, hello: &Hello, link: &mut impl Link) -> Result<(), Refused> {
        let registry = self.registry()?;
        if hello.protocol != PROTOCOL {
            return Err(Refused::Because(format!(
                "the master speaks version {} of the protocol and the worker version {PROTOCOL}; build both with the \
                 same version of futures-mpi",
                hello.protocol
            )));
        }
        if hello.fingerprint != registry.fingerprint() {
            return Err(Refused::Differs(registry.descriptions()));
        }
        self.limit_bytes = usize::try_from(hello.payload_limit_bytes).unwrap_or(usize::MAX);
        link.send(message::ready(&Ready { host: self.host.to_owned(), process: std::process::id() }));
        Ok(())
    }

    /// Runs the tasks of a frame; replies of short tasks travel together.
    fn execute<'f>(&self, calls: Envelopes<'f, Call<'f>>, link: &mut impl Link) -> Result<(), Refused> {
        let registry = self.registry()?;
        let mut replies = Frame::new();
        let mut payload = Vec::new();
        let mut begin = self.clock.now();
        let mut sent = begin;
        for call in calls {
            let call = call.map_err(damaged)?;
            payload.clear();
            let mixed = run(registry, &call, &mut payload, self.limit_bytes);
            let end = self.clock.now();
            let nanos = u64::try_from((end - begin).as_nanos()).unwrap_or(u64::MAX);
            let results = if mixed { Results::Mixed(&payload) } else { Results::All(&payload) };
            message::push_reply(&mut replies, call.task, nanos, &results);
            if replies.len() >= REPLY_BYTES || end - sent >= REPLY_DELAY {
                link.send(std::mem::take(&mut replies));
                sent = end;
            }
            begin = end;
        }
        if !replies.is_empty() {
            link.send(replies);
        }
        Ok(())
    }

    fn registry(&self) -> Result<&'static Registry, Refused> {
        self.registry.clone().map_err(|error| Refused::Because(error.to_string()))
    }
}

/// Executes the calls of a task and writes their results; returns whether they are written as mixed items, because one
/// of them has failed.
fn run(registry: &Registry, call: &Call<'_>, payload: &mut Vec<u8>, limit_bytes: usize) -> bool {
    let Some(function) = registry.get(call.function) else {
        let failure = Failure::new(FailureKind::Unknown, registry.unknown(&format!("with key {:x}", call.function.0)));
        (0..call.count).for_each(|_| message::push_item(payload, Err(&failure)));
        return true;
    };
    let function = function.entry().call();
    let mut input = Input::new(call.arguments);
    let mut record = Record { payload, ends: Vec::new(), mixed: false };
    for _ in 0..call.count {
        record.add(|payload| task::catch(|| function(&mut input, &mut Output::new(payload, limit_bytes))));
    }
    record.mixed
}

/// The results of a task as they come: values alone until a call fails, items from then on.
struct Record<'a> {
    payload: &'a mut Vec<u8>,
    /// Where each value ends, as long as there are values alone.
    ends: Vec<usize>,
    mixed: bool,
}

impl Record<'_> {
    /// Makes a call, which appends its value to the payload it is given, or fails.
    fn add(&mut self, call: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) {
        if self.mixed {
            let mut value = Vec::new();
            let result = call(&mut value);
            return message::push_item(self.payload, result.as_ref().map(|()| value.as_slice()));
        }
        match call(self.payload) {
            Ok(()) => self.ends.push(self.payload.len()),
            Err(failure) => {
                self.turn_into_items();
                message::push_item(self.payload, Err(&failure));
            }
        }
    }

    fn turn_into_items(&mut self) {
        let values = std::mem::take(self.payload);
        let mut start = 0;
        for end in self.ends.drain(..) {
            message::push_item(self.payload, Ok(&values[start..end]));
            start = end;
        }
        self.mixed = true;
    }
}

fn damaged(failure: DecodeFailure) -> Refused {
    Refused::Because(format!("a message from the master cannot be read: {}", failure.0))
}
