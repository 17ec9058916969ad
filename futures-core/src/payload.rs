//! Encoded arguments and results on this side of the wire.

use crate::attachments::{Encoded, Incoming};
use crate::codec::{self, DecodeFailure, EncodeFailure, Limits};
use crate::error::{Error, Kind};
use crate::memory::Attachment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::slice;

/// Encoded values with the buffers that they name.
///
/// It takes three words, because millions may be queued, and of those most are short.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Few bytes lie in the value itself.
    Short {
        length: u8,
        bytes: [u8; SHORT_BYTES],
    },
    Long(Box<[u8]>),
    /// Most payloads have no buffers.
    WithAttachments(Box<Encoded>),
}

/// So many bytes lie in a payload itself.
const SHORT_BYTES: usize = 22;

/// Longer payloads are handed over rather than copied.
const HAND_OVER_BYTES: usize = 1 << 12;

/// What became of a task.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every call has succeeded: the encoded values, one after the other.
    Values(Payload),
    /// The task holds several calls, and at least one has failed.
    Items(Box<ItemResults>),
    /// The task as a whole has failed, or its only call.
    Failed(Error),
    /// What a derived future was given in this process, of a type that only it knows.
    Local(Box<dyn Any + Send + Sync>),
}

/// The results of several calls, of which at least one has failed.
#[derive(Debug)]
pub(crate) struct ItemResults {
    pub(crate) results: Vec<Result<Payload, Error>>,
    /// The buffers of all of them.
    pub(crate) attachments: Vec<Attachment>,
}

impl Payload {
    /// Packs what was received: bytes that are copied, and attachments.
    pub(crate) fn received(bytes: &[u8], attachments: Vec<Attachment>) -> Self {
        if attachments.is_empty() {
            Self::copied(bytes)
        } else {
            Payload(Form::WithAttachments(Box::new(Encoded { bytes: bytes.to_vec(), attachments })))
        }
    }

    /// Packs a copy of bytes without attachments.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        if bytes.len() > SHORT_BYTES {
            return Payload(Form::Long(bytes.into()));
        }
        let mut short = [0; SHORT_BYTES];
        short[..bytes.len()].copy_from_slice(bytes);
        Payload(Form::Short { length: bytes.len() as u8, bytes: short })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { length, bytes } => &bytes[..usize::from(*length)],
            Form::Long(bytes) => bytes,
            Form::WithAttachments(encoded) => &encoded.bytes,
        }
    }

    pub(crate) fn attachments(&self) -> &[Attachment] {
        match &self.0 {
            Form::WithAttachments(encoded) => &encoded.attachments,
            Form::Short { .. } | Form::Long(_) => &[],
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Payload(Form::Short { length: 0, bytes: [0; SHORT_BYTES] })
    }
}

impl From<Encoded> for Payload {
    /// Few bytes go into the payload itself, many are handed over.
    fn from(encoded: Encoded) -> Self {
        if !encoded.attachments.is_empty() {
            Payload(Form::WithAttachments(Box::new(encoded)))
        } else if encoded.bytes.len() > HAND_OVER_BYTES {
            Payload(Form::Long(encoded.bytes.into()))
        } else {
            Self::copied(&encoded.bytes)
        }
    }
}

impl Outcome {
    /// The value of a task of one call.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self {
            Outcome::Values(payload) => decode_result(&mut payload.bytes(), &mut incoming(payload.attachments())),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Items(_) | Outcome::Local(_) => {
                Err(Error::new(Kind::Codec, "the worker's reply holds several results instead of one"))
            }
        }
    }
}

/// Decodes the results of the calls of a task, one after the other.
pub(crate) enum Decoder<'a> {
    Values(&'a [u8], Incoming),
    Items(slice::Iter<'a, Result<Payload, Error>>, Incoming),
    /// Every result is this error.
    Failed(Error),
}

impl<'a> Decoder<'a> {
    /// Of a task with this outcome.
    pub(crate) fn of(outcome: Result<&'a Outcome, Error>) -> Self {
        match outcome {
            Ok(Outcome::Values(payload)) => Decoder::Values(payload.bytes(), incoming(payload.attachments())),
            Ok(Outcome::Items(items)) => Decoder::Items(items.results.iter(), incoming(&items.attachments)),
            Ok(Outcome::Failed(error)) => Decoder::Failed(error.clone()),
            Ok(Outcome::Local(_)) => unreachable!("the task of several calls is done by a worker"),
            Err(error) => Decoder::Failed(error),
        }
    }

    /// The result of the next call.
    ///
    /// # Panics
    ///
    /// If there are no more calls.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match self {
            Decoder::Values(bytes, attachments) => {
                let value = decode_result(bytes, attachments);
                if value.is_err() {
                    // Nobody knows where the next one begins.
                    *bytes = &[];
                }
                value
            }
            Decoder::Items(items, attachments) => {
                let item = items.next().expect("every call has a result");
                item.as_ref().map_err(Error::clone).and_then(|value| decode_result(&mut value.bytes(), attachments))
            }
            Decoder::Failed(error) => Err(error.clone()),
        }
    }
}

