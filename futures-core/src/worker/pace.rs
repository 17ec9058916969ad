//! Which task functions have shown themselves to be short, in this worker.

use crate::base::ids::FunctionNumber;
use std::time::Duration;

/// Replies are held back for at most this long while more tasks are at hand, as long as these keep to the pace that
/// their functions have shown.
pub(super) const REPLY_DELAY: Duration = Duration::from_micros(100);

/// After so many short tasks the next one of a new function is taken to be short as well.
const SHORT_AT_FIRST: u32 = 16;

/// The same after a long one: functions that take long now and then are to be expected to do so again.
const SHORT_AFTER_LONG: u32 = 1024;

/// By function: how many more tasks have to be short before one is taken to be.
#[derive(Debug, Default)]
pub(super) struct Paces(Vec<u32>);

impl Paces {
    /// Whether a task of this function is taken to be so short that replies can wait for it.
    pub(super) fn is_short(&self, function: FunctionNumber) -> bool {
        self.0.get(function.index()) == Some(&0)
    }

    /// A task of this function has taken so long.
    pub(super) fn see(&mut self, function: FunctionNumber, time: Duration) {
        if self.0.len() <= function.index() {
            self.0.resize(function.index() + 1, SHORT_AT_FIRST);
        }
        let missing = &mut self.0[function.index()];
        *missing = if time < REPLY_DELAY { missing.saturating_sub(1) } else { SHORT_AFTER_LONG };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_short_after_enough_short_tasks_and_until_a_long_one() {
        let (mut paces, function) = (Paces::default(), FunctionNumber(2));
        for needed in [SHORT_AT_FIRST, SHORT_AFTER_LONG] {
            for _ in 0..needed {
                assert!(!paces.is_short(function));
                paces.see(function, REPLY_DELAY / 2);
            }
            assert!(paces.is_short(function) && !paces.is_short(FunctionNumber(1)));
            paces.see(function, REPLY_DELAY);
        }
        assert!(!paces.is_short(function));
    }
}
