//! The thread in which a pool calls done-callbacks, so that they may wait without holding up the manager.

use crate::future::Callback;
use crate::task;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A queue of callbacks, and a thread that is started by the first of them.
///
/// A callback that has to wait hands the queue over to a new thread: what it waits for may need a callback that stands
/// behind it. So there is always one thread that takes callbacks, and each that waits ends with its callback.
pub(crate) struct Callbacks {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    callbacks: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    callbacks: VecDeque<Callback>,
    /// Whether a thread takes callbacks from the queue.
    served: bool,
    /// Whether that thread ends when it finds the queue empty.
    ending: bool,
    /// All threads that have not been waited for.
    threads: Vec<JoinHandle<()>>,
}

thread_local! {
    /// The queue that this thread takes callbacks from.
    static SERVED: RefCell<Option<Arc<Queue>>> = const { RefCell::new(None) };
}

impl Callbacks {
    pub(crate) fn new() -> Self {
        Callbacks { queue: Arc::default() }
    }

    /// Calls `callback` soon, after those that were given before.
    pub(crate) fn call(&self, callback: Callback) {
        let mut waiting = self.queue.lock();
        waiting.callbacks.push_back(callback);
        self.queue.changed.notify_one();
        if self.queue.serve_anew(&mut waiting).is_err() {
            // Without another thread it is called here: late is worse than on the wrong thread.
            let callback = waiting.callbacks.pop_back();
            drop(waiting);
            callback.into_iter().for_each(run);
        }
    }

    /// Waits until all callbacks so far, and those that they bring about, have been called; a callback that calls this
    /// does not wait for itself.
    pub(crate) fn finish(&self) {
        loop {
            let mut waiting = self.queue.lock();
            waiting.ending = true;
            self.queue.changed.notify_all();
            let threads = std::mem::take(&mut waiting.threads);
            drop(waiting);
            if threads.is_empty() {
                return;
            }
            for thread in threads.into_iter().filter(|handle| handle.thread().id() != thread::current().id()) {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.queue.lock().ending = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    /// Starts a thread if there are callbacks and none takes them.
    fn serve_anew(self: &Arc<Self>, waiting: &mut Waiting) -> io::Result<()> {
        if !waiting.served && !waiting.callbacks.is_empty() {
            let queue = Arc::clone(self);
            let builder = thread::Builder::new().name("futures-mpi-callbacks".to_owned());
            let handle = builder.spawn(move || {
                SERVED.set(Some(Arc::clone(&queue)));
                queue.serve();
            })?;
            waiting.threads.retain(|thread| !thread.is_finished());
            waiting.threads.push(handle);
            waiting.served = true;
        }
        Ok(())
    }

    /// Calls callbacks until the queue ends or is handed over.
    fn serve(&self) {
        while SERVED.with_borrow(Option::is_some) {
            let mut waiting = self.lock();
            match waiting.callbacks.pop_front() {
                Some(callback) => {
                    drop(waiting);
                    run(callback);
                }
                None if waiting.ending => {
                    waiting.served = false;
                    return;
                }
                None => drop(self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To be called by whoever is about to wait for a future: if this is a thread for callbacks, another one goes on.
pub(crate) fn may_block() {
    // A thread that ends has no locals any more, and takes no callbacks.
    let Some(queue) = SERVED.try_with(RefCell::take).ok().flatten() else { return };
    let mut waiting = queue.lock();
    waiting.served = false;
    if queue.serve_anew(&mut waiting).is_err() {
        // What it waits for may still come without the callbacks behind it.
        waiting.served = true;
        drop(waiting);
        SERVED.set(Some(queue));
    }
}

/// Calls a callback; its panic is reported by the panic hook and goes no further.
pub(crate) fn run(callback: Callback) {
    task::contain(callback);
}
