//! What the writer and the reader of CBOR both know: tags, first bytes, the limit, and why they give up.

use serde::{de, ser};
use std::fmt::{self, Display};

/// How many options, enums, structs, tuples, sequences and maps a value may have within one another: as many as a stack
/// of 2 MiB has room for in a program that was built without optimisation.
pub(super) const MAX_DEPTH: usize = 256;

/// A tag of the range that anybody may use, before an option that holds nothing: `Some(None)` is tag and null.
pub(super) const SOME: u16 = 0xf50e;

/// The tags of integers that have no room in 64 bits, whose bytes follow.
pub(super) const POSITIVE: u64 = 2;
pub(super) const NEGATIVE: u64 = 3;

/// The first byte of what is none of numbers, texts, bytes, arrays, maps and tags.
pub(super) mod simple {
    pub(crate) const FALSE: u8 = 0xf4;
    pub(crate) const TRUE: u8 = 0xf5;
    /// No value in an option.
    pub(crate) const NULL: u8 = 0xf6;
    /// `()` and structs without fields.
    pub(crate) const UNDEFINED: u8 = 0xf7;
    pub(crate) const F32: u8 = 0xfa;
    pub(crate) const F64: u8 = 0xfb;
    /// The end of an array or a map that did not know its length.
    pub(crate) const BREAK: u8 = 0xff;
}

/// The upper three bits of a value's first byte.
pub(super) mod major {
    pub(crate) const UNSIGNED: u8 = 0;
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const BYTES: u8 = 2;
    pub(crate) const TEXT: u8 = 3;
    pub(crate) const ARRAY: u8 = 4;
    pub(crate) const MAP: u8 = 5;
    pub(crate) const TAG: u8 = 6;
}

/// The lower five bits of a first byte behind which as many elements follow as there are before a break.
pub(super) const UNCOUNTED: u8 = 31;

/// Why a value could not be written or read.
#[derive(Debug)]
pub(super) struct Failure(Box<str>);

impl Failure {
    #[cold]
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Failure(message.into())
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        Failure::new(format!(
            "options, enums, structs, tuples, sequences and maps are nested more than {MAX_DEPTH} levels deep, which \
             could overflow a stack; pass a list instead of a chain"
        ))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl ser::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Failure::new(message.to_string())
    }
}

impl de::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Failure::new(message.to_string())
    }
}
