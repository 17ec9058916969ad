//! What `#[remote_task]` makes of a function: a typed id, an entry in the inventory, a call over bytes.

mod args;
mod entry;
mod failure;
mod id;
mod panic;

pub use args::IntoArgs;
pub use entry::{Call, Input, Output, TaskEntry, signature};
pub(crate) use failure::FailureKind;
pub use failure::{Failure, Returned, causes, typed};
pub use id::TaskId;
pub(crate) use id::TaskKey;
pub(crate) use panic::catch;
