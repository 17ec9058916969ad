//! How numbers are written, and how deep values may be.

use super::failure::Failure;
use bincode::config::{Configuration, Fixint, LittleEndian};

/// How many options, enums, sequences and maps a value may have within one another: as many as a stack of 2 MiB has
/// room for in a program that was built without optimisation.
pub(super) const MAX_DEPTH: usize = 512;

#[inline(always)]
pub(super) fn format() -> Configuration<LittleEndian, Fixint> {
    bincode::config::standard().with_fixed_int_encoding()
}

/// The error of a value that is nested too deep, for writer and reader.
#[cold]
pub(super) fn too_deep() -> Failure {
    Failure::new(format!(
        "options, enums, sequences and maps are nested more than {MAX_DEPTH} levels deep, which could overflow a \
         stack; pass a list instead of a chain"
    ))
}
