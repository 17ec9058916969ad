//! Futures one after the other as they are done: [`as_completed`].

use super::Future;
use super::reporters::{Reporters, distinct};
use crate::error::{Error, Kind, Result};
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// Yields each of the futures when it is finished or cancelled, those that are done already first.
///
/// A future that is given more than once is yielded once. The iterator keeps no handle of a future that it has yielded:
/// its result is freed with the caller's last handle, even during the iteration. Further futures may be
/// [pushed](AsCompleted::push) meanwhile.
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
/// let mut sum = 0;
/// for future in as_completed((0..10).map(|n| executor.submit(square::ID, n))) {
///     sum += future.result()?;
/// }
/// assert_eq!(sum, 285);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn as_completed<T, I>(futures: I) -> AsCompleted<T>
where
    I: IntoIterator<Item: Borrow<Future<T>>>,
{
    let called = Instant::now();
    let futures = distinct(futures);
    let reporters = Reporters::new(&futures);
    AsCompleted {
        called,
        reporters,
        given: futures.len(),
        futures: futures.into_iter().map(Some).collect(),
        places: None,
    }
}

/// The iterator of [`as_completed`].
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompleted<T> {
    called: Instant,
    pub(super) reporters: Reporters,
    /// None in the place of one that has been yielded.
    futures: Vec<Option<Future<T>>>,
    /// How many futures have been given, each counted once.
    given: usize,
    /// Made when the first future is pushed.
    places: Option<Box<Places>>,
}

/// What has to be known to push further futures.
struct Places {
    /// Those without a future.
    free: Vec<usize>,
    /// Which futures have not been yielded.
    waiting: BTreeSet<usize>,
}

impl<T> AsCompleted<T> {
    /// Ends the iteration with an error for which [`Error::is_timeout`] holds, if the next future is not done `timeout`
    /// after the call of [`as_completed`].
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, as_completed, remote_task};
    /// use std::time::Duration;
    ///
    /// #[remote_task]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// for future in as_completed([executor.submit(square::ID, 3)]).timeout(Duration::from_secs(60)) {
    ///     assert_eq!(future?.result()?, 9);
    /// }
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn timeout(self, timeout: Duration) -> AsCompletedTimeout<T> {
        AsCompletedTimeout { deadline: self.called.checked_add(timeout), timeout, inner: self }
    }

    /// Adds a future to those that are yielded when they are done, for searches that go on from what they find.
    ///
    /// A future that is still to be yielded is not added again, and one that has been yielded is yielded once more. The
    /// futures may be of several pools. An iterator that has come to its end goes on with what is pushed then. A
    /// time-out counts from the call of [`as_completed`] for what is pushed, too.
    ///
    /// A `for` loop would own the iterator; loop by `while let`, and push inside.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, as_completed, remote_task};
    ///
    /// #[remote_task]
    /// fn children(node: u32) -> Vec<u32> {
    ///     [2 * node, 2 * node + 1].into_iter().filter(|child| *child < 100).collect()
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
    /// let mut search = as_completed([executor.submit(children::ID, 1)]);
    /// let mut visited = 0;
    /// while let Some(future) = search.next() {
    ///     visited += 1;
    ///     for child in future.result()? {
    ///         search.push(executor.submit(children::ID, child));
    ///     }
    /// }
    /// assert_eq!(visited, 99);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn push(&mut self, future: impl Borrow<Future<T>>) {
        let future = future.borrow();
        let places = self.places.get_or_insert_with(|| Box::new(Places::of(&self.futures)));
        if !places.waiting.insert(future.address()) {
            return;
        }
        let place = places.free.pop().unwrap_or(self.futures.len());
        if place == self.futures.len() {
            self.futures.push(Some(future.clone()));
        } else {
            self.futures[place] = Some(future.clone());
        }
        self.given += 1;
        self.reporters.add(future.handle(), place);
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Future<T>> {
        let place = self.reporters.next(deadline)?;
        self.take(place)
    }

    /// The future in this place, which has reported.
    pub(super) fn take(&mut self, place: usize) -> Option<Future<T>> {
        let future = self.futures[place].take()?;
        if let Some(places) = &mut self.places {
            places.free.push(place);
            places.waiting.remove(&future.address());
        }
        Some(future)
    }

    /// Waits for no more of them.
    fn give_up(&mut self) {
        // With a new queue, because a future may have reported meanwhile.
        self.reporters = Reporters::new::<T>(&[]);
        (self.futures, self.given, self.places) = (Vec::new(), 0, None);
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Future<T>;

    fn next(&mut self) -> Option<Future<T>> {
        if self.reporters.left() == 0 { None } else { self.next_until(None) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.reporters.left(), Some(self.reporters.left()))
    }
}

