//! Where each call of a task begins and ends: the arguments, or the results, of several calls as parts of one payload.
//!
//! A part is its length as a `u32` and its bytes. One that has attachments, is a failure, or is longer than 2 GiB has a
//! longer header: a `u32` that consists of a bit of its own and the number of attachments, and the length as a `u64`.
//! Numbers are little-endian. So each call reads its own part and nothing else, even if a call before it fails. A task
//! of one call has no parts: its payload is that of the call.

use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::{self, DecodeFailure};
use crate::wire::failure::Failure;
use crate::wire::memory::Attachment;
use crate::wire::message;

/// The length in bytes of the short header, which holds the length of the part, less than `LONG`.
pub(crate) const HEADER: usize = 4;

/// The bit that says that the header is a long one.
const LONG: u32 = 1 << 31;

/// The length in bytes of the long header.
const LONG_HEADER: usize = 12;

/// The number of attachments that marks an encoded failure.
const FAILURE: u32 = LONG - 1;

/// One part, as it is read.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// Encoded values, and the buffers that they name.
    Value(&'a [u8], Incoming),
    /// The call has failed.
    Failure(Failure),
}

/// Appends a part that holds what `encode` appends; if it fails, nothing is appended.
///
/// After a panic some bytes may have been appended.
pub(crate) fn append<E>(encoded: &mut Encoded, encode: impl FnOnce(&mut Encoded) -> Result<(), E>) -> Result<(), E> {
    let (start, attached) = (encoded.bytes.len(), encoded.attachments.len());
    encoded.bytes.extend_from_slice(&[0; HEADER]);
    let result = encode(encoded);
    match &result {
        Ok(()) => {
            let length = encoded.bytes.len() - start - HEADER;
            let attachments = encoded.attachments.len() - attached;
            if attachments == 0 && length < LONG as usize {
                encoded.bytes[start..start + HEADER].copy_from_slice(&(length as u32).to_le_bytes());
            } else {
                let header = long_header(length, attachments as u32);
                encoded.bytes.splice(start..start + HEADER, header);
            }
        }
        Err(_) => encoded.bytes.truncate(start),
    }
    result
}

/// Appends a part that says that its call has failed.
pub(crate) fn append_failure(bytes: &mut Vec<u8>, failure: &Failure) {
    let start = bytes.len() + LONG_HEADER;
    bytes.extend_from_slice(&[0; LONG_HEADER]);
    codec::encode(failure, bytes, usize::MAX).expect("a failure consists of strings and bytes, which always encode");
    let header = long_header(bytes.len() - start, FAILURE);
    bytes[start - LONG_HEADER..start].copy_from_slice(&header);
}

/// Turns the part of an only call into its payload.
pub(crate) fn strip(encoded: &mut Encoded) {
    let is_long = encoded.bytes[HEADER - 1] >> 7 == 1;
    encoded.bytes.drain(..if is_long { LONG_HEADER } else { HEADER });
}

#[cold]
fn long_header(length: usize, attachments: u32) -> [u8; LONG_HEADER] {
    let mut header = [0; LONG_HEADER];
    header[..HEADER].copy_from_slice(&(LONG | attachments).to_le_bytes());
    header[HEADER..].copy_from_slice(&(length as u64).to_le_bytes());
    header
}

/// Takes the next part off the front of `bytes`, and its buffers off the front of `attachments`.
///
/// After a failure the beginning of the next part is unknown.
#[inline(always)]
pub(crate) fn take<'a>(
    bytes: &mut &'a [u8],
    attachments: &mut impl ExactSizeIterator<Item = Attachment>,
) -> Result<Part<'a>, DecodeFailure> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(cut_short)?;
    let length = u32::from_le_bytes(*header);
    if length >= LONG {
        return take_long(length - LONG, rest, bytes, attachments);
    }
    let (part, rest) = rest.split_at_checked(length as usize).ok_or_else(cut_short)?;
    *bytes = rest;
    Ok(Part::Value(part, Incoming::NONE))
}

