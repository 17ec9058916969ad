//! Encoded arguments and results on this side of the wire.

use crate::attachments::{Encoded, Incoming};
use crate::codec::{self, DecodeFailure, EncodeFailure, Limits};
use crate::error::{Error, Kind};
use crate::memory::Attachment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::RefCell;

/// Encoded values; few bytes lie in the value itself.
pub(crate) type Bytes = SmallVec<[u8; 16]>;

/// Encoded values with the buffers that they name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    /// One word where there are none, because most payloads have none and millions may be queued.
    #[allow(clippy::box_collection)]
    attachments: Option<Box<Vec<Attachment>>>,
}

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
    pub(crate) results: Vec<Result<Bytes, Error>>,
    /// The buffers of all of them.
    pub(crate) attachments: Vec<Attachment>,
}

impl Payload {
    /// Packs what was received: bytes that are copied, and attachments.
    pub(crate) fn received(bytes: &[u8], attachments: Vec<Attachment>) -> Self {
        Payload { bytes: Bytes::from_slice(bytes), attachments: boxed(attachments) }
    }

    pub(crate) fn attachments(&self) -> &[Attachment] {
        self.attachments.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Takes the attachments out.
    pub(crate) fn into_parts(self) -> (Bytes, Vec<Attachment>) {
        (self.bytes, self.attachments.map_or_else(Vec::new, |attachments| *attachments))
    }
}

impl From<Encoded> for Payload {
    /// Few bytes go into the payload itself, many are handed over.
    fn from(encoded: Encoded) -> Self {
        let Encoded { bytes, attachments } = encoded;
        let bytes = if bytes.len() > HAND_OVER_BYTES { Bytes::from_vec(bytes) } else { Bytes::from_slice(&bytes) };
        Payload { bytes, attachments: boxed(attachments) }
    }
}

#[allow(clippy::box_collection)]
fn boxed(attachments: Vec<Attachment>) -> Option<Box<Vec<Attachment>>> {
    if attachments.is_empty() { None } else { Some(Box::new(attachments)) }
}

impl Outcome {
    /// The value of a task of one call.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self {
            Outcome::Values(payload) => decode_result(&mut payload.bytes.as_slice(), payload.attachments()),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Items(_) | Outcome::Local(_) => {
                Err(Error::new(Kind::Codec, "the worker's reply holds several results instead of one"))
            }
        }
    }
}

/// Takes one result off the front of `bytes`; its buffers are shared with `attachments`.
pub(crate) fn decode_result<T: DeserializeOwned>(bytes: &mut &[u8], attachments: &[Attachment]) -> Result<T, Error> {
    let mut incoming: Incoming = attachments.iter().cloned().map(Some).collect();
    codec::decode_with_attachments(bytes, &mut incoming).map_err(|DecodeFailure(reason)| {
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
    if encoded.bytes.len() > HAND_OVER_BYTES {
        return Ok(encoded.into());
    }
    let payload = Payload { bytes: Bytes::from_slice(&encoded.bytes), attachments: boxed(encoded.attachments) };
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
