//! Futures of what hooks make of a future's outcome: [`compose`] takes values, [`then`] and [`catch`] futures as well.

use super::Future;
use super::derived::{Resolution, Resolve, follow, guarded};
use crate::error::{Error, Result};

/// Returns a future of what a hook makes of the outcome of `future`.
///
/// When `future` succeeds, its value is given to `result_hook`; when it fails, its error is given to `except_hook`.
/// What the hook returns is the outcome of the new future, and so is a panic of the hook. `Ok` as the first hook passes
/// the value on, and `Err` as the second one the error.
///
/// Of the two hooks at most one is called, once: in the thread that the pool keeps for callbacks, or at once if
/// `future` is done already and only some dozens of hooks and callbacks are being called within each other, so that a
/// loop of hooks needs no deep stack. There it may wait for other futures, but not for the new one.
///
/// If `future` is cancelled, so is the new future; and cancelling the new future, which is possible until it is done,
/// tries to cancel `future`. No hook is called then; one that is being called goes on, and what it returns is dropped.
///
/// The value of the new future stays in this process, and every [`result`](Future::result) clones it. If that is much
/// work or impossible, put it into an [`Arc`](std::sync::Arc).
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, compose, remote_task};
///
/// #[remote_task]
/// fn halve(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let text = compose(&executor.submit(halve::ID, 8), |half| Ok(format!("half of it is {half}")), Err);
/// assert_eq!(text.result()?, "half of it is 4");
/// let or_zero = compose(&executor.submit(halve::ID, 9), Ok, |_error| Ok(0));
/// assert_eq!(or_zero.result()?, 0);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn compose<T, U>(
    future: &Future<T>,
    result_hook: impl FnOnce(T) -> Result<U> + Send + 'static,
    except_hook: impl FnOnce(Error) -> Result<U> + Send + 'static,
) -> Future<U>
where
    T: 'static,
    U: Clone + Send + 'static,
{
    follow(future, move |source| {
        match source.result() {
            Ok(value) => result_hook(value),
            Err(error) => except_hook(error),
        }
        .resolution()
    })
}

/// Returns a future of what follows `future`: like [`compose`], but a hook may also return a future, whose outcome the
/// new future then takes over.
///
/// `on_failure` also gets the error that `on_success` returns, or its panic, but not the error of a future that
/// `on_success` returned: use [`catch`] on the new future for that. The methods [`Future::then`] and [`Future::catch`]
/// take one hook.
///
/// Hooks are called as those of [`compose`] are, and cancellation goes both ways: while the new future waits for one
/// that a hook has returned, it is that one which is cancelled with it. If a hook returns a future that waits for the
/// new future, the new future fails with an error for which [`Error::is_cycle`] holds.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task, then};
/// use std::sync::Arc;
///
/// #[remote_task]
/// fn halve(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// let executor = Arc::new(ThreadPoolExecutor::builder().max_workers(2).build()?);
/// let again = Arc::clone(&executor);
/// let quarter = then(&executor.submit(halve::ID, 12), move |half| again.submit(halve::ID, half), |_error| Ok(0));
/// assert_eq!(quarter.result()?, 3);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn then<T, S, F>(
    future: &Future<T>,
    on_success: impl FnOnce(T) -> S + Send + 'static,
    on_failure: impl FnOnce(Error) -> F + Send + 'static,
) -> Future<S::Value>
where
    T: 'static,
    S: Resolve<Value: Send + 'static>,
    F: Resolve<Value = S::Value>,
{
    follow(future, move |source| {
        let failed = match source.result() {
            Err(error) => error,
            Ok(value) => match guarded(|| on_success(value).resolution()) {
                Resolution::Failed(error) => error,
                resolution => return resolution,
            },
        };
        on_failure(failed).resolution()
    })
}

/// Returns a future with the result of `future` if it succeeds, and else with what `on_failure` makes of its error.
///
/// The hook returns a result or a future, and everything else is as for [`then`].
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{Error, ThreadPoolExecutor, catch, remote_task};
///
/// #[remote_task]
/// fn halve(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let half = catch(&executor.submit(halve::ID, 9), |error| match error.downcast::<String>() {
///     Some(_) => Ok(4),
///     None => Err(error),
/// });
/// assert_eq!(half.result()?, 4);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn catch<T, F>(future: &Future<T>, on_failure: impl FnOnce(Error) -> F + Send + 'static) -> Future<T>
where
    T: Send + 'static,
    F: Resolve<Value = T>,
{
    follow(future, move |source| match source.result() {
        Ok(_) => Resolution::Future(source.clone()),
        Err(error) => on_failure(error).resolution(),
    })
}

impl<T: 'static> Future<T> {
    /// Does what the function [`compose`] does, as a method.
    pub fn compose<U: Clone + Send + 'static>(
        &self,
        result_hook: impl FnOnce(T) -> Result<U> + Send + 'static,
        except_hook: impl FnOnce(Error) -> Result<U> + Send + 'static,
    ) -> Future<U> {
        compose(self, result_hook, except_hook)
    }

    /// Returns a future of what `on_success` makes of this future's value; if this future fails, so does the new one.
    ///
    /// The hook returns a result or a future. The function [`then`](crate::then) says more, and takes a hook for
    /// failures as well.
    ///
    /// Where `FutureExt` of the crate `futures` is in scope, `future.then(hook)` is that trait's method, which consumes
    /// the future: write `Future::then(&future, hook)` there.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let text = executor.submit(square::ID, 3).then(|n| Ok(n + 1)).then(|n| Ok(format!("{n} apples")));
    /// assert_eq!(text.result()?, "10 apples");
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn then<S>(&self, on_success: impl FnOnce(T) -> S + Send + 'static) -> Future<S::Value>
    where
        S: Resolve<Value: Send + 'static>,
    {
        follow(self, move |source| match source.result() {
            Ok(value) => on_success(value).resolution(),
            Err(error) => Resolution::Failed(error),
        })
    }

    /// Does what the function [`catch`](crate::catch) does, as a method.
    pub fn catch<F>(&self, on_failure: impl FnOnce(Error) -> F + Send + 'static) -> Future<T>
    where
        T: Send,
        F: Resolve<Value = T>,
    {
        catch(self, on_failure)
    }
}
