//! A future whose call is cancelled when nobody waits for it any more.

use super::Future;
use crate::error::Result;
use std::borrow::Borrow;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that cancels its call when it is dropped; made by [`Future::cancel_on_drop`].
///
/// It dereferences to the future, and can be awaited as that can.
#[derive(Debug)]
#[must_use = "the call is cancelled at once if this is dropped"]
pub struct CancelOnDrop<T> {
    future: Future<T>,
    armed: bool,
}

impl<T> Future<T> {
    /// Has the call cancelled when what is returned is dropped: at an early `return` or `?`, by a panic, or when a
    /// runtime drops the task that awaits it.
    ///
    /// The drop does what [`cancel`](Self::cancel) does. It cancels a call that has not been sent to a worker, also one
    /// that is to be retried; one that runs goes on, and one that is done keeps its result. Other handles of the same
    /// task see the cancellation. With a derived future, its sources are cancelled as well.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    /// use std::time::Duration;
    ///
    /// #[remote_task]
    /// fn rest(millis: u64) -> u64 {
    ///     std::thread::sleep(Duration::from_millis(millis));
    ///     millis
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
    /// let call = executor.call(rest::ID).prefetch(false);
    /// let first = call.submit(100).cancel_on_drop();
    /// let second = call.submit(100);
    /// drop(second.clone().cancel_on_drop());
    /// assert!(second.cancelled());
    /// assert_eq!(first.result()?, 100);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop { future: self, armed: true }
    }
}

impl<T> CancelOnDrop<T> {
    /// Gives the future back, whose drop cancels nothing.
    pub fn disarm(mut self) -> Future<T> {
        self.armed = false;
        self.future.clone()
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        if self.armed {
            self.future.cancel();
        }
    }
}

impl<T> Deref for CancelOnDrop<T> {
    type Target = Future<T>;

    fn deref(&self) -> &Future<T> {
        &self.future
    }
}

/// So that [`wait`](crate::wait) and [`as_completed`](crate::as_completed) take references to them.
impl<T> Borrow<Future<T>> for &CancelOnDrop<T> {
    fn borrow(&self) -> &Future<T> {
        &self.future
    }
}

impl<T> std::future::Future for CancelOnDrop<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.future).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Handle;
    use super::*;
    use crate::base::ids::ClientNumber;
    use crate::driver::outcome::Outcome;
    use crate::pool::shared::Pool;

    #[test]
    fn only_what_has_not_begun_is_cancelled_by_a_guard_that_is_armed() {
        let pool = Pool::new();
        let [pending, running, rests, disarmed] =
            [(); 4].map(|()| Future::<u8>::new(Handle::derived(&pool, ClientNumber(0)), Outcome::value));
        assert!(running.promise().start() && rests.promise().start());
        rests.promise().rest();
        [&pending, &running, &rests].into_iter().for_each(|future| drop(future.clone().cancel_on_drop()));
        drop(disarmed.clone().cancel_on_drop().disarm());
        let cancelled = [&pending, &running, &rests, &disarmed].map(Future::cancelled);
        assert_eq!(cancelled, [true, false, true, false], "a task that waits for its retry has not begun");
    }
}
