//! Sequences of numbers, written and read as one block instead of one element after the other.
//!
//! serde shows a serializer the elements of a sequence and not the sequence. So the writer asks by the name of the
//! element's type whether it is a number, and then lets each element say its bits, which the compiler turns into a copy
//! of the block. The name is a hint only: what says something else than its name is an error.

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::failure::Failure;
use super::shape::Kind;
use std::any::type_name;

type Result<T> = std::result::Result<T, Failure>;

/// Shorter blocks than this many bytes travel among the encoded bytes, for a message of their own costs more than the
/// copy.
pub(super) const ATTACHED_BYTES_MIN: usize = 64 << 10;

/// The bit of a length that says that the block is attached, and that the length is its place.
const ATTACHED: u64 = 1 << 63;

/// What stands in the place of a sequence's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many elements follow.
    Here(u64),
    /// The elements are attached, in this place.
    Attached(u32),
}

impl Length {
    #[inline(always)]
    pub(super) fn of(number: u64) -> Self {
        if number & ATTACHED == 0 { Length::Here(number) } else { Length::Attached(number as u32) }
    }
}

/// What is written in the place of the length of a block that is attached in this place.
pub(super) fn attached(place: u32) -> u64 {
    ATTACHED | u64::from(place)
}

/// The length from which blocks are attached where buffers are from this one on.
pub(super) fn attached_bytes_min(inline_bytes: usize) -> usize {
    inline_bytes.max(ATTACHED_BYTES_MIN)
}

/// Bytes that were read.
pub(super) enum Bytes<'a> {
    Here(&'a [u8]),
    Attached(Vec<u8>),
}

impl Bytes<'_> {
    fn len(&self) -> usize {
        match self {
            Bytes::Here(bytes) => bytes.len(),
            Bytes::Attached(bytes) => bytes.len(),
        }
    }
}

/// The kind and the width in bytes of a number, or of a reference to one.
#[inline(always)]
pub(super) fn number<T>() -> Option<(Kind, usize)> {
    macro_rules! numbers {
        ($($kind:ident $name:literal $reference:literal $width:literal;)*) => {
            match type_name::<T>() {
                $($name | $reference => Some((Kind::$kind, $width)),)*
                _ => None,
            }
        };
    }
    numbers! {
        Bool "bool" "&bool" 1;
        I8 "i8" "&i8" 1;
        I16 "i16" "&i16" 2;
        I32 "i32" "&i32" 4;
        I64 "i64" "&i64" 8;
        I128 "i128" "&i128" 16;
        U8 "u8" "&u8" 1;
        U16 "u16" "&u16" 2;
        U32 "u32" "&u32" 4;
        U64 "u64" "&u64" 8;
        U128 "u128" "&u128" 16;
        F32 "f32" "&f32" 4;
        F64 "f64" "&f64" 8;
        Char "char" "&char" 4;
    }
}

/// The boolean that is written as this byte.
#[inline(always)]
pub(super) fn boolean(byte: u8) -> Result<bool> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        byte => Err(Failure::new(format!("the byte {byte} is not a boolean"))),
    }
}

/// The character that is written as this number.
#[inline(always)]
pub(super) fn character(number: u32) -> Result<char> {
    char::from_u32(number).ok_or_else(|| Failure::new(format!("the number {number} is not a character")))
}
