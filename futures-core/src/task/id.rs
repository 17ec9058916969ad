//! Ids of task functions: a name for people, its hash for the wire, the signature in the type.

use crate::base::ids::TaskKey;
use std::fmt;
use std::marker::PhantomData;

/// The id of a task function whose arguments are the tuple `Args` and whose future yields `Output`.
///
/// `#[remote_task]` on a function `power` defines `power::ID`. The id is made from the function's full path, or from
/// `id = "..."`, and is the same in every build of the program: it depends on neither link order nor addresses.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{TaskId, remote_task};
///
/// #[remote_task(id = "tutorial/power")]
/// fn power(base: u64, exponent: u32) -> u64 {
///     base.pow(exponent)
/// }
///
/// const ID: TaskId<(u64, u32), u64> = power::ID;
/// assert_eq!(ID.name(), "tutorial/power");
/// ```
pub struct TaskId<Args, Output> {
    name: &'static str,
    key: TaskKey,
    signature: PhantomData<fn(Args) -> Output>,
}

impl<Args, Output> TaskId<Args, Output> {
    /// The id of the function registered as `name`; for code that `#[remote_task]` generates.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        TaskId { name, key: TaskKey::of(name), signature: PhantomData }
    }

    /// The name under which the function is registered.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn key(&self) -> TaskKey {
        self.key
    }
}

impl<Args, Output> Clone for TaskId<Args, Output> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Args, Output> Copy for TaskId<Args, Output> {}

impl<Args, Output> fmt::Debug for TaskId<Args, Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.name)
    }
}

impl<Args, Output> fmt::Display for TaskId<Args, Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
