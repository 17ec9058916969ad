//! The library's room of that name: promises and who waits for them as they are, commands and outcomes of a few kinds.

pub(crate) mod command;
#[path = "../../../src/driver/completions.rs"]
pub(crate) mod completions;
pub(crate) mod outcome;
#[path = "../../../src/driver/promise.rs"]
pub(crate) mod promise;
#[path = "../../../src/driver/roster.rs"]
pub(crate) mod roster;
