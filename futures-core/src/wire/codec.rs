//! Values to bytes and back: the only file that knows which serialization format is used.
//!
//! Numbers are written by bincode, with a fixed width and little-endian; what is around them is this library's own:
//! sequences carry their length as a `u64`, variants what they are called, and neither names nor types are written;
//! behind the last value stands a sum by which the reader finds out whether it has read what was written. So a value
//! comes back as it was, or there is an error.

mod failure;
mod format;
mod numbers;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod variant;
mod whole;
mod write;

use crate::wire::attachments::{self, Encoded, Incoming};
use crate::wire::memory::Attachment;
use failure::{Failure, Reason};
use read::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{self, Display};
use write::Writer;

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

impl Display for EncodeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeFailure::Value(message) => f.write_str(message),
            EncodeFailure::TooLarge(limit_bytes) => write!(f, "it is larger than the limit of {limit_bytes} bytes"),
        }
    }
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
    write_here(bytes, limit_bytes, |writer| value.serialize(writer))
}

#[inline(always)]
fn write_here<R>(
    bytes: &mut Vec<u8>,
    limit_bytes: usize,
    write: impl FnOnce(&mut Writer) -> Result<R, Failure>,
) -> Result<R, EncodeFailure> {
    let start = bytes.len();
    let mut writer = Writer::new(bytes, limit_bytes);
    let written = write(&mut writer).and_then(|written| writer.end(start).map(|()| written));
    written.map_err(|failure| {
        bytes.truncate(start);
        match failure.reason() {
            Reason::TooLarge => EncodeFailure::TooLarge(limit_bytes),
            reason => EncodeFailure::Value(reason.to_string()),
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

/// The same for a value that is not needed any more: vectors of numbers and texts are not copied.
pub(crate) fn encode_owned<T: Serialize + 'static>(
    value: T,
    encoded: &mut Encoded,
    limits: &Limits,
) -> Result<(), EncodeFailure> {
    match whole::block_of(value, numbers::attached_bytes_min(limits.inline_bytes)) {
        Ok(block) => encode_block(block, encoded, limits.payload_bytes),
        Err(value) => encode_with_attachments(&value, encoded, limits),
    }
}

/// Appends numbers whose memory becomes the only attachment of their value.
fn encode_block(block: whole::Block, encoded: &mut Encoded, limit_bytes: usize) -> Result<(), EncodeFailure> {
    let start = encoded.bytes.len();
    let memory = write_here(&mut encoded.bytes, limit_bytes, |writer| writer.block(block))?;
    encoded.attachments.push(Attachment::new(memory));
    if encoded.len_bytes() > limit_bytes {
        encoded.bytes.truncate(start);
        encoded.attachments.pop();
        return Err(EncodeFailure::TooLarge(limit_bytes));
    }
    Ok(())
}

/// The encoded values of one call, its arguments or its result, which are taken one by one until nothing is left.
pub(crate) struct Values<'a> {
    reader: Reader<'a>,
    /// The buffers that they name.
    attachments: Incoming,
}

impl<'a> Values<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], attachments: Incoming) -> Self {
        Values { reader: Reader::new(bytes), attachments }
    }

    /// The next value; see [`decode`].
    #[inline]
    pub(crate) fn next<T: DeserializeOwned + 'static>(&mut self) -> Result<T, DecodeFailure> {
        let read = || whole::take(&mut self.reader).unwrap_or_else(|| T::deserialize(&mut self.reader));
        attachments::while_decoding(&mut self.attachments, read).map_err(DecodeFailure::from)
    }

    /// Says that there are no more values, and requires that nothing is left.
    #[inline]
    pub(crate) fn end(&self) -> Result<(), DecodeFailure> {
        self.reader.end()?;
        match self.attachments.left() {
            0 => Ok(()),
            left => Err(DecodeFailure(format!("{left} buffers are left over: no value refers to them"))),
        }
    }
}

/// The only value that `bytes` and `attachments` hold; see [`decode`].
#[inline]
pub(crate) fn decode_with_attachments<T: DeserializeOwned + 'static>(
    bytes: &[u8],
    attachments: Incoming,
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
pub(crate) fn decode<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, DecodeFailure> {
    let mut reader = Reader::new(bytes);
    let read = || whole::take(&mut reader).unwrap_or_else(|| T::deserialize(&mut reader));
    let value = attachments::without_attachments(read)?;
    reader.end()?;
    Ok(value)
}

impl From<Failure> for DecodeFailure {
    #[cold]
    fn from(failure: Failure) -> Self {
        DecodeFailure(failure.to_string())
    }
}
