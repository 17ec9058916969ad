//! The wire protocol: what the frames between the manager and a worker say.
//!
//! A frame opens with one byte that names its kind. `Tasks` and `Replies` hold any number of envelopes, each a fixed
//! header and a payload, numbers little-endian; the rare kinds are encoded by the codec. Every length is checked
//! against the frame before it is used. The attachments of a frame are those of its envelopes, one after the other.

use crate::codec::{self, DecodeFailure};
use crate::ids::TaskNumber;
use crate::memory::Attachment;
use crate::registry::Description;
use crate::task::{Failure, TaskKey};
use crate::transport::Frame;
use serde::{Deserialize, Serialize};

/// The version of the protocol; processes of different versions refuse each other.
pub(crate) const PROTOCOL: u32 = 2;

const HELLO: u8 = 1;
const TASKS: u8 = 2;
const STOP: u8 = 3;
const READY: u8 = 4;
const REFUSED: u8 = 5;
const REPLIES: u8 = 6;

/// The manager's first word to a worker.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) fingerprint: u64,
    /// The number of the worker that is addressed.
    pub(crate) worker: u32,
    /// The largest result that the worker may send, in bytes.
    pub(crate) payload_limit_bytes: u64,
    /// From which length on the worker sends buffers as attachments, in bytes.
    pub(crate) inline_bytes: u64,
}

/// A worker's answer when it can work with this manager.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) host: String,
    pub(crate) process: u32,
}

/// A worker's last word when it cannot, or can no longer, work with this manager.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refused {
    /// The fingerprints differ; these are the worker's task functions.
    Differs(Vec<Description>),
    /// Anything else.
    Because(String),
}

/// A message to a worker, as the worker reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToWorker<'a> {
    Hello(Hello),
    Tasks(Envelopes<'a, Call<'a>>),
    Stop,
}

/// A message to the manager, as the manager reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToManager<'a> {
    Ready(Ready),
    Refused(Refused),
    Replies(Envelopes<'a, Reply<'a>>),
}

/// One task on its way to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    pub(crate) task: TaskNumber,
    pub(crate) function: TaskKey,
    /// How many argument tuples the payload holds.
    pub(crate) count: u32,
    /// How many of the frame's attachments are its own.
    pub(crate) attachments: u32,
    pub(crate) arguments: &'a [u8],
}

/// One task on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) task: TaskNumber,
    /// How long the worker took for it.
    pub(crate) nanos: u64,
    /// How many of the frame's attachments are its own.
    pub(crate) attachments: u32,
    pub(crate) results: Results<'a>,
}