/// A part with attachments, or a failure, or a long one.
#[inline(never)]
fn take_long<'a>(
    count: u32,
    rest: &'a [u8],
    bytes: &mut &'a [u8],
    attachments: &mut impl ExactSizeIterator<Item = Attachment>,
) -> Result<Part<'a>, DecodeFailure> {
    let (length, rest) = rest.split_first_chunk().ok_or_else(cut_short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok();
    let (part, rest) = length.and_then(|length| rest.split_at_checked(length)).ok_or_else(cut_short)?;
    *bytes = rest;
    if count == FAILURE {
        return codec::decode(part).map(Part::Failure);
    }
    Ok(Part::Value(part, message::take_attachments(attachments, count)?.into()))
}

#[cold]
fn cut_short() -> DecodeFailure {
    DecodeFailure("the part of a call is cut short".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failure::FailureKind;
    use crate::wire::memory::Memory;
    use proptest::prelude::*;

    /// Values, each with a number of attachments, or failures.
    fn parts() -> impl Strategy<Value = Vec<Option<(Vec<u8>, u8)>>> {
        let value = (prop::collection::vec(any::<u8>(), 0..30), 0u8..3);
        prop::collection::vec(prop::option::of(value), 0..20)
    }

    fn attachment(n: u8) -> Attachment {
        Attachment::new(Memory::Align1(vec![n]))
    }

    #[test]
    fn a_long_header_is_read_without_attachments_too() {
        let mut bytes = long_header(2, 0).to_vec();
        bytes.extend_from_slice(b"yes");
        let mut rest = bytes.as_slice();
        assert_eq!(take(&mut rest, &mut Vec::new().into_iter()), Ok(Part::Value(b"ye", Incoming::NONE)));
        assert_eq!(rest, b"s");
    }

    proptest! {
        #[test]
        fn every_part_gets_its_own(parts in parts()) {
            let mut encoded = Encoded::default();
            for part in &parts {
                match part {
                    Some((bytes, attachments)) => append::<()>(&mut encoded, |encoded| {
                        encoded.bytes.extend_from_slice(bytes);
                        encoded.attachments.extend((0..*attachments).map(attachment));
                        Ok(())
                    }).expect("nothing is wrong with it"),
                    None => append_failure(&mut encoded.bytes, &Failure::new(FailureKind::Panicked, "no")),
                }
                let before = (encoded.bytes.clone(), encoded.attachments.len());
                let failed = append(&mut encoded, |encoded| {
                    encoded.bytes.push(1);
                    Err(())
                });
                prop_assert_eq!(failed, Err(()));
                prop_assert_eq!(&before, &(encoded.bytes.clone(), encoded.attachments.len()));
            }
            let (mut bytes, mut attachments) = (encoded.bytes.as_slice(), encoded.attachments.into_iter());
            for part in &parts {
                let expected = match part {
                    Some((bytes, attachments)) => {
                        let attachments: Vec<_> = (0..*attachments).map(attachment).collect();
                        Part::Value(bytes, attachments.into())
                    }
                    None => Part::Failure(Failure::new(FailureKind::Panicked, "no")),
                };
                prop_assert_eq!(take(&mut bytes, &mut attachments), Ok(expected));
            }
            prop_assert!(take(&mut bytes, &mut attachments).is_err());
            prop_assert_eq!((bytes.len(), attachments.len()), (0, 0));
        }

        #[test]
        fn damaged_parts_end_with_an_error_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), short in any::<bool>()) {
            let mut bytes = bytes;
            if short && let Some(header) = bytes.get_mut(..HEADER) {
                header[1..HEADER - 1].fill(0);
            }
            let (mut rest, mut attachments) = (bytes.as_slice(), vec![attachment(1)].into_iter());
            let mut count = 0;
            while take(&mut rest, &mut attachments).is_ok() {
                count += 1;
            }
            prop_assert!(count <= bytes.len() / HEADER);
        }
    }
}
