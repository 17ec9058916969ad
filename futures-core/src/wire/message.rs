//! The wire protocol: what the frames between the manager and a worker say.
//!
//! A frame opens with one byte that names its kind. `Tasks` and `Replies` hold any number of envelopes, each a fixed
//! header and a payload, numbers little-endian; the rare kinds are encoded by the codec. Every length is checked
//! against the frame before it is used. The attachments of a frame are those of its envelopes, one after the other.

#[cfg(test)]
mod tests;

use crate::base::ids::{ClientNumber, TaskKey, TaskNumber};
use crate::wire::codec::{self, DecodeFailure};
use crate::wire::failure::Failure;
use crate::wire::frame::Frame;
use crate::wire::memory::Attachment;
use crate::wire::setup::Setup;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// The version of the protocol; processes of different versions refuse each other.
pub(crate) const PROTOCOL: u32 = 10;

const HELLO: u8 = 1;
const TASKS: u8 = 2;
const STOP: u8 = 3;
const READY: u8 = 4;
const REFUSED: u8 = 5;
const REPLIES: u8 = 6;
const SETUP: u8 = 7;
const FORGET: u8 = 8;
const PREPARED: u8 = 9;

/// The bit of a call's number of calls that says that it is a lease, whose limit follows its arguments.
const LEASE: u32 = 1 << 31;

/// The most calls of a task.
pub(crate) const CALLS_MAX: u32 = LEASE - 1;

/// Results of so many bytes end a lease, and no lease is expected to have more.
pub(crate) const LEASE_RESULT_BYTES: usize = 1 << 20;

/// The bit of a reply that says that some of its calls have failed.
const MIXED: u8 = 1;

/// The bit of a reply that says that some of its calls are given back; how many are not follows the results.
const PARTIAL: u8 = 2;

/// The description of a task function that processes compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) signature: String,
}

/// The manager's first message to a worker.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) fingerprint: u64,
    /// The number of the worker that is addressed.
    pub(crate) worker: u32,
    /// The largest result that the worker may send, in bytes.
    pub(crate) payload_limit_bytes: u64,
    /// How long the manager will wait for the worker's goodbye, in milliseconds.
    pub(crate) shutdown_limit_ms: u64,
}

/// A worker's answer to the setup of a client.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) client: ClientNumber,
    /// The preparation that has failed, if one has; then the worker is not prepared.
    pub(crate) failure: Option<Failure>,
    /// Whether it is the making of the executor's state that has failed.
    pub(crate) by_state: bool,
}

/// A worker's answer when it can work with this manager.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) host: String,
    pub(crate) process: u32,
}

/// A worker's last message when it cannot, or can no longer, work with this manager.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refused {
    /// The fingerprints differ; these are the worker's task functions.
    Differs(Vec<Description>),
    /// Any other reason.
    Because(String),
}

/// A message to a worker, as the worker reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToWorker<'a> {
    Hello(Hello),
    /// Sent before the first task of this client, unless the client has no setup.
    Setup(ClientNumber, Setup),
    /// The client has ended.
    Forget(ClientNumber),
    Tasks(Envelopes<'a, Call<'a>>),
    Stop,
}

/// A message to the manager, as the manager reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToManager<'a> {
    Ready(Ready),
    Refused(Refused),
    Prepared(Prepared),
    Replies(Envelopes<'a, Reply<'a>>),
}

/// One task on its way to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    pub(crate) task: TaskNumber,
    /// The client whose named values the task reads.
    pub(crate) client: ClientNumber,
    pub(crate) function: TaskKey,
    /// The number of calls: one, whose arguments are the payload, or several, whose parts are the payload.
    pub(crate) count: u32,
    /// After so many microseconds the worker gives back the calls that it has not begun; never if none.
    pub(crate) lease_micros: Option<NonZeroU32>,
    /// How many of the frame's attachments belong to it.
    pub(crate) attachments: u32,
    pub(crate) arguments: &'a [u8],
}

/// One task on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) task: TaskNumber,
    /// How long the worker took for it.
    pub(crate) nanos: u64,
    /// How many of the frame's attachments belong to it.
    pub(crate) attachments: u32,
    pub(crate) results: Results<'a>,
    /// What has been executed of a lease, if the other calls are given back.
    pub(crate) done: Option<Begun>,
}

/// The first calls of a lease, which a worker has executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) calls: u32,
    /// How long the last one took; or the last few, if they were short.
    pub(crate) last_nanos: u64,
}

