//! What generated code names; not part of the public interface.

pub use crate::task::{Call, Failure, Input, Output, Returned, TaskEntry, causes, signature, typed};
pub use inventory;

/// The output of a function that returns a `Result`.
pub trait ResultOutput {
    type Ok;
}
impl<T, E> ResultOutput for Result<T, E> {
    type Ok = T;
}
