//! The replies that a worker holds back while it is in another task.
//!
//! A worker cannot send while it is in a task, which may wait for something that the manager does only when it has read
//! one of these replies. So they lie where whoever takes tasks back finds them, and go with the answer.

use crate::wire::frame::Frame;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Replies that are neither sent nor taken along. Whoever takes them out brings them to the manager, and nobody else
/// does.
#[derive(Debug, Default)]
pub struct Held {
    replies: Mutex<Frame>,
    /// Whether somebody can ask for them.
    reachable: AtomicBool,
}

impl Held {
    /// Whether somebody can ask for what is held back; otherwise nothing is to be.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// From now on somebody can ask for what is held back, or nobody can.
    pub fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
    }

    /// Adds a reply, which `push` appends to the frame; it is made in this memory, if it is the first. Returns how many
    /// bytes there are.
    pub(crate) fn add(&self, memory: Vec<u8>, push: impl FnOnce(&mut Frame)) -> usize {
        let mut replies = self.lock();
        if replies.bytes.is_empty() && memory.capacity() > 0 {
            replies.bytes = memory;
        }
        push(&mut replies);
        replies.len_bytes()
    }

    /// Takes out all that is held back.
    pub fn take(&self) -> Frame {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Frame> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
