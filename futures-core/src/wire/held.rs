//! The replies that a worker holds back while it is in another task.
//!
//! A worker cannot send while it is in a task, which may wait for something that the manager does only when it has read
//! one of these replies. So they lie where the thread that answers a recall finds them, and travel with its answer.

use crate::wire::frame::Frame;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Replies that were neither sent nor taken by a recall. The thread that takes them out sends them to the manager.
#[derive(Debug, Default)]
pub struct Held {
    replies: Mutex<Frame>,
    /// Whether the manager can ask for them.
    reachable: AtomicBool,
}

impl Held {
    /// Whether the manager can ask for held replies; if not, no reply may be held back.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Sets whether the manager can ask for held replies.
    pub fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
    }

    /// Adds a reply, which `push` appends to the frame; the first reply opens the frame in this memory. Returns the
    /// length of the frame in bytes.
    pub(crate) fn add(&self, memory: Vec<u8>, push: impl FnOnce(&mut Frame)) -> usize {
        let mut replies = self.lock();
        if replies.bytes.is_empty() && memory.capacity() > 0 {
            replies.bytes = memory;
        }
        push(&mut replies);
        replies.len_bytes()
    }

    /// Takes out all held replies.
    pub fn take(&self) -> Frame {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Frame> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
