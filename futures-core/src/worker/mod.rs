//! The worker's side: one loop, the same on a thread and on an MPI rank.

mod clients;
pub(crate) mod globals;
mod lease;
mod outbox;
mod pace;
mod place;
pub(crate) mod state;
pub(crate) mod state_slot;

use crate::base::ids::{ClientNumber, FunctionNumber};
use crate::driver::options::DEFAULT_SHUTDOWN_LIMIT;
use crate::error::Result;
use crate::task::registry::Registry;
use crate::task::{self, Input, Output};
use crate::wire::attachments::Encoded;
use crate::wire::codec::{DecodeFailure, Limits};
use crate::wire::failure::{Failure, FailureKind};
use crate::wire::frame::Frame;
use crate::wire::memory::Attachment;
use crate::wire::message::{
    self, Begun, Call, Envelopes, Hello, PROTOCOL, Prepared, Ready, Refused, Reply, Results, ToWorker,
};
use crate::wire::parts::{self, Part};
use crate::wire::setup::Setup;
use crate::wire::transport::Link;
use crate::worker::globals::Scope;
use clients::Clients;
use lease::Lease;
use outbox::{Outbox, REPLY_BYTES};
use pace::{Paces, REPLY_DELAY};
pub use place::Place;
use std::mem;
use std::time::{Duration, Instant};

/// Serves a manager until it sends stop, refuses the worker or goes away; returns how long to wait for its goodbye:
/// longer than it waits for the slowest worker.
pub fn serve(link: &mut impl Link, place: Place<'_>) -> Duration {
    let mut worker = Worker::new(place, SystemClock(Instant::now()));
    while let Some(frame) = link.receive() {
        if worker.take(frame, link) == Next::Stop {
            break;
        }
    }
    2 * worker.shutdown_limit
}

/// Answers a manager's first message with the reason why this worker cannot work; returns how long to wait for its
/// goodbye, as [`serve`] does.
pub fn refuse(link: &mut impl Link, reason: &str) -> Duration {
    if link.receive().is_some() {
        link.send(message::refused(&Refused::Because(reason.to_owned())));
    }
    2 * DEFAULT_SHUTDOWN_LIMIT
}

/// A clock that counts from a moment of its own choice: the system's clock, or a simulated one.
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
    /// Continue with the next frame.
    Continue,
    /// End: the manager has said so, or the worker cannot work with it.
    Stop,
}

/// A worker between two frames.
pub struct Worker<'a, C> {
    registry: Result<&'static Registry>,
    place: Place<'a>,
    limits: Limits,
    shutdown_limit: Duration,
    clients: Clients,
    paces: Paces,
    /// Scratch for what a task returns.
    encoded: Encoded,
    clock: C,
}

impl<'a, C: Clock> Worker<'a, C> {
    /// A worker at this place, of this program's task functions.
    pub fn new(place: Place<'a>, clock: C) -> Self {
        Worker {
            registry: Registry::global(),
            place,
            limits: Limits::default(),
            shutdown_limit: DEFAULT_SHUTDOWN_LIMIT,
            clients: Clients::default(),
            paces: Paces::default(),
            encoded: Encoded::default(),
            clock,
        }
    }

    /// Carries out a frame and sends the replies.
    pub fn take(&mut self, frame: Frame, link: &mut impl Link) -> Next {
        self.follow(frame, link).unwrap_or_else(|refused| {
            link.send(message::refused(&refused));
            Next::Stop
        })
    }

