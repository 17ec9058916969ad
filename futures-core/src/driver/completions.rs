//! Learns which of many futures are done, in the order in which they are.

use crate::base::parker::{Awaited, Parker, Sleepers};
use crate::base::sync::{Mutex, MutexGuard};
use crate::task;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

/// A queue to which futures report that they are done, each by the token that it was given.
///
/// One thread or one task at a time takes from it.
#[derive(Debug, Default)]
pub(crate) struct CompletionQueue {
    reports: Mutex<Reports>,
}

#[derive(Debug, Default)]
struct Reports {
    done: VecDeque<usize>,
    sleepers: Sleepers,
    /// Of the task that takes from the queue, if one does and waits.
    waker: Option<Waker>,
}

impl CompletionQueue {
    /// A future is done; the waker that is returned is to be woken where nobody drives a pool.
    #[must_use]
    pub(crate) fn report(&self, token: usize) -> Option<Waker> {
        let mut reports = self.lock();
        reports.done.push_back(token);
        reports.sleepers.call();
        reports.waker.take()
    }

    /// A future is done; wakes in this thread, which does not drive a pool.
    pub(crate) fn report_here(&self, token: usize) {
        if let Some(waker) = self.report(token) {
            // A panic of somebody else's waker is reported by the panic hook.
            task::contain(|| waker.wake());
        }
    }

    /// The token of the next future that is done; if there is none, `waker` is woken by the next report, instead of
    /// the one before.
    #[cfg(feature = "stream")]
    pub(crate) fn poll(&self, waker: &Waker) -> Option<usize> {
        let mut reports = self.lock();
        if let Some(token) = reports.done.pop_front() {
            let before = reports.waker.take();
            drop(reports);
            task::contain(|| drop(before));
            return Some(token);
        }
        let known = reports.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        drop(reports);
        if !known {
            // Outside of the lock, because it is somebody else's code; so is the end of the one before.
            let waker = waker.clone();
            let mut reports = self.lock();
            let token = reports.done.pop_front();
            let before = if token.is_some() { Some(waker) } else { reports.waker.replace(waker) };
            drop(reports);
            task::contain(|| drop(before));
            return token;
        }
        None
    }

    /// Wakes nobody any more.
    #[cfg(feature = "stream")]
    pub(crate) fn forget_waker(&self) {
        let waker = self.lock().waker.take();
        task::contain(|| drop(waker));
    }

    /// The token of the next future that is done, if there is one.
    pub(crate) fn take(&self) -> Option<usize> {
        self.lock().done.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited for CompletionQueue {
    fn is_done(&self) -> bool {
        !self.lock().done.is_empty()
    }

    fn enroll(&self, parker: &Arc<Parker>) -> bool {
        let mut reports = self.lock();
        let waits = reports.done.is_empty();
        if waits {
            reports.sleepers.add(parker);
        }
        waits
    }

    fn withdraw(&self, parker: &Arc<Parker>) {
        self.lock().sleepers.remove(parker);
    }
}
