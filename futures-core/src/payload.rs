//! Encoded arguments and results on this side of the wire.

use crate::attachments::{Encoded, Incoming};
use crate::codec::{self, DecodeFailure, EncodeFailure, Limits};
use crate::error::{Error, Kind};
use crate::memory::Attachment;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;

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
            Outcome::Values(payload) => decode_result(&mut payload.bytes(), payload.attachments()),
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
}
