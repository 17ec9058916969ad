//! Futures one after the other as they are done, as a stream, for programs that await.

use super::Future;
use super::completed::AsCompleted;
use crate::pool::callbacks;
use futures_core::Stream;
use std::borrow::Borrow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream of [`AsCompleted::into_stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct AsCompletedStream<T> {
    inner: AsCompleted<T>,
}

impl<T> AsCompleted<T> {
    /// Makes a stream of the iterator, for programs that await: it yields each of the futures when it is done.
    ///
    /// The stream needs no particular runtime. It has the waker of its last poll, which goes when the stream is
    /// dropped. For a time-out use that of your runtime. With the feature `stream`.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, as_completed, remote_task};
    ///
    /// #[remote_task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let futures = as_completed((0..10).map(|n| executor.submit(square::ID, n))).into_stream();
    /// let mut sum = 0;
    /// // In an async function: `while let Some(future) = futures.next().await`, by the trait `StreamExt`.
    /// for future in futures_executor::block_on_stream(futures) {
    ///     sum += future.result()?;
    /// }
    /// assert_eq!(sum, 285);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn into_stream(mut self) -> AsCompletedStream<T> {
        self.reporters.rely_on_others();
        AsCompletedStream { inner: self }
    }
}

impl<T> AsCompletedStream<T> {
    /// Adds a future, see [`AsCompleted::push`]. A stream that has come to its end goes on with what is pushed then.
    pub fn push(&mut self, future: impl Borrow<Future<T>>) {
        self.inner.push(future);
    }
}

impl<T> Stream for AsCompletedStream<T> {
    type Item = Future<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Future<T>>> {
        let futures = &mut self.get_mut().inner;
        if futures.len() == 0 {
            return Poll::Ready(None);
        }
        if let Some(place) = futures.reporters.poll(context.waker()) {
            return Poll::Ready(futures.take(place));
        }
        // Whoever polls may run a runtime within a callback.
        callbacks::may_block();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<T> Drop for AsCompletedStream<T> {
    /// A future that is being told may hold the queue for a little longer, but no waker in it.
    fn drop(&mut self) {
        self.inner.reporters.forget_waker();
    }
}

impl<T> fmt::Debug for AsCompletedStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsCompletedStream").field(&self.inner).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::driver::completions::CompletionQueue;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_report_wakes_the_last_waker_once() {
        let queue = CompletionQueue::default();
        let [first, last] = [(); 2].map(|()| Arc::<Counting>::default());
        let woken = || [&first, &last].map(|counting| counting.0.load(Ordering::SeqCst));
        let kept = || [&first, &last].map(|counting| Arc::strong_count(counting) - 1);
        for counting in [&first, &first, &last, &last] {
            assert_eq!(queue.poll(&Waker::from(Arc::clone(counting))), None);
        }
        assert_eq!((kept(), woken()), ([0, 1], [0, 0]));
        queue.report_here(7);
        queue.report_here(8);
        assert_eq!((kept(), woken()), ([0, 0], [0, 1]));
        assert_eq!([(); 3].map(|()| queue.poll(&Waker::from(Arc::clone(&first)))), [Some(7), Some(8), None]);
        queue.forget_waker();
        queue.report_here(9);
        assert_eq!((kept(), woken()), ([0, 0], [0, 1]));
        assert_eq!(queue.poll(&Waker::from(Arc::clone(&last))), Some(9));
        assert_eq!(kept(), [0, 0], "who has something does not wait");
    }
}
