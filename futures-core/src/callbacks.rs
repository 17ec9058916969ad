//! The thread in which a pool calls done-callbacks, so that they may wait without holding up the manager.

use crate::future::Callback;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A thread that is started by the first callback.
pub(crate) struct Callbacks {
    thread: Mutex<Option<(Sender<Callback>, JoinHandle<()>)>>,
}

impl Callbacks {
    pub(crate) fn new() -> Self {
        Callbacks { thread: Mutex::new(None) }
    }

    /// Calls `callback` soon, after those that were given before.
    pub(crate) fn call(&self, callback: Callback) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let (sender, receiver) = mpsc::channel::<Callback>();
            let body = move || receiver.into_iter().for_each(run);
            match thread::Builder::new().name("futures-mpi-callbacks".to_owned()).spawn(body) {
                Ok(handle) => *thread = Some((sender, handle)),
                // Without another thread it is called here: late is worse than on the wrong thread.
                Err(_) => return run(callback),
            }
        }
        if let Some((sender, _)) = &*thread {
            let _ = sender.send(callback);
        }
    }

    /// Waits until all callbacks so far have been called; the thread itself does not wait for itself.
    pub(crate) fn finish(&self) {
        let taken = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, handle)) = taken {
            drop(sender);
            if handle.thread().id() != thread::current().id() {
                let _ = handle.join();
            }
        }
    }
}

/// Calls a callback; its panic is reported by the panic hook and goes no further.
pub(crate) fn run(callback: Callback) {
    let _ = panic::catch_unwind(AssertUnwindSafe(callback));
}
