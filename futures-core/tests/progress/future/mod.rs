//! The library's room of that name: the handle of a future as it is, and what the model does with one.

#[path = "../../../src/future/handle.rs"]
pub(crate) mod handle;

use crate::driver::promise::Promise;
use crate::pool::callbacks::Calling;
use handle::{Handle, Listening};
use std::sync::Arc;
use std::task::Waker;

impl Handle {
    pub(crate) fn promise(&self) -> Arc<Promise> {
        Arc::clone(&self.promise)
    }

    /// Has a callback called when the future is done.
    pub(crate) fn call(&self, callback: impl FnOnce() + Send + 'static) {
        self.add_callback(Calling::Callback, Box::new(callback));
    }

    /// Has a waker woken when the future is done, unless it is, or what is returned has been dropped.
    pub(crate) fn wake(&self, waker: &Waker) -> Option<Listening> {
        self.poll(waker).err()
    }
}
