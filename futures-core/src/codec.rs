//! Values to bytes and back: the only file that knows which serialization format is used.
//!
//! Integers have a fixed width and are little-endian, sequences carry their length as a `u64`, and values that follow
//! one another need no separator: a decoder takes a value off the front of a slice and leaves the rest.

use crate::attachments::{self, Encoded, Incoming};
use crate::memory::Attachment;
use bincode::config::{Configuration, Fixint, LittleEndian};
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest encoded argument list, result or error, in bytes, unless an executor is told otherwise: 64 GiB.
pub(crate) const PAYLOAD_LIMIT_BYTES: usize = 1 << 36;

/// Smaller buffers than this many bytes travel among the encoded bytes.
const INLINE_BYTES: usize = 4 << 10;

/// What an encoder has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest payload, attachments included.
    pub(crate) payload_bytes: usize,
    /// Buffers from this length on are attached; smaller ones travel among the encoded bytes.
    pub(crate) inline_bytes: usize,
}

impl Limits {
    /// With buffers as attachments, or all among the encoded bytes.
    pub(crate) fn of(out_of_band: bool) -> Self {
        let limits = Limits::default();
        if out_of_band { limits } else { Limits { inline_bytes: usize::MAX, ..limits } }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits { payload_bytes: PAYLOAD_LIMIT_BYTES, inline_bytes: INLINE_BYTES }
    }
}

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
///
/// Buffers in it are encoded as sequences.
pub(crate) fn encode<T: Serialize + ?Sized>(
    value: &T,
    bytes: &mut Vec<u8>,
    limit_bytes: usize,
) -> Result<(), EncodeFailure> {
    attachments::without_attachments(|| encode_here(value, bytes, limit_bytes))
}

fn encode_here<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>, limit_bytes: usize) -> Result<(), EncodeFailure> {
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

/// Appends the encoded `value` to `encoded`, with its buffers as attachments; on failure `encoded` is as before.
pub(crate) fn encode_with_attachments<T: Serialize + ?Sized>(
    value: &T,
    encoded: &mut Encoded,
    limits: &Limits,
) -> Result<(), EncodeFailure> {
    let Encoded { bytes, attachments } = encoded;
    let (start, attached) = (bytes.len(), attachments.len());
    let mut result = attachments::while_encoding(attachments, limits.inline_bytes, || {
        encode_here(value, bytes, limits.payload_bytes)
    });
    if attachments.len() > attached {
        if bytes.len() + attachments::total_bytes(attachments) > limits.payload_bytes {
            result = Err(EncodeFailure::TooLarge(limits.payload_bytes));
        }
        if result.is_err() {
            bytes.truncate(start);
            attachments.truncate(attached);
        }
    }
    result
}

/// The encoded values of one call, its arguments or its result, which are taken one by one until nothing is left.
pub(crate) struct Values<'a> {
    bytes: &'a [u8],
    /// The buffers that they name.
    attachments: Incoming,
}

impl<'a> Values<'a> {
    pub(crate) fn new(bytes: &'a [u8], attachments: Vec<Attachment>) -> Self {
        let attachments = if attachments.is_empty() { Vec::new() } else { attachments.into_iter().map(Some).collect() };
        Values { bytes, attachments }
    }

    /// The next value; see [`decode`].
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<T, DecodeFailure> {
        attachments::while_decoding(&mut self.attachments, || decode_here(&mut self.bytes))
    }

    /// Says that there are no more values, and requires that nothing is left.
    pub(crate) fn end(self) -> Result<(), DecodeFailure> {
        let buffers = self.attachments.iter().flatten().count();
        nothing_left(self.bytes, buffers)
    }
}

/// The only value that `bytes` and `attachments` hold; see [`decode`].
pub(crate) fn decode_with_attachments<T: DeserializeOwned>(
    bytes: &[u8],
    attachments: Vec<Attachment>,
) -> Result<T, DecodeFailure> {
    let mut values = Values::new(bytes, attachments);
    let value = values.next()?;
    values.end()?;
    Ok(value)
}

