//! Values to bytes and back: the only file that knows which serialization format is used.
//!
//! Integers have a fixed width and are little-endian, sequences carry their length as a `u64`, and values that follow
//! one another need no separator: a decoder takes a value off the front of a slice and leaves the rest.

use bincode::config::{Configuration, Fixint, LittleEndian};
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest encoded argument list, result or error, in bytes, unless an executor is told otherwise: 64 GiB.
pub(crate) const PAYLOAD_LIMIT_BYTES: usize = 1 << 36;

/// Why a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EncodeFailure {
    /// The value's own `Serialize` refused, with its message.
    Value(String),
    /// The encoded value would be longer than the limit, in bytes.
    TooLarge(usize),
}

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecodeFailure(pub(crate) String);

/// Appends the encoded `value` to `bytes`, which may grow to at most `limit_bytes`; on failure `bytes` is as before.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    bytes: &mut Vec<u8>,
    limit_bytes: usize,
) -> Result<(), EncodeFailure> {
    let start = bytes.len();
    let writer = LimitedWriter { bytes, limit_bytes };
    bincode::serde::encode_into_writer(value, writer, format()).map_err(|error| {
        bytes.truncate(start);
        match error {
            EncodeError::UnexpectedEnd => EncodeFailure::TooLarge(limit_bytes),
            EncodeError::OtherString(message) => EncodeFailure::Value(message),
            other => EncodeFailure::Value(other.to_string()),
        }
    })
}

/// Takes one value off the front of `bytes`.
///
/// Lengths found in the bytes are believed only as far as the number of bytes makes them plausible, so that a damaged
/// frame cannot make the decoder reserve memory that it never fills.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, DecodeFailure> {
    // The limit is a constant of the format's type: the smallest class that admits these bytes.
    const SMALL: usize = 1 << 12;
    const MEDIUM: usize = 1 << 18;
    const LARGE: usize = 1 << 25;
    let decoded = match bytes.len() {
        ..=SMALL => bincode::serde::decode_from_slice(bytes, format().with_limit::<SMALL>()),
        ..=MEDIUM => bincode::serde::decode_from_slice(bytes, format().with_limit::<MEDIUM>()),
        ..=LARGE => bincode::serde::decode_from_slice(bytes, format().with_limit::<LARGE>()),
        _ => bincode::serde::decode_from_slice(bytes, format().with_limit::<PAYLOAD_LIMIT_BYTES>()),
    };
    let (value, used) = decoded.map_err(|error| DecodeFailure(describe(error)))?;
    *bytes = &bytes[used..];
    Ok(value)
}

fn format() -> Configuration<LittleEndian, Fixint> {
    bincode::config::standard().with_fixed_int_encoding()
}

fn describe(error: DecodeError) -> String {
    match error {
        DecodeError::OtherString(message) => message,
        DecodeError::UnexpectedEnd { additional } => format!("{additional} bytes are missing at the end"),
        DecodeError::LimitExceeded => "a length in the data is larger than the data".to_owned(),
        other => other.to_string(),
    }
}

/// Appends to a vector and refuses to go beyond a limit.
struct LimitedWriter<'a> {
    bytes: &'a mut Vec<u8>,
    limit_bytes: usize,
}

impl bincode::enc::write::Writer for LimitedWriter<'_> {
    fn write(&mut self, more: &[u8]) -> Result<(), EncodeError> {
        if more.len() > self.limit_bytes.saturating_sub(self.bytes.len()) {
            return Err(EncodeError::UnexpectedEnd);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}
