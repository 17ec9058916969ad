//! What generated code names; not part of the public interface.

pub use crate::task::{Call, Failure, Input, Output, Returned, TaskEntry, causes, signature, typed};
pub use inventory;