/// The only value that `bytes` hold; it is an error if it does not take all of them.
///
/// Lengths found in the bytes are believed only as far as the number of bytes makes them plausible, so that a damaged
/// frame cannot make the decoder reserve memory that it never fills.
pub(crate) fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, DecodeFailure> {
    let value = attachments::without_attachments(|| decode_here(&mut bytes))?;
    nothing_left(bytes, 0)?;
    Ok(value)
}

fn nothing_left(bytes: &[u8], buffers: usize) -> Result<(), DecodeFailure> {
    match (bytes.len(), buffers) {
        (0, 0) => Ok(()),
        (0, buffers) => Err(DecodeFailure(format!("{buffers} buffers are left over that nothing names"))),
        (left, _) => Err(DecodeFailure(format!("{left} bytes are left over; what was written is not what is read"))),
    }
}

fn decode_here<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, DecodeFailure> {
    // The limit is a constant of the format's type: the smallest class that admits these bytes.
    const SMALL: usize = 1 << 12;
    const MEDIUM: usize = 1 << 18;
    const LARGE: usize = 1 << 25;
    let decoded = if bytes.len() <= SMALL {
        bincode::serde::decode_from_slice(bytes, format().with_limit::<SMALL>())
    } else if bytes.len() <= MEDIUM {
        bincode::serde::decode_from_slice(bytes, format().with_limit::<MEDIUM>())
    } else if bytes.len() <= LARGE {
        bincode::serde::decode_from_slice(bytes, format().with_limit::<LARGE>())
    } else {
        bincode::serde::decode_from_slice(bytes, format().with_limit::<PAYLOAD_LIMIT_BYTES>())
    };
    let (value, used) = decoded.map_err(|error| DecodeFailure(describe(error)))?;
    *bytes = &bytes[used..];
    Ok(value)
}

#[inline]
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
    // The encoder is compiled with its caller's crate.
    #[inline]
    fn write(&mut self, more: &[u8]) -> Result<(), EncodeError> {
        if more.len() > self.limit_bytes.saturating_sub(self.bytes.len()) {
            return Err(EncodeError::UnexpectedEnd);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes, PAYLOAD_LIMIT_BYTES).expect("it encodes");
        bytes
    }

    #[test]
    fn values_follow_one_another() {
        let mut bytes = encoded(&(1u8, "two"));
        encode(&3.0f64, &mut bytes, PAYLOAD_LIMIT_BYTES).expect("it encodes");
        let mut values = Values::new(&bytes, Vec::new());
        assert_eq!(values.next::<(u8, String)>(), Ok((1, "two".to_owned())));
        assert_eq!(values.next::<f64>(), Ok(3.0));
        assert!(values.end().is_ok());
    }

    #[test]
    fn references_encode_like_values() {
        assert_eq!(encoded(&("text", &[1u16, 2][..])), encoded(&("text".to_owned(), vec![1u16, 2])));
    }

    #[test]
    fn the_limit_holds_and_leaves_the_bytes_as_they_were() {
        let mut bytes = vec![7; 10];
        assert_eq!(encode(&vec![0u8; 100], &mut bytes, 100), Err(EncodeFailure::TooLarge(100)));
        assert_eq!(bytes, [7; 10]);
        assert_eq!(encode(&[0u64; 10], &mut bytes, 90), Ok(()));
        assert_eq!(bytes.len(), 90);
    }

    #[test]
    fn a_length_without_data_takes_no_memory() {
        // A length of 2^35 and nothing behind it, within frames of every size class.
        for size in [8, 5000, 300_000] {
            let mut bytes = vec![0; size];
            bytes[..8].copy_from_slice(&(1u64 << 35).to_le_bytes());
            assert!(decode::<String>(&bytes).is_err());
            assert!(decode::<Vec<u64>>(&bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn values_of_every_size_class_survive(length in prop_oneof![0usize..100, 4000usize..5000, 262_000usize..263_000], seed in any::<u64>()) {
            let value: Vec<u64> = (0..length as u64).map(|n| n.wrapping_mul(seed)).collect();
            let bytes = encoded(&(&value, "end"));
            prop_assert_eq!(decode::<(Vec<u64>, String)>(&bytes), Ok((value, "end".to_owned())));
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<(String, Vec<Option<u32>>, bool, char)>(&bytes);
        }
    }
}
