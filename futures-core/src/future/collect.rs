//! One future of the results of many.

use super::handle::cancel_all;
use super::{Future, Handle};
use crate::base::ids::ClientNumber;
use crate::driver::outcome::Outcome;
use crate::error::Result;
use crate::pool::callbacks::Calling;
use crate::pool::shared::Pool;
use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Returns a future of the results of all `futures`, in their order; they may come from different executors, and one
/// may be given more than once.
///
/// The new future fails as soon as one of them fails, with the error of the one that fails first, and the others are
/// cancelled then as far as they can be. If one of them is cancelled, so are the new future and the others; and
/// cancelling the new future cancels them. Of no futures, the new one has the result `[]`.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, collect, remote_task};
///
/// #[remote_task]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
/// let squares = collect((0..4).map(|n| executor.submit(square::ID, n)));
/// let sum = squares.then(|squares| Ok(squares.iter().sum::<u64>()));
/// assert_eq!(squares.result()?, [0, 1, 4, 9]);
/// assert_eq!(sum.result()?, 14);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub fn collect<T, I>(futures: I) -> Future<Vec<T>>
where
    T: 'static,
    I: IntoIterator<Item: Borrow<Future<T>>>,
{
    let futures: Vec<Future<T>> = futures.into_iter().map(|future| future.borrow().clone()).collect();
    let first = futures.first().map(Future::handle);
    let pool = first.map_or_else(Pool::none, |handle| Arc::clone(&handle.pool));
    let all = Handle::derived(&pool, first.map_or(ClientNumber(0), |handle| handle.promise.client()));
    all.derive_from(futures.iter().map(|future| future.handle().clone()));
    let collection = Arc::new(Collection { left: AtomicUsize::new(futures.len()), futures, all: all.clone() });
    if collection.futures.is_empty() {
        collection.complete();
    }
    for (place, future) in collection.futures.iter().enumerate() {
        let collection = Arc::clone(&collection);
        if let Some(key) = future.handle().add_callback(Calling::Hook, Box::new(move || collection.done(place))) {
            all.listens_at(place, future.handle(), key, false);
        }
    }
    Future::new(all, results::<T>)
}

/// Futures that are being collected.
struct Collection<T> {
    futures: Vec<Future<T>>,
    /// How many have not succeeded yet.
    left: AtomicUsize,
    /// Of the future of all.
    all: Handle,
}

impl<T: 'static> Collection<T> {
    /// The future at `place` is done.
    fn done(&self, place: usize) {
        if self.all.is_done() {
            return;
        }
        match self.futures[place].promise().finished() {
            None => cancel_all([self.all.clone()]),
            Some(Outcome::Failed(error)) => {
                self.all.finish(Outcome::Failed(error.clone()));
                cancel_all(self.futures.iter().map(|future| future.handle().clone()));
            }
            // The last one must see what all others have seen.
            Some(_) if self.left.fetch_sub(1, Ordering::AcqRel) == 1 => self.complete(),
            Some(_) => {}
        }
    }

    fn complete(&self) {
        self.all.finish(Outcome::Local(Box::new(self.futures.clone())));
    }
}

/// The results of collected futures: taken from each, so that they need not be cloned or kept twice.
fn results<T: 'static>(outcome: &Outcome) -> Result<Vec<T>> {
    match outcome {
        Outcome::Failed(error) => Err(error.clone()),
        Outcome::Local(local) => {
            let futures: &Vec<Future<T>> = local.downcast_ref().expect("a collection holds its futures");
            futures.iter().map(Future::result).collect()
        }
        Outcome::Values(_) | Outcome::Items(_) => unreachable!("a derived future has no task"),
    }
}