/// The results of the calls of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Results<'a> {
    /// Every call has succeeded: the encoded values, one after the other.
    All(&'a [u8]),
    /// At least one call has failed: items as [`Items`] reads them.
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

fn encoded(kind: u8, value: &impl Serialize) -> Frame {
    let mut bytes = vec![kind];
    codec::encode(value, &mut bytes, codec::PAYLOAD_LIMIT_BYTES)
        .expect("the library's own messages consist of numbers and strings, which always encode");
    bytes.into()
}

/// Appends a call to a frame of calls, and its attachments; an empty frame is opened first.
pub(crate) fn push_call(frame: &mut Frame, call: &Call<'_>, attachments: Vec<Attachment>) {
    let bytes = &mut frame.bytes;
    if bytes.is_empty() {
        bytes.push(TASKS);
    }
    bytes.reserve(Call::HEADER + call.arguments.len());
    bytes.extend_from_slice(&call.task.0.to_le_bytes());
    bytes.extend_from_slice(&call.function.0.to_le_bytes());
    bytes.extend_from_slice(&call.count.to_le_bytes());
    bytes.extend_from_slice(&call.attachments.to_le_bytes());
    bytes.extend_from_slice(&(call.arguments.len() as u64).to_le_bytes());
    bytes.extend_from_slice(call.arguments);
    frame.attachments.extend(attachments);
}

/// Appends a reply to a frame of replies; an empty frame is opened first. Its attachments are the caller's matter.
pub(crate) fn push_reply(frame: &mut Frame, reply: &Reply<'_>) {
    let bytes = &mut frame.bytes;
    if bytes.is_empty() {
        bytes.push(REPLIES);
    }
    let (mixed, payload) = match reply.results {
        Results::All(payload) => (0, payload),
        Results::Mixed(payload) => (1, payload),
    };
    bytes.reserve(Reply::HEADER + payload.len());
    bytes.extend_from_slice(&reply.task.0.to_le_bytes());
    bytes.extend_from_slice(&reply.nanos.to_le_bytes());
    bytes.extend_from_slice(&reply.attachments.to_le_bytes());
    bytes.push(mixed);
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
}

/// Takes as many attachments as an envelope says are its own.
pub(crate) fn take_attachments(
    attachments: &mut impl ExactSizeIterator<Item = Attachment>,
    count: u32,
) -> Result<Vec<Attachment>, DecodeFailure> {
    if count as usize > attachments.len() {
        let left = attachments.len();
        return Err(DecodeFailure(format!("an envelope has {count} attachments and the frame only {left}")));
    }
    Ok(attachments.take(count as usize).collect())
}

/// Appends one item to the payload of [`Results::Mixed`].
pub(crate) fn push_item(items: &mut Vec<u8>, result: Result<&[u8], &Failure>) {
    match result {
        Ok(value) => {
            items.push(0);
            items.extend_from_slice(&(value.len() as u64).to_le_bytes());
            items.extend_from_slice(value);
        }
        Err(failure) => {
            let mut bytes = Vec::new();
            codec::encode(failure, &mut bytes, codec::PAYLOAD_LIMIT_BYTES)
                .expect("a failure consists of strings and bytes, which always encode");
            items.push(1);
            items.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            items.extend_from_slice(&bytes);
        }
    }
}

/// Reads a frame as a worker.
pub(crate) fn to_worker(frame: &[u8]) -> Result<ToWorker<'_>, DecodeFailure> {
    match frame.split_first() {
        Some((&HELLO, mut rest)) => Ok(ToWorker::Hello(codec::decode(&mut rest)?)),
        Some((&TASKS, rest)) => Ok(ToWorker::Tasks(Envelopes::new(rest))),
        Some((&STOP, [])) => Ok(ToWorker::Stop),
        _ => Err(unexpected(frame)),
    }
}

/// Reads a frame as the manager.
pub(crate) fn to_manager(frame: &[u8]) -> Result<ToManager<'_>, DecodeFailure> {
    match frame.split_first() {
        Some((&READY, mut rest)) => Ok(ToManager::Ready(codec::decode(&mut rest)?)),
        Some((&REFUSED, mut rest)) => Ok(ToManager::Refused(codec::decode(&mut rest)?)),
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
    pub(crate) const HEADER: usize = 32;

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let task = TaskNumber(take_u64(bytes)?);
        let function = TaskKey(take_u64(bytes)?);
        let count = take_u32(bytes)?;
        let attachments = take_u32(bytes)?;
        Some(Call { task, function, count, attachments, arguments: take_payload(bytes)? })
    }
}

impl<'a> Reply<'a> {
    const HEADER: usize = 29;

    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let task = TaskNumber(take_u64(bytes)?);
        let nanos = take_u64(bytes)?;
        let attachments = take_u32(bytes)?;
        let mixed = *bytes.split_off_first()?;
        let payload = take_payload(bytes)?;
        let results = match mixed {
            0 => Results::All(payload),
            1 => Results::Mixed(payload),
            _ => return None,
        };
        Some(Reply { task, nanos, attachments, results })
    }
}

/// The items of [`Results::Mixed`], one for each call.
pub(crate) struct Items<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Result<Result<&'a [u8], Failure>, DecodeFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = self.item();
        if item.is_err() {
            self.0 = &[];
        }
        Some(item)
    }
}

impl<'a> Items<'a> {
    fn item(&mut self) -> Result<Result<&'a [u8], Failure>, DecodeFailure> {
        let cut_short = || DecodeFailure("an item is cut short".to_owned());
        let failed = *self.0.split_off_first().ok_or_else(cut_short)?;
        let mut payload = take_payload(&mut self.0).ok_or_else(cut_short)?;
        if failed == 0 { Ok(Ok(payload)) } else { Ok(Err(codec::decode(&mut payload)?)) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::FailureKind;
    use proptest::prelude::*;

    fn call(task: u64, count: u32, arguments: &[u8]) -> Call<'_> {
        Call { task: TaskNumber(task), function: TaskKey(task ^ 77), count, attachments: 0, arguments }
    }

