//! Ids of task functions: a name for people, its hash for the wire, the signature in the type.

use crate::base::ids::TaskKey;
use std::fmt;
use std::hash::{Hash, Hasher};
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

/// Whether both ids have the same name.
impl<Args, Output> PartialEq for TaskId<Args, Output> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<Args, Output> Eq for TaskId<Args, Output> {}

impl<Args, Output> Hash for TaskId<Args, Output> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

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

/// A name of a task function in a call: its [`TaskId`], and nothing else.
///
/// The trait is there for the compiler's message about functions and closures, which cannot be sent to other processes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the id of a task function",
    label = "a task's id is wanted here, as in `power::ID`",
    note = "mark the function with `#[remote_task]` and pass its id: `power::ID` for a `fn power`",
    note = "a closure cannot be sent to another process: make it a function, and pass as arguments what it captures"
)]
pub trait TaskFunction: sealed::Sealed {
    /// The tuple of the function's arguments.
    type Args;
    /// The type of the value that the function's future yields.
    type Output;

    #[doc(hidden)]
    fn id(self) -> TaskId<Self::Args, Self::Output>;
}

impl<Args, Output> TaskFunction for TaskId<Args, Output> {
    type Args = Args;
    type Output = Output;

    #[inline]
    fn id(self) -> Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl<Args, Output> Sealed for super::TaskId<Args, Output> {}
}