/// As many as there are futures that have not been yielded; more if some are [pushed](AsCompleted::push).
impl<T> ExactSizeIterator for AsCompleted<T> {}

impl Places {
    fn of<T>(futures: &[Option<Future<T>>]) -> Self {
        let free = (0..futures.len()).rev().filter(|place| futures[*place].is_none()).collect();
        Places { free, waiting: futures.iter().flatten().map(Future::address).collect() }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} of {} to come)", self.reporters.left(), self.given)
    }
}

/// The iterator of [`AsCompleted::timeout`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is used"]
pub struct AsCompletedTimeout<T> {
    inner: AsCompleted<T>,
    timeout: Duration,
    deadline: Option<Instant>,
}

impl<T> AsCompletedTimeout<T> {
    /// Adds a future, see [`AsCompleted::push`]; the time-out counts from the call of [`as_completed`] for it, too.
    ///
    /// After the error of the time-out a future that is pushed is yielded if it is done when it is asked for; otherwise
    /// there is the same error again.
    pub fn push(&mut self, future: impl Borrow<Future<T>>) {
        self.inner.push(future);
    }

    fn timed_out(&self) -> Error {
        let (left, given, seconds) = (self.inner.len(), self.inner.given, self.timeout.as_secs_f64());
        let message = format!("timed out after {seconds:.3} s: {left} of {given} futures are not finished");
        Error::new(Kind::Timeout, message)
    }
}

impl<T> Iterator for AsCompletedTimeout<T> {
    type Item = Result<Future<T>>;

    fn next(&mut self) -> Option<Result<Future<T>>> {
        if self.inner.len() == 0 {
            return None;
        }
        let next = self.inner.next_until(self.deadline).ok_or_else(|| {
            let error = self.timed_out();
            self.inner.give_up();
            error
        });
        Some(next)
    }

    /// Time may be up before the last future.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.inner.len().min(1), Some(self.inner.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Handle;
    use super::*;
    use crate::base::ids::ClientNumber;
    use crate::driver::outcome::Outcome;
    use crate::pool::shared::Pool;
    use std::sync::Arc;

    /// A future of a pool that nobody drives.
    fn future(pool: &Arc<Pool>) -> Future<u8> {
        Future::new(Handle::derived(pool, ClientNumber(0)), Outcome::value)
    }

    fn finish(future: &Future<u8>) {
        future.handle().finish(Outcome::Failed(Error::other("done")));
    }

    /// How many listeners of this future rely on other threads to drive its pool.
    fn interested(future: &Future<u8>) -> usize {
        future.promise().lock().as_ref().map_or(0, |listeners| listeners.interested)
    }

    #[test]
    fn a_long_search_takes_the_places_of_what_it_has_yielded() {
        let pool = Pool::new();
        let mut search = as_completed([future(&pool), future(&pool)]);
        for _ in 0..100 {
            let next = future(&pool);
            finish(&next);
            search.push(&next);
            assert_eq!((search.len(), search.next()), (3, Some(next)));
        }
        assert_eq!((search.futures.len(), search.given, search.len()), (3, 102, 2));
    }

    #[test]
    fn a_future_of_another_pool_leaves_the_driving_to_others() {
        let (pool, other) = (Pool::new(), Pool::new());
        let [first, second, third, late] = [&pool, &pool, &other, &pool].map(future);
        let mut futures = as_completed([&first]);
        futures.push(&second);
        assert_eq!([&first, &second].map(interested), [0, 0], "the waiting thread drives");
        futures.push(&third);
        futures.push(&late);
        let all = [&first, &second, &third, &late];
        assert_eq!(all.map(interested), [1; 4]);
        all.into_iter().for_each(finish);
        assert_eq!(futures.by_ref().count(), 4);
        // One that is done needs nobody to drive, and then there is one pool.
        let mut futures = as_completed([&first]);
        let last = future(&other);
        futures.push(&last);
        assert_eq!(interested(&last), 0);
    }

    #[test]
    fn what_reports_after_a_time_out_is_of_no_account() {
        let pool = Pool::new();
        let [first, second] = [(); 2].map(|()| future(&pool));
        let mut futures = as_completed([&first, &second]).timeout(Duration::ZERO);
        assert!(futures.next().is_some_and(|late| late.is_err_and(|error| error.message().contains("2 of 2"))));
        finish(&first);
        assert!(futures.next().is_none());
        futures.push(&second);
        assert!(futures.next().is_some_and(|late| late.is_err_and(|error| error.message().contains("1 of 1"))));
        futures.push(&first);
        assert!(matches!(futures.next(), Some(Ok(future)) if future == first));
    }
}
