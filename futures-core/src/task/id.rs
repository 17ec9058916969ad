//! Ids of task functions: a name for people, its hash for the wire, the signature in the type.

use crate::error::{Error, Kind, Result};
use crate::task::registry::Registry;
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

/// The 64-bit FNV-1a hash of a task function's name, by which it is called on the wire.
///
/// Two names with one hash are found when the registry is first used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TaskKey(pub(crate) u64);

impl<Args, Output> TaskId<Args, Output> {
    /// The id of the function registered as `name`; for code that `#[remote_task]` generates.
    #[doc(hidden)]
    pub const fn new(name: &'static str) -> Self {
        TaskId { name, key: TaskKey::of(name), signature: PhantomData }
    }

    /// The id of the function that is registered as `name`, for programs that choose functions at run time.
    ///
    /// # Errors
    ///
    /// If no function of this name is registered here, with the names that are; if its signature is another one than
    /// `Args` and `Output`, with both.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{TaskId, remote_task};
    ///
    /// #[remote_task(id = "filters/sharpen")]
    /// fn sharpen(radius: f64) -> f64 {
    ///     radius * 2.0
    /// }
    ///
    /// assert!(TaskId::<(f64,), f64>::find("filters/sharpen").is_ok());
    /// let error = TaskId::<(f64,), f64>::find("filters/blur").unwrap_err();
    /// assert!(error.is_registry() && error.message().contains("no task function `filters/blur` is registered"));
    /// ```
    pub fn find(name: &str) -> Result<Self> {
        let registry = Registry::global()?;
        let Some(function) = registry.get(TaskKey::of(name)).filter(|function| function.name() == name) else {
            return Err(Error::new(Kind::Registry, registry.unknown(&format!("`{name}`"))));
        };
        let (wanted, found) = (super::signature::<Args, Output>(), function.description().signature);
        if wanted != found {
            let message = format!("the task function `{name}` is `{found}` and not `{wanted}`");
            return Err(Error::new(Kind::Registry, message));
        }
        Ok(TaskId::new(function.name()))
    }

    /// The name under which the function is registered.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn key(&self) -> TaskKey {
        self.key
    }
}

impl TaskKey {
    /// The key of a name.
    pub(crate) const fn of(name: &str) -> Self {
        // FNV-1a with the 64-bit offset basis and prime of its authors (Fowler, Noll, Vo).
        let bytes = name.as_bytes();
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        TaskKey(hash)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_published_hash() {
        // Test vectors of the hash's authors.
        assert_eq!(TaskKey::of("").0, 0xcbf2_9ce4_8422_2325);
        assert_eq!(TaskKey::of("a").0, 0xaf63_dc4c_8601_ec8c);
        assert_eq!(TaskKey::of("foobar").0, 0x8594_4171_f739_67e8);
    }
}