    #[test]
    fn attachments_are_taken_only_if_they_are_there() {
        let attachment = Attachment::new(crate::memory::Memory::of(vec![1u8; 3]));
        let mut attachments = vec![attachment; 3].into_iter();
        assert_eq!(take_attachments(&mut attachments, 2).map(|taken| taken.len()), Ok(2));
        assert!(take_attachments(&mut attachments, u32::MAX).is_err());
        assert_eq!(take_attachments(&mut attachments, 1).map(|taken| taken.len()), Ok(1));
    }

    #[test]
    fn the_rare_messages_survive_the_wire() {
        let greeting = Hello { protocol: PROTOCOL, fingerprint: 5, worker: 3, payload_limit_bytes: 9, inline_bytes: 8 };
        assert_eq!(to_worker(&hello(&greeting).bytes), Ok(ToWorker::Hello(greeting)));
        assert_eq!(to_worker(&stop().bytes), Ok(ToWorker::Stop));
        let answer = Ready { host: "node7".to_owned(), process: 42 };
        let frame = ready(&answer).bytes;
        assert_eq!(to_manager(&frame), Ok(ToManager::Ready(answer)));
        assert!(to_worker(&frame).is_err(), "a worker must not read what is meant for the manager");
        let refusal = Refused::Differs(vec![Description { name: "f".to_owned(), signature: "s".to_owned() }]);
        assert_eq!(to_manager(&refused(&refusal).bytes), Ok(ToManager::Refused(refusal)));
    }

    proptest! {
        #[test]
        fn calls_survive_the_wire(calls in prop::collection::vec((any::<u64>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..50)), 1..20)) {
            let mut frame = Frame::default();
            for (task, count, arguments) in &calls {
                push_call(&mut frame, &call(*task, *count, arguments), Vec::new());
            }
            let Ok(ToWorker::Tasks(read)) = to_worker(&frame.bytes) else { panic!("not a frame of calls") };
            let read: Result<Vec<_>, _> = read.collect();
            let written: Vec<_> = calls.iter().map(|(task, count, arguments)| call(*task, *count, arguments)).collect();
            prop_assert_eq!(read, Ok(written));
        }

        #[test]
        fn replies_survive_the_wire(task in any::<u64>(), nanos in any::<u64>(), value in prop::collection::vec(any::<u8>(), 0..50)) {
            let mut items = Vec::new();
            push_item(&mut items, Ok(&value));
            push_item(&mut items, Err(&Failure::new(FailureKind::Panicked, "no")));
            let mut frame = Frame::default();
            let reply = Reply { task: TaskNumber(task), nanos, attachments: 3, results: Results::All(&value) };
            push_reply(&mut frame, &reply);
            push_reply(&mut frame, &Reply { results: Results::Mixed(&items), ..reply });
            let Ok(ToManager::Replies(replies)) = to_manager(&frame.bytes) else { panic!("not a frame of replies") };
            let replies: Vec<_> = replies.collect();
            prop_assert_eq!(&replies[0], &Ok(reply));
            let Ok(Reply { results: Results::Mixed(items), .. }) = replies[1] else { panic!("not mixed") };
            let items: Vec<_> = Items(items).map(|item| item.expect("whole").map_err(|failure| failure.message.clone())).collect();
            prop_assert_eq!(items, [Ok(&value[..]), Err("no".to_owned())]);
        }

        #[test]
        fn bad_frames_end_with_an_error_and_never_panic(mut frame in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..8) {
            if let Some(first) = frame.first_mut() {
                *first = kind;
            }
            if let Ok(ToWorker::Tasks(calls)) = to_worker(&frame) {
                prop_assert!(calls.count() <= frame.len() / Call::HEADER + 1);
            }
            if let Ok(ToManager::Replies(replies)) = to_manager(&frame) {
                prop_assert!(replies.count() <= frame.len() / Reply::HEADER + 1);
            }
            let items = Items(&frame).count();
            prop_assert!(items <= frame.len());
        }

        #[test]
        fn a_frame_cut_short_is_noticed(cut in 1usize..30) {
            let mut frame = Frame::default();
            push_call(&mut frame, &call(1, 1, b"ab"), Vec::new());
            let frame = &frame.bytes[..frame.bytes.len() - cut];
            let Ok(ToWorker::Tasks(mut calls)) = to_worker(frame) else { panic!("not a frame of calls") };
            prop_assert!(frame.len() == 1 || calls.next().expect("something is there").is_err());
            prop_assert!(calls.next().is_none());
        }
    }
}
