//! Encoded arguments and results on this side of the wire.

use crate::error::{Error, Kind};
use crate::wire::attachments::Encoded;
use crate::wire::codec::{self, DecodeFailure, EncodeFailure, Limits};
use crate::wire::memory::Attachment;
use crate::wire::parts::{self, Part};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::{iter, slice};

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
    /// Every call has succeeded: the encoded value, or the parts of several calls.
    Values(Payload),
    /// The task holds several calls, and at least one has failed.
    Items(Box<[Result<Payload, Error>]>),
    /// The task as a whole has failed, or its only call.
    Failed(Error),
    /// What a derived future was given in this process, of a type that only it knows.
    Local(Box<dyn Any + Send + Sync>),
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
            Outcome::Values(payload) => decode_result(payload.bytes(), payload.attachments().to_vec()),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Items(_) | Outcome::Local(_) => {
                Err(Error::new(Kind::Codec, "the worker's reply holds several results instead of one"))
            }
        }
    }
}

/// Decodes the results of the calls of a task, one after the other.
pub(crate) enum Results<'a> {
    /// Of the only call.
    One(&'a Outcome),
    Parts(&'a [u8], iter::Cloned<slice::Iter<'a, Attachment>>),
    Items(slice::Iter<'a, Result<Payload, Error>>),
    /// Every result is this error.
    Failed(Error),
}

impl<'a> Results<'a> {
    /// Of a task of so many calls with this outcome.
    pub(crate) fn new(outcome: Result<&'a Outcome, Error>, count: usize) -> Self {
        match outcome {
            Ok(Outcome::Values(payload)) if count > 1 => {
                Results::Parts(payload.bytes(), payload.attachments().iter().cloned())
            }
            Ok(Outcome::Items(items)) => Results::Items(items.iter()),
            Ok(Outcome::Failed(error)) => Results::Failed(error.clone()),
            Ok(outcome) => Results::One(outcome),
            Err(error) => Results::Failed(error),
        }
    }

    /// The result of the next call. If its decoding panics, the next call is the one behind.
    ///
    /// # Panics
    ///
    /// If there are no more calls.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match self {
            Results::One(outcome) => outcome.value(),
            Results::Parts(bytes, attachments) => match parts::take(bytes, attachments) {
                Ok(Part::Value(bytes, attachments)) => decode_result(bytes, attachments),
                Ok(Part::Failure(failure)) => Err(Error::new(Kind::Codec, failure.message.clone())),
                Err(DecodeFailure(reason)) => {
                    Err(Error::new(Kind::Codec, format!("the worker's reply cannot be read: {reason}")))
                }
            },
            Results::Items(items) => {
                let item = items.next().expect("every call has a result");
                item.as_ref()
                    .map_err(Error::clone)
                    .and_then(|value| decode_result(value.bytes(), value.attachments().to_vec()))
            }
            Results::Failed(error) => Err(error.clone()),
        }
    }
}

/// The result that `bytes` and `attachments` hold.
fn decode_result<T: DeserializeOwned>(bytes: &[u8], attachments: Vec<Attachment>) -> Result<T, Error> {
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
    // Taken rather than borrowed: a `Serialize` may itself submit a task. A thread that ends may have lost it.
    let mut encoded = Encoded { bytes: SCRATCH.try_with(RefCell::take).unwrap_or_default(), attachments: Vec::new() };
    encoded.bytes.clear();
    append_arguments(name, arguments, &mut encoded, limits)?;
    if encoded.bytes.len() > HAND_OVER_BYTES || !encoded.attachments.is_empty() {
        return Ok(encoded.into());
    }
    let payload = Payload::copied(&encoded.bytes);
    let _ = SCRATCH.try_with(|scratch| scratch.replace(encoded.bytes));
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
    use crate::wire::buffer::Buffer;
    use crate::wire::memory::Memory;

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

    /// The results of three calls, each with a buffer.
    fn three_buffers() -> Outcome {
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        let mut encoded = Encoded::default();
        for length in [10_u8, 20, 30] {
            let buffer = Buffer::from(vec![length; length.into()]);
            parts::append(&mut encoded, |encoded| append_arguments("test", &buffer, encoded, &limits))
                .expect("it fits");
        }
        Outcome::Values(Payload::from(encoded))
    }

    #[test]
    fn each_call_has_its_own_buffers_whatever_becomes_of_the_others() {
        let outcome = three_buffers();
        let mut results = Results::new(Ok(&outcome), 3);
        let lengths = [(); 3].map(|()| results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok());
        assert_eq!(lengths, [Some(10), Some(20), Some(30)]);
        let mut results = Results::new(Ok(&outcome), 3);
        // The first is one of eight-byte numbers as little as it is two buffers.
        assert!(results.next::<Buffer<u64>>().is_err_and(|error| error.is_codec()));
        assert!(results.next::<[Buffer<u8>; 2]>().is_err_and(|error| error.is_codec()));
        assert_eq!(results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok(), Some(30));
    }

    #[test]
    fn a_panic_in_decoding_costs_one_result() {
        #[derive(Debug)]
        struct Panicking;
        impl<'de> serde::Deserialize<'de> for Panicking {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                panic!("this panic is meant to be");
            }
        }
        let outcome = three_buffers();
        let mut results = Results::new(Ok(&outcome), 3);
        let first = std::panic::AssertUnwindSafe(|| results.next::<Panicking>());
        assert!(std::panic::catch_unwind(first).is_err());
        assert_eq!(results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok(), Some(20));
    }

    #[test]
    fn calls_that_have_failed_take_nothing_from_the_others() {
        let item = |n: u8| Payload::from(Encoded { bytes: encoded(&n), attachments: Vec::new() });
        let results = [Ok(item(1)), Err(Error::new(Kind::Cancelled, "no")), Ok(item(3))];
        let outcome = Outcome::Items(Box::new(results));
        let mut results = Results::new(Ok(&outcome), 3);
        let values = [(); 3].map(|()| results.next::<u8>().ok());
        assert_eq!(values, [Some(1), None, Some(3)]);
    }

    fn encoded(n: &u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec::encode(n, &mut bytes, 100).expect("it encodes");
        bytes
    }
}