    fn follow(&mut self, frame: Frame, link: &mut impl Link) -> Result<Next, Refused> {
        match message::to_worker(&frame.bytes).map_err(damaged)? {
            ToWorker::Hello(hello) => self.greet(&hello, link)?,
            ToWorker::Setup(client, setup) => self.prepare(client, setup, link)?,
            ToWorker::Forget(client) => self.clients.forget(client),
            ToWorker::Tasks(calls) => self.execute(calls, frame.attachments, link)?,
            ToWorker::Stop => return Ok(Next::Stop),
        }
        link.reuse(frame.bytes);
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
        self.limits = Limits {
            payload_bytes: usize::try_from(hello.payload_limit_bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        self.shutdown_limit = Duration::from_millis(hello.shutdown_limit_ms);
        link.send(message::ready(&Ready { host: self.place.host.to_owned(), process: std::process::id() }));
        Ok(())
    }

    fn prepare(&mut self, client: ClientNumber, setup: Setup, link: &mut impl Link) -> Result<(), Refused> {
        let registry = self.registry()?;
        let failed = self.clients.prepare(client, setup, registry, &self.place, self.limits).err();
        let (failure, by_state) = failed.map_or((None, false), |(failure, by_state)| (Some(failure), by_state));
        link.send(message::prepared(&Prepared { client, failure, by_state }));
        Ok(())
    }

    /// Runs the tasks of a frame; replies of short tasks travel together.
    fn execute<'f>(
        &mut self,
        mut calls: Envelopes<'f, Call<'f>>,
        attachments: Vec<Attachment>,
        link: &mut impl Link,
    ) -> Result<(), Refused> {
        let registry = self.registry()?;
        let mut attachments = attachments.into_iter();
        let mut outbox = Outbox::new(link);
        let encoded = &mut self.encoded;
        let scope = Scope::open();
        let (mut shown, mut limits) = (None, self.limits);
        let mut begin = self.clock.now();
        let mut sent = begin;
        while let Some(call) = calls.next() {
            let call = call.map_err(damaged)?;
            // Without this, one damaged number could make billions of failures.
            if call.count != 1 && call.count as usize > call.arguments.len() / parts::HEADER {
                let (count, length) = (call.count, call.arguments.len());
                return Err(damaged(DecodeFailure(format!(
                    "a task of {count} calls has only {length} bytes of arguments"
                ))));
            }
            if shown.replace(call.client) != Some(call.client) {
                scope.show(self.clients.globals(call.client));
                limits = self.clients.limits(call.client).unwrap_or(self.limits);
            }
            let buffers = message::take_attachments(&mut attachments, call.attachments).map_err(damaged)?;
            let function = registry.number(call.function);
            if outbox.holds() && !function.is_some_and(|function| self.paces.is_short(function)) {
                // Finished replies do not wait for a task that may take long.
                outbox.send(true, link);
                // Handing over is no part of a task's time.
                begin = self.clock.now();
                sent = begin;
            }
            if !link.begin() {
                // It was taken back, and belongs to another worker.
                continue;
            }
            encoded.clear();
            let lease = call.lease_micros.map(|micros| Lease::new(begin, micros));
            let is_over = lease.map(|mut lease| {
                let clock = &self.clock;
                move |calls, bytes| lease.is_over(calls, bytes, || clock.now())
            });
            let Ran { mixed, done } =
                run(registry, function, &call, buffers, encoded, limits, is_over).map_err(damaged)?;
            let end = self.clock.now();
            if let Some(function) = function {
                self.paces.see(function, end - begin);
            }
            let mut nanos = u64::try_from((end - begin).as_nanos()).unwrap_or(u64::MAX);
            if task::has_required_exclusive_worker() {
                nanos = nanos.max(task::EXCLUSIVE_NANOS);
            }
            let reply = Reply {
                task: call.task,
                nanos,
                attachments: encoded.attachments.len() as u32,
                results: if mixed { Results::Mixed(&encoded.bytes) } else { Results::All(&encoded.bytes) },
                done,
            };
            let more = !calls.is_empty();
            let leaves = outbox.add(&reply, &mut encoded.attachments, more, link);
            begin = end;
            if leaves || end - sent >= REPLY_DELAY {
                outbox.send(more, link);
                if more {
                    begin = self.clock.now();
                    sent = begin;
                }
            }
        }
        outbox.send(false, link);
        if encoded.bytes.capacity() > REPLY_BYTES {
            *encoded = Encoded::default();
        }
        Ok(())
    }

    fn registry(&self) -> Result<&'static Registry, Refused> {
        self.registry.clone().map_err(|error| Refused::Because(error.to_string()))
    }
}

/// What has become of the calls of a task.
struct Ran {
    /// Whether one of them has failed.
    mixed: bool,
    /// What has been executed, if the others are given back.
    done: Option<Begun>,
}

/// Executes the calls of a task and writes their results, until its lease is over: that is asked after each call, with
/// how many there were and the bytes of their results.
fn run(
    registry: &Registry,
    function: Option<FunctionNumber>,
    call: &Call<'_>,
    attachments: Vec<Attachment>,
    encoded: &mut Encoded,
    limits: Limits,
    mut is_over: Option<impl FnMut(u32, usize) -> Option<Begun>>,
) -> Result<Ran, DecodeFailure> {
    let Some(function) = function.map(|number| registry.function(number)) else {
        let failure = Failure::new(FailureKind::Unknown, registry.unknown(&format!("with key {:x}", call.function.0)));
        (0..call.count).for_each(|_| parts::append_failure(&mut encoded.bytes, &failure));
        return Ok(Ran { mixed: true, done: None });
    };
    let function = function.entry().call();
    if call.count == 1 {
        let input = Input::new(call.arguments, attachments.into());
        let result = task::catch(|| function(input, &mut Output::new(encoded, limits)));
        let mixed = result.is_err_and(|failure| {
            encoded.clear();
            parts::append_failure(&mut encoded.bytes, &failure);
            true
        });
        return Ok(Ran { mixed, done: None });
    }
    let (mut arguments, mut attachments) = (call.arguments, attachments.into_iter());
    let mut mixed = false;
    for calls in 1..=call.count {
        let Part::Value(bytes, mut attachments) = parts::take(&mut arguments, &mut attachments)? else {
            return Err(DecodeFailure("a call carries a failure instead of its arguments".to_owned()));
        };
        let (start, attached) = (encoded.bytes.len(), encoded.attachments.len());
        let result = task::catch(|| {
            parts::append(encoded, |encoded| {
                let input = Input::new(bytes, mem::take(&mut attachments));
                function(input, &mut Output::new(encoded, limits))
            })
        });
        if let Err(failure) = result {
            encoded.bytes.truncate(start);
            encoded.attachments.truncate(attached);
            parts::append_failure(&mut encoded.bytes, &failure);
            mixed = true;
        }
        if let Some(is_over) = &mut is_over
            && calls < call.count
            && let Some(begun) = is_over(calls, encoded.len_bytes())
        {
            return Ok(Ran { mixed, done: Some(begun) });
        }
    }
    if arguments.is_empty() {
        Ok(Ran { mixed, done: None })
    } else {
        Err(DecodeFailure("a task has more calls than it announced".to_owned()))
    }
}

fn damaged(failure: DecodeFailure) -> Refused {
    Refused::Because(format!("a message from the master cannot be read: {}", failure.0))
}
