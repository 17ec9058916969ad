//! Encoded arguments and results on this side of the wire.

use crate::codec::{self, DecodeFailure, EncodeFailure};
use crate::error::{Error, Kind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;
use std::cell::RefCell;

/// Encoded values; few bytes lie in the value itself.
pub(crate) type Bytes = SmallVec<[u8; 24]>;

/// Longer payloads are handed over rather than copied.
const HAND_OVER_BYTES: usize = 1 << 12;

/// What became of a task.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every call has succeeded: the encoded values, one after the other.
    Values(Bytes),
    /// The task holds several calls, and at least one has failed.
    Items(Vec<Result<Bytes, Error>>),
    /// The task as a whole has failed, or its only call.
    Failed(Error),
}

impl Outcome {
    /// The value of a task of one call.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self {
            Outcome::Values(bytes) => decode_result(&mut bytes.as_slice()),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Items(_) => {
                Err(Error::new(Kind::Codec, "the worker's reply holds several results instead of one"))
            }
        }
    }
}

/// Takes one result off the front of `bytes`.
pub(crate) fn decode_result<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, Error> {
    codec::decode(bytes).map_err(|DecodeFailure(reason)| {
        let type_name = std::any::type_name::<T>();
        Error::new(Kind::Codec, format!("the result of type {type_name} cannot be decoded: {reason}"))
    })
}

/// Encodes the arguments of one call of the task function `name`.
pub(crate) fn encode_arguments<T: Serialize>(name: &str, arguments: &T, limit_bytes: usize) -> Result<Bytes, Error> {
    thread_local! {
        static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    // Taken rather than borrowed: a `Serialize` may itself submit a task.
    let mut scratch = SCRATCH.take();
    scratch.clear();
    append_arguments(name, arguments, &mut scratch, limit_bytes)?;
    if scratch.len() > HAND_OVER_BYTES {
        return Ok(Bytes::from_vec(scratch));
    }
    let bytes = Bytes::from_slice(&scratch);
    SCRATCH.set(scratch);
    Ok(bytes)
}

/// Appends the encoded arguments of one call; on failure nothing is appended.
pub(crate) fn append_arguments<T: Serialize>(
    name: &str,
    arguments: &T,
    bytes: &mut Vec<u8>,
    limit_bytes: usize,
) -> Result<(), Error> {
    codec::encode(arguments, bytes, limit_bytes).map_err(|failure| {
        let message = match failure {
            EncodeFailure::Value(reason) => format!("the arguments of task {name} cannot be encoded: {reason}"),
            EncodeFailure::TooLarge(limit) => {
                format!("the encoded arguments of task {name} are larger than the limit of {limit} bytes")
            }
        };
        Error::new(Kind::Codec, message)
    })
}

/// Packs encoded values: few bytes into the value itself, many by handing over their memory.
pub(crate) fn pack(bytes: Vec<u8>) -> Bytes {
    if bytes.len() > HAND_OVER_BYTES { Bytes::from_vec(bytes) } else { Bytes::from_slice(&bytes) }
}
