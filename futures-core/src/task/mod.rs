//! What `#[remote_task]` makes of a function: a typed id, an entry in the inventory, a call over bytes.

mod args;
pub(crate) mod encode;
mod entry;
mod exclusive;
mod id;
mod panic;
pub(crate) mod registry;
mod returned;
mod state;

pub use args::{IntoArgs, Lent};
pub use entry::{Call, Input, Output, ResultOutput, TaskEntry, signature};
pub use exclusive::require_exclusive_worker;
pub(crate) use exclusive::{EXCLUSIVE_NANOS, has_required_exclusive_worker};
pub use id::{TaskFunction, TaskId};
pub(crate) use panic::{catch, contain};
pub use returned::{Returned, causes, typed};
pub use state::{StateFunction, StateId};
