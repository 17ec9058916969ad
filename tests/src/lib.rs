//! What the tests of futures-mpi share: the [`harness`] that starts processes, and the [`conformance`] suite.

pub mod conformance;
pub mod harness;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