/// The results of the calls of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Results<'a> {
    /// Every call has succeeded: the encoded value, or the parts of several calls.
    All(&'a [u8]),
    /// At least one call has failed: parts, also of a task of one call.
    Mixed(&'a [u8]),
}

pub(crate) fn hello(hello: &Hello) -> Frame {
    encoded(HELLO, hello)
}

pub(crate) fn stop() -> Frame {
    vec![STOP].into()
}

pub(crate) fn ready(ready: &Ready) -> Frame {
    encoded(READY, ready)
}

pub(crate) fn refused(refused: &Refused) -> Frame {
    encoded(REFUSED, refused)
}

pub(crate) fn setup(client: ClientNumber, setup: &Setup) -> Frame {
    encoded(SETUP, &(client, setup))
}

pub(crate) fn forget(client: ClientNumber) -> Frame {
    encoded(FORGET, &client)
}

pub(crate) fn prepared(prepared: &Prepared) -> Frame {
    encoded(PREPARED, prepared)
}

fn encoded(kind: u8, value: &impl Serialize) -> Frame {
    let mut bytes = vec![kind];
    codec::encode(value, &mut bytes, usize::MAX)
        .expect("the library's own messages consist of numbers and strings, which always encode");
    bytes.into()
}

/// Appends a call to a frame of calls, and its attachments; an empty frame is opened first.
pub(crate) fn push_call(frame: &mut Frame, call: &Call<'_>, attachments: Vec<Attachment>) {
    let bytes = &mut frame.bytes;
    if bytes.is_empty() {
        bytes.push(TASKS);
    }
    let mut header = [0; Call::HEADER];
    header[0..8].copy_from_slice(&call.task.0.to_le_bytes());
    header[8..12].copy_from_slice(&call.client.0.to_le_bytes());
    header[12..20].copy_from_slice(&call.function.0.to_le_bytes());
    let lease = if call.lease_micros.is_some() { LEASE } else { 0 };
    header[20..24].copy_from_slice(&(call.count | lease).to_le_bytes());
    header[24..28].copy_from_slice(&call.attachments.to_le_bytes());
    header[28..36].copy_from_slice(&(call.arguments.len() as u64).to_le_bytes());
    bytes.reserve(Call::HEADER + call.arguments.len() + size_of::<u32>());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(call.arguments);
    if let Some(micros) = call.lease_micros {
        bytes.extend_from_slice(&micros.get().to_le_bytes());
    }
    if !attachments.is_empty() {
        frame.attachments.extend(attachments);
    }
}

/// Divides a frame of calls into frames of one call each; any other stays as it is. For simulations, in which a worker
/// can be interrupted between two frames.
pub fn calls_apart(frame: Frame) -> Vec<Frame> {
    let Ok(ToWorker::Tasks(calls)) = to_worker(&frame.bytes) else { return vec![frame] };
    let mut attachments = frame.attachments.iter().cloned();
    let one = |call: Result<Call<'_>, DecodeFailure>| {
        let call = call?;
        let mut frame = Frame::default();
        push_call(&mut frame, &call, take_attachments(&mut attachments, call.attachments)?);
        Ok(frame)
    };
    let apart: Result<Vec<Frame>, DecodeFailure> = calls.map(one).collect();
    apart.unwrap_or_else(|_| vec![frame])
}

/// Appends a reply to a frame of replies; an empty frame is opened first. The caller adds its attachments.
pub(crate) fn push_reply(frame: &mut Frame, reply: &Reply<'_>) {
    let bytes = &mut frame.bytes;
    if bytes.is_empty() {
        bytes.push(REPLIES);
    }
    let (mixed, payload) = match reply.results {
        Results::All(payload) => (0, payload),
        Results::Mixed(payload) => (MIXED, payload),
    };
    let partial = if reply.done.is_some() { PARTIAL } else { 0 };
    let mut header = [0; Reply::HEADER];
    header[0..8].copy_from_slice(&reply.task.0.to_le_bytes());
    header[8..16].copy_from_slice(&reply.nanos.to_le_bytes());
    header[16..20].copy_from_slice(&reply.attachments.to_le_bytes());
    header[20] = mixed | partial;
    header[21..29].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.reserve(Reply::HEADER + payload.len() + Begun::BYTES);
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(payload);
    if let Some(done) = reply.done {
        bytes.extend_from_slice(&done.calls.to_le_bytes());
        bytes.extend_from_slice(&done.last_nanos.to_le_bytes());
    }
}

/// Takes as many attachments as an envelope says belong to it.
pub(crate) fn take_attachments(
    attachments: &mut impl ExactSizeIterator<Item = Attachment>,
    count: u32,
) -> Result<Vec<Attachment>, DecodeFailure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count as usize > attachments.len() {
        let left = attachments.len();
        return Err(DecodeFailure(format!("an envelope has {count} attachments and the frame only {left}")));
    }
    Ok(attachments.take(count as usize).collect())
}

