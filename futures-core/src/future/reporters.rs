//! Futures that report to a queue when they are done, and who drives their pools meanwhile.

use super::{Future, Handle, Listening};
use crate::driver::completions::CompletionQueue;
use crate::pool::shared::Pool;
use crate::pool::waiting::next_report;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::sync::Arc;
#[cfg(feature = "stream")]
use std::task::Waker;
use std::time::Instant;

/// Each future once, in the order of its first appearance.
pub(super) fn distinct<T>(futures: impl IntoIterator<Item: Borrow<Future<T>>>) -> Vec<Future<T>> {
    let mut seen = BTreeSet::new();
    let futures = futures.into_iter().map(|future| future.borrow().clone());
    futures.filter(|future| seen.insert(future.address())).collect()
}

/// A queue to which futures report, each by its place, until it is dropped.
pub(super) struct Reporters {
    completions: Arc<CompletionQueue>,
    /// None in the place of a future that has reported.
    listening: Vec<Option<Listening>>,
    /// How many have not reported.
    left: usize,
    pools: Pools,
}

/// The pools of all futures that were not done when they came.
enum Pools {
    /// All were done.
    None,
    /// The thread that waits drives it.
    One(Arc<Pool>),
    /// The futures rely on other threads to drive.
    Several,
}

impl Reporters {
    pub(super) fn new<T>(futures: &[Future<T>]) -> Self {
        let completions = Arc::new(CompletionQueue::default());
        let mut pending = futures.iter().filter(|future| !future.done()).map(|future| &future.handle().pool);
        let pools = match pending.next() {
            None => Pools::None,
            Some(first) if pending.all(|other| Arc::ptr_eq(first, other)) => Pools::One(Arc::clone(first)),
            Some(_) => Pools::Several,
        };
        let interested = !matches!(pools, Pools::One(_));
        let listen =
            |(token, future): (usize, &Future<T>)| Some(future.handle().report_to(&completions, token, interested));
        let listening = futures.iter().enumerate().map(listen).collect();
        Reporters { listening, completions, left: futures.len(), pools }
    }

    /// How many have not reported.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Has one more future report, by a place that is free, or the first behind all.
    pub(super) fn add(&mut self, future: &Handle, place: usize) {
        if self.left == 0 && !matches!(self.pools, Pools::Several) {
            self.pools = Pools::None;
        }
        if !future.is_done() {
            match &self.pools {
                Pools::None => self.pools = Pools::One(Arc::clone(&future.pool)),
                Pools::One(pool) if !Arc::ptr_eq(pool, &future.pool) => self.rely_on_others(),
                Pools::One(_) | Pools::Several => {}
            }
        }
        let interested = matches!(self.pools, Pools::Several);
        let listening = Some(future.report_to(&self.completions, place, interested));
        if place == self.listening.len() {
            self.listening.push(listening);
        } else {
            self.listening[place] = listening;
        }
        self.left += 1;
    }

    /// Leaves it to other threads to drive the pools, from now on.
    pub(super) fn rely_on_others(&mut self) {
        self.pools = Pools::Several;
        self.listening.iter().flatten().for_each(Listening::rely_on_others);
    }

    /// The place of the next future that is done; `None` if the deadline passes before.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Option<usize> {
        let pool = match &self.pools {
            Pools::One(pool) => Some(&**pool),
            Pools::None | Pools::Several => None,
        };
        let token = next_report(&self.completions, pool, deadline)?;
        self.reported(token);
        Some(token)
    }

    /// The place of the next future that is done; if there is none, `waker` is woken when there is.
    #[cfg(feature = "stream")]
    pub(super) fn poll(&mut self, waker: &Waker) -> Option<usize> {
        let token = self.completions.poll(waker)?;
        self.reported(token);
        Some(token)
    }

    /// Wakes nobody any more.
    #[cfg(feature = "stream")]
    pub(super) fn forget_waker(&self) {
        self.completions.forget_waker();
    }

    fn reported(&mut self, token: usize) {
        self.left -= 1;
        self.listening[token] = None;
    }
}
