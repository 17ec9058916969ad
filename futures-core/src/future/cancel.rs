//! Cancels futures one after the other rather than one within the other, so that long chains need no deep stack.

use super::State;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

thread_local! {
    /// What is still to be cancelled, while this thread does that.
    static QUEUE: RefCell<Option<VecDeque<Arc<State>>>> = const { RefCell::new(None) };
}

/// Cancels futures, and with them those which they are derived from and which are derived from them.
///
/// Within the cancellation of another future it leaves them to be cancelled after that one.
pub(crate) fn cancel_all(states: impl IntoIterator<Item = Arc<State>>) {
    let mut states = states.into_iter().peekable();
    if states.peek().is_none() {
        return;
    }
    let outermost = QUEUE.with_borrow_mut(|queue| {
        let outermost = queue.is_none();
        queue.get_or_insert_default().extend(states);
        outermost
    });
    if outermost {
        while let Some(state) = QUEUE.with_borrow_mut(|queue| queue.as_mut().and_then(VecDeque::pop_front)) {
            state.cancel();
        }
        QUEUE.set(None);
    }
}
