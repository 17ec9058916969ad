//! What `#[remote_task]` makes of a function: a typed id, an entry in the inventory, a call over bytes.

mod args;
mod entry;
mod failure;
mod id;

pub use args::{IntoArgs, Lent};
pub(crate) use args::Argument;
pub use entry::{Call, Input, Output, ResultOutput, TaskEntry, signature};
pub use failure::{Failure, FailureKind, Returned, causes, typed};
pub use id::{TaskId, TaskKey};
