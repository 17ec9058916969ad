//! What `#[remote_task]` makes of a function: a typed id, an entry in the inventory, a call over bytes.

mod alone;
mod args;
mod entry;
mod failure;
mod id;
mod panic;

pub use alone::take_worker_alone;
pub(crate) use alone::{ALONE_NANOS, has_taken_worker_alone};
#[cfg(feature = "cbor")]
pub(crate) use args::Argument;
pub use args::{IntoArgs, Lent};
pub use entry::{Call, Input, Output, ResultOutput, TaskEntry, signature};
pub(crate) use failure::FailureKind;
pub use failure::{Failure, Returned, Typed, causes, typed};
pub use id::TaskId;
pub(crate) use id::TaskKey;
pub(crate) use panic::{catch, contain};
