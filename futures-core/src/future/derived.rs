//! Futures that are derived from other futures: they follow a source, then what is made of it, and end when it ends.

use super::handle::{WeakHandle, cancel_all};
use super::{Extract, Future, Handle};
use crate::base::ids::ClientNumber;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Link, Promise};
use crate::error::{Error, Kind, Result};
use crate::pool::callbacks::Calling;
use crate::pool::shared::Pool;
use crate::task;
use std::any::Any;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What a hook of [`then`](crate::then) and [`catch`](crate::catch) may return: a result at once, or a future.
///
/// A future is not the value of the derived future: the derived future becomes what that future becomes.
#[diagnostic::on_unimplemented(
    message = "a hook must return a `Result<_, futures_mpi::Error>` or a `Future<_>`, and not `{Self}`",
    label = "this is neither a result nor a future",
    note = "wrap a plain value in `Ok(...)`, and make an error by `futures_mpi::Error::other(...)`"
)]
pub trait Resolve: sealed::Sealed {
    /// The type of the derived future's value.
    type Value;

    #[doc(hidden)]
    fn resolution(self) -> Resolution<Self::Value>;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Result<T> {}
    impl<T> Sealed for super::Future<T> {}
}

/// What becomes of a derived future.
#[derive(Debug)]
#[doc(hidden)]
pub enum Resolution<T> {
    Value(Value<T>),
    Failed(Error),
    Future(Future<T>),
}

/// A value that lies in this process and is cloned for everybody who asks.
#[derive(Debug)]
#[doc(hidden)]
pub struct Value<T> {
    value: Mutex<T>,
    clone: fn(&T) -> T,
}

impl<T: Clone + Send + 'static> Resolve for Result<T> {
    type Value = T;

    fn resolution(self) -> Resolution<T> {
        match self {
            Ok(value) => Resolution::Value(Value { value: Mutex::new(value), clone: T::clone }),
            Err(error) => Resolution::Failed(error),
        }
    }
}

impl<T: 'static> Resolve for Future<T> {
    type Value = T;

    fn resolution(self) -> Resolution<T> {
        Resolution::Future(self)
    }
}

/// A future that is done already.
impl<T: Clone + Send + 'static> From<Result<T>> for Future<T> {
    fn from(result: Result<T>) -> Self {
        let future = Future::new(Handle::derived(&Pool::none(), ClientNumber(0)), local);
        resolve(&future, result.resolution());
        future
    }
}

/// A future that becomes what `work` makes of `source`, once that is finished.
///
/// If either is cancelled, so is the other, and `work` is not called. Its panic is the derived future's error.
pub(super) fn follow<T, U, W>(source: &Future<T>, work: W) -> Future<U>
where
    T: 'static,
    U: Send + 'static,
    W: FnOnce(&Future<T>) -> Resolution<U> + Send + 'static,
{
    let handle = source.handle();
    let derived = Future::new(Handle::derived(&handle.pool, handle.promise.client()), local);
    derived.handle().derive_from([handle.clone()]);
    let (from, to) = (source.clone(), derived.clone());
    let hook = Box::new(move || {
        if from.cancelled() {
            cancel_all([to.handle().clone()]);
        } else if !to.done() {
            resolve(&to, guarded(|| work(&from)));
        }
    });
    let key = handle.add_callback(Calling::Hook, hook);
    if let Some(key) = key {
        derived.handle().listens_at(0, handle, key, false);
    }
    derived
}

/// Calls a hook; its panic is an error.
pub(super) fn guarded<T>(hook: impl FnOnce() -> Resolution<T>) -> Resolution<T> {
    task::catch(|| Ok(hook())).unwrap_or_else(|failure| Resolution::Failed(Error::from_hook(failure)))
}

/// Lets `derived` become what it was found to become, unless it has been cancelled.
fn resolve<T: Send + 'static>(derived: &Future<T>, resolution: Resolution<T>) {
    match resolution {
        Resolution::Value(value) => derived.handle().finish(Outcome::Local(Box::new(value))),
        Resolution::Failed(error) => derived.handle().finish(Outcome::Failed(error)),
        Resolution::Future(inner) => chain(derived, inner),
    }
}

/// Lets `derived` become what `inner` becomes.
fn chain<T: Send + 'static>(derived: &Future<T>, inner: Future<T>) {
    let (to, from) = (derived.handle(), inner.handle());
    if inner.done() {
        return adopt(to, from, inner.extract());
    }
    // First the link, then the search: of two futures that are chained to each other at the same time, at least the
    // later one finds the circle.
    if !to.derive_from([from.clone()]) {
        return cancel_all([from.clone()]);
    }
    if leads_to(from, to) {
        let message = "cycle detected: the future would have to wait for itself, because its hook returned a future \
                       that is derived from it";
        return to.finish(Outcome::Failed(Error::new(Kind::Cycle, message)));
    }
    let becomes = Becomes { derived: to.downgrade(), pool: Arc::clone(&from.pool), extract: inner.extract() };
    if let Some(key) = from.link(Box::new(becomes)) {
        to.listens_at(0, from, key, true);
        // A loop makes such a link with every step.
        from.step_aside();
        to.step_aside();
    }
}

/// What `derived` becomes is what the future becomes at which this listens.
struct Becomes<T> {
    derived: WeakHandle,
    /// That one's pool.
    pool: Arc<Pool>,
    /// Makes the value out of that one's outcome.
    extract: Extract<T>,
}

impl<T: Send + 'static> Link for Becomes<T> {
    fn derived(&mut self) -> &mut dyn Any {
        &mut self.derived
    }

    fn adopt(self: Box<Self>, outcome_of: &Arc<Promise>) {
        if let Some(derived) = self.derived.upgrade() {
            adopt(&derived, &Handle::new(Arc::clone(outcome_of), self.pool), self.extract);
        }
    }
}

/// Gives `derived` the outcome of `inner`, which is done.
fn adopt<T: Send + 'static>(derived: &Handle, inner: &Handle, extract: Extract<T>) {
    match inner.promise.finished() {
        None => cancel_all([derived.clone()]),
        Some(Outcome::Failed(error)) => derived.finish(Outcome::Failed(error.clone())),
        Some(outcome) => {
            // A future that has been adopted itself is passed on, so that chains do not grow.
            let passed_on = match outcome {
                Outcome::Local(local) => local.downcast_ref::<Future<T>>().cloned(),
                _ => None,
            };
            let value = passed_on.unwrap_or_else(|| Future::new(inner.clone(), extract));
            derived.finish(Outcome::Local(Box::new(value)));
        }
    }
}

/// Whether `target` is among the futures from which `future` is derived, or is it.
fn leads_to(future: &Handle, target: &Handle) -> bool {
    let mut seen = HashSet::new();
    let mut left = vec![future.clone()];
    while let Some(future) = left.pop() {
        if Arc::ptr_eq(&future.promise, &target.promise) {
            return true;
        }
        if seen.insert(Arc::as_ptr(&future.promise).addr()) {
            left.extend(future.sources());
        }
    }
    false
}

/// The value of a derived future.
fn local<T: 'static>(outcome: &Outcome) -> Result<T> {
    let local = match outcome {
        Outcome::Local(local) => local,
        Outcome::Failed(error) => return Err(error.clone()),
        Outcome::Values(_) | Outcome::Items(_) => unreachable!("a derived future has no task"),
    };
    if let Some(future) = local.downcast_ref::<Future<T>>() {
        return future.result();
    }
    let Value { value, clone } = local.downcast_ref().expect("a derived future holds a value or a future");
    Ok(clone(&value.lock().unwrap_or_else(PoisonError::into_inner)))
}