/// Attachments for a decoder, which shares them.
fn incoming(attachments: &[Attachment]) -> Incoming {
    attachments.iter().cloned().map(Some).collect()
}

/// Takes one result off the front of `bytes`, and its buffers out of `attachments`.
fn decode_result<T: DeserializeOwned>(bytes: &mut &[u8], attachments: &mut Incoming) -> Result<T, Error> {
    codec::decode_with_attachments(bytes, attachments).map_err(|DecodeFailure(reason)| {
        let type_name = std::any::type_name::<T>();
        Error::new(Kind::Codec, format!("the result of type {type_name} cannot be decoded: {reason}"))
    })
}

/// Encodes the arguments of one call of the task function `name`.
pub(crate) fn encode_arguments<T: Serialize>(name: &str, arguments: &T, limits: &Limits) -> Result<Payload, Error> {
    thread_local! {
        static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    // Taken rather than borrowed: a `Serialize` may itself submit a task.
    let mut encoded = Encoded { bytes: SCRATCH.take(), attachments: Vec::new() };
    encoded.bytes.clear();
    append_arguments(name, arguments, &mut encoded, limits)?;
    if encoded.bytes.len() > HAND_OVER_BYTES || !encoded.attachments.is_empty() {
        return Ok(encoded.into());
    }
    let payload = Payload::copied(&encoded.bytes);
    SCRATCH.set(encoded.bytes);
    Ok(payload)
}

/// Appends the encoded arguments of one call; on failure nothing is appended.
pub(crate) fn append_arguments<T: Serialize>(
    name: &str,
    arguments: &T,
    encoded: &mut Encoded,
    limits: &Limits,
) -> Result<(), Error> {
    codec::encode_with_attachments(arguments, encoded, limits).map_err(|failure| {
        let message = match failure {
            EncodeFailure::Value(reason) => format!("the arguments of task {name} cannot be encoded: {reason}"),
            EncodeFailure::TooLarge(limit) => {
                format!("the encoded arguments of task {name} are larger than the limit of {limit} bytes")
            }
        };
        Error::new(Kind::Codec, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffer;
    use crate::memory::Memory;

    #[test]
    fn payloads_and_outcomes_are_small() {
        assert_eq!((size_of::<Payload>(), size_of::<Outcome>()), (24, 24));
    }

    #[test]
    fn a_payload_holds_what_was_put_in_however_long() {
        for length in [0, 1, SHORT_BYTES, SHORT_BYTES + 1, HAND_OVER_BYTES, HAND_OVER_BYTES + 1] {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let attachments = vec![Attachment::new(Memory::Align1(vec![7]))];
            for attachments in [Vec::new(), attachments] {
                let encoded = Encoded { bytes: bytes.clone(), attachments: attachments.clone() };
                for payload in [Payload::from(encoded), Payload::received(&bytes, attachments.clone())] {
                    assert_eq!((payload.bytes(), payload.attachments()), (bytes.as_slice(), attachments.as_slice()));
                }
            }
        }
        assert_eq!((Payload::default().bytes(), Payload::default().attachments().len()), (&[][..], 0));
    }

    /// Three buffers, the second of them as what it is not, as the results of three calls.
    #[test]
    fn each_call_has_its_own_buffers_until_one_cannot_be_decoded() {
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        let mut encoded = Encoded::default();
        for length in [10_u8, 20, 30] {
            append_arguments("test", &Buffer::from(vec![length; length.into()]), &mut encoded, &limits)
                .expect("it fits");
        }
        let outcome = Outcome::Values(Payload::from(encoded));
        let mut decoder = Decoder::of(Ok(&outcome));
        let lengths = [(); 3].map(|()| decoder.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok());
        assert_eq!(lengths, [Some(10), Some(20), Some(30)]);
        let mut decoder = Decoder::of(Ok(&outcome));
        assert!(decoder.next::<Buffer<u8>>().is_ok());
        assert!(decoder.next::<Buffer<u64>>().is_err_and(|error| error.is_codec()));
        assert!(decoder.next::<Buffer<u8>>().is_err_and(|error| error.is_codec()));
    }

    #[test]
    fn calls_that_have_failed_take_nothing_from_the_others() {
        let item = |n: u8| Ok(Payload::copied(&[n]));
        let results = vec![item(1), Err(Error::new(Kind::Cancelled, "no")), item(3)];
        let outcome = Outcome::Items(Box::new(ItemResults { results, attachments: Vec::new() }));
        let mut decoder = Decoder::of(Ok(&outcome));
        let values = [(); 3].map(|()| decoder.next::<u8>().ok());
        assert_eq!(values, [Some(1), None, Some(3)]);
    }
}
