//! The named values of the executor whose task this thread is executing.

use crate::error::{Error, Kind, Result};
use crate::wire::codec;
use crate::wire::setup::Globals;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// `None` while this thread executes no task.
    static CURRENT: RefCell<Option<Arc<Globals>>> = const { RefCell::new(None) };
}

/// Returns a copy of the value that the executor of the current task has set under this name, by the method `global` of
/// its builder.
///
/// Call it inside a task function, in the thread that executes it. The value is decoded at every call: read a large one
/// once.
///
/// # Errors
///
/// For which [`Error::is_configuration`] holds: if no task is executed in this thread; if the executor has set no value
/// of this name, with those that it has; if the value is of another type than `T`, with both. One for which
/// [`Error::is_codec`] holds if the value cannot be decoded.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{Error, ThreadPoolExecutor, global, remote_task};
///
/// #[remote_task]
/// fn scaled(x: f64) -> Result<f64, Error> {
///     Ok(x * global::<f64>("scale")?)
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).global("scale", &2.5).build()?;
/// assert_eq!(executor.submit(scaled::ID, 4.0).result()?, 10.0);
/// # Ok::<(), Error>(())
/// ```
pub fn global<T: DeserializeOwned>(name: &str) -> Result<T> {
    let refuse = |message: String| Error::new(Kind::Configuration, message);
    let Some(globals) = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten() else {
        return Err(refuse(format!(
            "the global {name:?} can be read only inside a task, in the thread that executes it"
        )));
    };
    let Some(value) = globals.get(name) else {
        let known: Vec<String> = globals.keys().map(|name| format!("{name:?}")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(refuse(format!("the task's executor has no global {name:?}; it has {known}")));
    };
    if value.type_name != type_name::<T>() {
        let (is, wanted) = (&value.type_name, type_name::<T>());
        return Err(refuse(format!("the global {name:?} is of type {is} and not of type {wanted}")));
    }
    codec::decode(&value.bytes).map_err(|failure| {
        Error::new(
            Kind::Codec,
            format!("the global {name:?} of type {} cannot be decoded: {}", type_name::<T>(), failure.0),
        )
    })
}

/// While it lives this thread executes tasks, and [`global`] reads the values that were [shown](Self::show) last.
pub(crate) struct Scope {
    before: Option<Arc<Globals>>,
}

impl Scope {
    pub(crate) fn open() -> Self {
        Scope { before: CURRENT.take() }
    }

    pub(crate) fn show(&self, globals: &Arc<Globals>) {
        CURRENT.set(Some(Arc::clone(globals)));
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::setup::Global;

    #[test]
    fn values_are_read_by_name_and_type_inside_a_window() {
        let message = |error: Error| {
            assert!(error.is_configuration());
            error.message().to_owned()
        };
        assert!(message(global::<u32>("n").expect_err("no task")).contains("\"n\" can be read only inside a task"));
        let scope = Scope::open();
        let value = |value: Result<Global, String>| value.expect("it encodes");
        let all = [("n", value(Global::new(&7u32))), ("text", value(Global::new("hello")))];
        scope.show(&Arc::new(all.map(|(name, value)| (name.to_owned(), value)).into()));
        assert_eq!(global::<u32>("n").expect("it is there"), 7);
        assert_eq!(global::<String>("text").expect("it is there"), "hello");
        let error = message(global::<u32>("m").expect_err("no such name"));
        assert_eq!(error, "the task's executor has no global \"m\"; it has \"n\", \"text\"");
        let error = message(global::<i64>("n").expect_err("another type"));
        assert_eq!(error, "the global \"n\" is of type u32 and not of type i64");
        {
            let inner = Scope::open();
            inner.show(&Arc::default());
            assert!(message(global::<u32>("n").expect_err("no such name")).ends_with("it has none"));
        }
        assert_eq!(global::<u32>("n").expect("it is there again"), 7);
        drop(scope);
        assert!(global::<u32>("n").is_err());
    }
}
