//! Ids of the functions that make the state of an executor's workers.

use crate::base::ids::TaskKey;
use std::fmt;
use std::marker::PhantomData;

/// The id of a function that makes a state of the type `State` from the arguments of the tuple `Args`.
///
/// `#[remote_state]` on a function `load` defines `load::ID`. It is what the builders of executors take in `state`.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_state; }
/// use futures_mpi::{StateId, remote_state};
///
/// struct Table(Vec<f64>);
///
/// #[remote_state(id = "tutorial/table")]
/// fn table(length: usize) -> Table {
///     Table(vec![0.0; length])
/// }
///
/// const ID: StateId<(usize,), Table> = table::ID;
/// assert_eq!(ID.name(), "tutorial/table");
/// ```
pub struct StateId<Args, State> {
    name: &'static str,
    signature: PhantomData<fn(Args) -> State>,
}

impl<Args, State> StateId<Args, State> {
    /// The id of the function registered as `name`; for code that `#[remote_state]` generates.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        StateId { name, signature: PhantomData }
    }

    /// The name under which the function is registered.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn key(&self) -> TaskKey {
        TaskKey::of(self.name)
    }
}

impl<Args, State> Clone for StateId<Args, State> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Args, State> Copy for StateId<Args, State> {}

impl<Args, State> fmt::Debug for StateId<Args, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateId({})", self.name)
    }
}

impl<Args, State> fmt::Display for StateId<Args, State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A name of a function that makes a state: its [`StateId`], and nothing else.
///
/// The trait is there for the compiler's message about functions, closures and ids of tasks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the id of a function that makes a state",
    label = "a state's id is wanted here, as in `load::ID`",
    note = "mark the function with `#[remote_state]` and pass its id: `load::ID` for a `fn load`"
)]
pub trait StateFunction: sealed::Sealed {
    /// The tuple of the function's arguments.
    type Args;
    /// The type of the state that it makes.
    type State;

    #[doc(hidden)]
    fn id(self) -> StateId<Self::Args, Self::State>;
}

impl<Args, State> StateFunction for StateId<Args, State> {
    type Args = Args;
    type State = State;

    fn id(self) -> Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl<Args, State> Sealed for super::StateId<Args, State> {}
}
