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
    let mut states: VecDeque<_> = states.into_iter().collect();
    if states.is_empty() {
        return;
    }
    let outermost = QUEUE.try_with(|queue| {
        let mut queue = queue.borrow_mut();
        let outermost = queue.is_none();
        queue.get_or_insert_default().append(&mut states);
        outermost
    });
    let Ok(outermost) = outermost else {
        // A thread that ends has lost the queue.
        return states.into_iter().for_each(|state| _ = state.cancel());
    };
    if outermost {
        while let Some(state) = QUEUE.with_borrow_mut(|queue| queue.as_mut().and_then(VecDeque::pop_front)) {
            state.cancel();
        }
        QUEUE.set(None);
    }
}