/// Reads a frame as a worker.
pub(crate) fn to_worker(frame: &[u8]) -> Result<ToWorker<'_>, DecodeFailure> {
    match frame.split_first() {
        Some((&HELLO, rest)) => Ok(ToWorker::Hello(codec::decode(rest)?)),
        Some((&TASKS, rest)) => Ok(ToWorker::Tasks(Envelopes::new(rest))),
        Some((&SETUP, rest)) => {
            let (client, setup) = codec::decode(rest)?;
            Ok(ToWorker::Setup(client, setup))
        }
        Some((&FORGET, rest)) => Ok(ToWorker::Forget(codec::decode(rest)?)),
        Some((&STOP, [])) => Ok(ToWorker::Stop),
        _ => Err(unexpected(frame)),
    }
}

/// Reads a frame as the manager.
pub(crate) fn to_manager(frame: &[u8]) -> Result<ToManager<'_>, DecodeFailure> {
    match frame.split_first() {
        Some((&READY, rest)) => Ok(ToManager::Ready(codec::decode(rest)?)),
        Some((&REFUSED, rest)) => Ok(ToManager::Refused(codec::decode(rest)?)),
        Some((&PREPARED, rest)) => Ok(ToManager::Prepared(codec::decode(rest)?)),
        Some((&REPLIES, rest)) => Ok(ToManager::Replies(Envelopes::new(rest))),
        _ => Err(unexpected(frame)),
    }
}

fn unexpected(frame: &[u8]) -> DecodeFailure {
    DecodeFailure(match frame.first() {
        Some(kind) => format!("a frame of {} bytes has the unknown or misplaced kind {kind}", frame.len()),
        None => "a frame is empty".to_owned(),
    })
}

/// The envelopes of a frame, read one by one; after a failure there is nothing more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelopes<'a, E> {
    rest: &'a [u8],
    kind: std::marker::PhantomData<E>,
}

impl<'a, E> Envelopes<'a, E> {
    fn new(rest: &'a [u8]) -> Self {
        Envelopes { rest, kind: std::marker::PhantomData }
    }

    /// Whether there are no more.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn next_with(&mut self, read: fn(&mut &'a [u8]) -> Option<E>) -> Option<Result<E, DecodeFailure>> {
        if self.rest.is_empty() {
            return None;
        }
        let left = self.rest.len();
        let envelope = read(&mut self.rest);
        if envelope.is_none() {
            self.rest = &[];
        }
        Some(envelope.ok_or_else(|| DecodeFailure(format!("an envelope is cut short {left} bytes before the end"))))
    }
}

impl<'a> Iterator for Envelopes<'a, Call<'a>> {
    type Item = Result<Call<'a>, DecodeFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(Call::read)
    }
}

impl<'a> Iterator for Envelopes<'a, Reply<'a>> {
    type Item = Result<Reply<'a>, DecodeFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(Reply::read)
    }
}

impl<'a> Call<'a> {
    /// The length of a call's header in bytes.
    pub(crate) const HEADER: usize = 36;

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let task = TaskNumber(take_u64(bytes)?);
        let client = ClientNumber(u32::from_le_bytes(*bytes.split_off_first_chunk()?));
        let function = TaskKey(take_u64(bytes)?);
        let count = take_u32(bytes)?;
        let attachments = take_u32(bytes)?;
        let arguments = take_payload(bytes)?;
        let lease_micros = if count & LEASE == 0 { None } else { Some(NonZeroU32::new(take_u32(bytes)?)?) };
        Some(Call { task, client, function, count: count & !LEASE, lease_micros, attachments, arguments })
    }
}

impl<'a> Reply<'a> {
    const HEADER: usize = 29;

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let task = TaskNumber(take_u64(bytes)?);
        let nanos = take_u64(bytes)?;
        let attachments = take_u32(bytes)?;
        let flags = *bytes.split_off_first()?;
        let payload = take_payload(bytes)?;
        let results = match flags & !PARTIAL {
            0 => Results::All(payload),
            MIXED => Results::Mixed(payload),
            _ => return None,
        };
        let done = if flags & PARTIAL == 0 { None } else { Some(Begun::read(bytes)?) };
        Some(Reply { task, nanos, attachments, results, done })
    }
}

impl Begun {
    const BYTES: usize = 12;

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Begun { calls: take_u32(bytes)?, last_nanos: take_u64(bytes)? })
    }
}

trait SplitChunk<'a> {
    fn split_off_first_chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]>;
}

impl<'a> SplitChunk<'a> for &'a [u8] {
    fn split_off_first_chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (chunk, rest) = self.split_first_chunk()?;
        *self = rest;
        Some(chunk)
    }
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.split_off_first_chunk()?))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.split_off_first_chunk()?))
}

fn take_payload<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_u64(bytes)?).ok()?;
    bytes.split_off(..length)
}
