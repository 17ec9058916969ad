//! The named values of the executor whose task this thread is executing: copies, and values that are lent.

use crate::error::{Error, Kind, Result};
use crate::wire::codec;
use crate::wire::setup::Globals;
use crate::worker::state_slot::StateSlot;
use serde::de::DeserializeOwned;
use std::any::{Any, type_name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The named values of one executor on this worker, and its state.
#[derive(Default)]
pub(crate) struct NamedValues {
    encoded: Globals,
    /// Those that were lent, decoded.
    lent: Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>,
    state: Option<Rc<StateSlot>>,
}

thread_local! {
    /// `None` while this thread executes no task.
    static CURRENT: RefCell<Option<Rc<NamedValues>>> = const { RefCell::new(None) };
}

/// Returns a copy of the value that the executor of the current task has set under this name, by the method `global` of
/// its builder.
///
/// Call it inside a task function, in the thread that executes it. The value is decoded at every call, which is right
/// for a number or a short text. [`global_ref`] lends a large one.
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
pub fn global<T: DeserializeOwned + 'static>(name: &str) -> Result<T> {
    current(name)?.decoded(name)
}

/// Lends the value that the executor of the current task has set under this name, by the method `global` of its
/// builder.
///
/// Call it inside a task function, in the thread that executes it; the value may then go to other threads. A worker
/// decodes it once for each executor, at the first call, and keeps it until the executor ends: a later call costs about
/// as much as the lookup of the name. So a data set of any size may be read by every task. On threads each worker has a
/// copy of its own.
///
/// # Errors
///
/// Those of [`global`].
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{Error, ThreadPoolExecutor, global_ref, remote_task};
///
/// #[remote_task]
/// fn nearest(x: f64) -> Result<f64, Error> {
///     let table = global_ref::<Vec<f64>>("table")?;
///     Ok(table.iter().copied().min_by(|a, b| (a - x).abs().total_cmp(&(b - x).abs())).unwrap_or(x))
/// }
///
/// let table: Vec<f64> = (0..1000).map(|n| f64::from(n) / 7.0).collect();
/// let executor = ThreadPoolExecutor::builder().max_workers(2).global("table", &table).build()?;
/// assert_eq!(executor.submit(nearest::ID, 2.05).result()?, 2.0);
/// # Ok::<(), Error>(())
/// ```
pub fn global_ref<T: DeserializeOwned + Send + Sync + 'static>(name: &str) -> Result<Arc<T>> {
    current(name)?.lent(name)
}

/// The values of the executor of the current task; the error is about the value that is to be read.
fn current(name: &str) -> Result<Rc<NamedValues>> {
    shown().ok_or_else(|| {
        refusal(format!("the global {name:?} can be read only inside a task, in the thread that executes it"))
    })
}

/// What was shown to the task that this thread executes, if it executes one.
pub(super) fn shown() -> Option<Rc<NamedValues>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

fn refusal(message: String) -> Error {
    Error::new(Kind::Configuration, message)
}

impl NamedValues {
    pub(crate) fn new(encoded: Globals, state: Option<Rc<StateSlot>>) -> Self {
        NamedValues { encoded, lent: Mutex::default(), state }
    }

    /// The place of the executor's state, if it has one.
    pub(super) fn state(&self) -> Option<&Rc<StateSlot>> {
        self.state.as_ref()
    }

    fn decoded<T: DeserializeOwned + 'static>(&self, name: &str) -> Result<T> {
        let Some(value) = self.encoded.get(name) else {
            let known: Vec<String> = self.encoded.keys().map(|name| format!("{name:?}")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refusal(format!("the task's executor has no global {name:?}; it has {known}")));
        };
        if value.type_name != type_name::<T>() {
            let (is, wanted) = (&value.type_name, type_name::<T>());
            return Err(refusal(format!("the global {name:?} is of type {is} and not of type {wanted}")));
        }
        codec::decode(&value.bytes).map_err(|failure| {
            Error::new(
                Kind::Codec,
                format!("the global {name:?} of type {} cannot be decoded: {}", type_name::<T>(), failure.0),
            )
        })
    }

    fn lent<T: DeserializeOwned + Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>> {
        let known = self.lock().get(name).cloned();
        if let Some(Ok(value)) = known.map(Arc::downcast) {
            return Ok(value);
        }
        // Outside of the lock: it is somebody else's code, and may read globals itself.
        let value = Arc::new(self.decoded::<T>(name)?);
        self.lock().insert(name.to_owned(), Arc::<T>::clone(&value));
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn Any + Send + Sync>>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives this thread executes tasks, and [`global`] reads the values that were [shown](Self::show) last.
pub(crate) struct Scope {
    before: Option<Rc<NamedValues>>,
}

impl Scope {
    pub(crate) fn open() -> Self {
        Scope { before: CURRENT.take() }
    }

    pub(crate) fn show(&self, globals: &Rc<NamedValues>) {
        CURRENT.set(Some(Rc::clone(globals)));
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
        scope.show(&Rc::new(NamedValues::new(all.map(|(name, value)| (name.to_owned(), value)).into(), None)));
        assert_eq!(global::<u32>("n").expect("it is there"), 7);
        assert_eq!(global::<String>("text").expect("it is there"), "hello");
        let error = message(global::<u32>("m").expect_err("no such name"));
        assert_eq!(error, "the task's executor has no global \"m\"; it has \"n\", \"text\"");
        let error = message(global::<i64>("n").expect_err("another type"));
        assert_eq!(error, "the global \"n\" is of type u32 and not of type i64");
        {
            let inner = Scope::open();
            inner.show(&Rc::default());
            assert!(message(global::<u32>("n").expect_err("no such name")).ends_with("it has none"));
        }
        assert_eq!(global::<u32>("n").expect("it is there again"), 7);
        drop(scope);
        assert!(global::<u32>("n").is_err());
        assert!(global_ref::<u32>("n").is_err());
    }

    #[test]
    fn a_value_is_decoded_once_and_lent() {
        let scope = Scope::open();
        let table = Global::new(&vec![1.5f64; 1000]).expect("it encodes");
        scope.show(&Rc::new(NamedValues::new([("table".to_owned(), table)].into(), None)));
        let [first, second] = [(); 2].map(|()| global_ref::<Vec<f64>>("table").expect("it is there"));
        assert!(Arc::ptr_eq(&first, &second) && *first == vec![1.5; 1000]);
        let error = global_ref::<Vec<f32>>("table").expect_err("another type");
        assert!(error.is_configuration() && error.message().contains("is of type alloc::vec::Vec<f64>"), "{error}");
        assert!(global_ref::<Vec<f64>>("tables").is_err_and(|error| error.is_configuration()));
        assert!(Arc::ptr_eq(&first, &global_ref("table").expect("it is still there")));
        assert_eq!(global::<Vec<f64>>("table").expect("it is there, too"), *first);
        drop((second, scope));
        assert_eq!(Arc::strong_count(&first), 1, "it goes with the values of its executor");
    }
}
