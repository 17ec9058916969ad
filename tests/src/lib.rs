//! What the tests of futures-mpi share: the [`harness`] that starts processes, the [`conformance`] suite, the
//! [`simulator`], a pool that is moved [`stepped_pool`], the [`soak`] scenes, and the rules of style as functions
//! ([`tidy`]).

pub mod conformance;
pub mod harness;
pub mod simulator;
pub mod soak;
pub mod stepped_pool;
pub mod tidy;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// The program on the page of what can travel compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/what-can-travel.md")]
mod what_can_travel {}

/// The programs for those who come from mpi4py.futures compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/coming-from-mpi4py.md")]
mod coming_from_mpi4py {}

/// The programs of the first steps compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/first-steps.md")]
mod first_steps {}

/// The recipes compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/recipes.md")]
mod recipes {}

/// The programs on the packages' own pages compile.
#[cfg(doctest)]
#[doc = include_str!("../../futures-mpi/README.md")]
#[doc = include_str!("../../futures-core/README.md")]
mod packages {}
