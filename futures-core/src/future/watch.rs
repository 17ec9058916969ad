//! Learns which of many futures are done, in the order in which they are.

use crate::callbacks;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// A queue to which futures report that they are done, each by the token that it was given.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    done: Mutex<VecDeque<usize>>,
    reported: Condvar,
}

impl Watch {
    /// A future is done.
    pub(crate) fn report(&self, token: usize) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push_back(token);
        self.reported.notify_one();
    }

    /// The token of the next future that is done; `None` if the deadline passes before.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(token) = done.pop_front() {
                return Some(token);
            }
            callbacks::may_block();
            done = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.reported.wait(done).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.reported.wait_timeout(done, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}
