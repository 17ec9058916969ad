//! The threads in which a pool calls done-callbacks, so that they may wait without holding up the manager.

use crate::base::ids::ClientNumber;
use crate::driver::promise::Callback;
use crate::task;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A queue of callbacks, and a thread that is started by the first of them.
///
/// A callback that has to wait hands the queue over to a new thread: what it waits for may need a callback that stands
/// behind it. So there is always one thread that takes callbacks, and each that waits ends with its callback.
#[derive(Default)]
struct Callbacks {
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

/// The callbacks of the executors of a pool. Each executor has a queue and a thread of its own: a callback of one
/// delays no callback of another, and the end of an executor waits for its own.
#[derive(Default)]
pub(crate) struct ClientCallbacks {
    /// By client number.
    slots: Mutex<Vec<Slot>>,
    /// Whether there is no pool, whose end would wait for them.
    poolless: bool,
}

#[derive(Clone, Default)]
enum Slot {
    /// There have been no callbacks.
    #[default]
    Unused,
    Used(Arc<Callbacks>),
    /// The executor has ended.
    Finished,
}

impl ClientCallbacks {
    /// Those of futures that have no pool.
    pub(crate) fn without_pool() -> Self {
        ClientCallbacks { poolless: true, ..Self::default() }
    }

    /// Calls `callback` soon, after those that the client was given before.
    pub(crate) fn call(&self, client: ClientNumber, callback: Callback) {
        let mut slots = self.lock();
        if slots.len() <= client.index() {
            slots.resize(client.index() + 1, Slot::Unused);
        }
        let slot = &mut slots[client.index()];
        if (self.poolless || matches!(slot, Slot::Finished))
            && let Some(queue) = served()
        {
            // A thread for callbacks that is there already is as good as one of their own.
            return queue.lock().callbacks.push_back(callback);
        }
        let callbacks = match slot {
            Slot::Used(callbacks) => Arc::clone(callbacks),
            Slot::Unused => {
                let callbacks = Arc::<Callbacks>::default();
                *slot = Slot::Used(Arc::clone(&callbacks));
                callbacks
            }
            // Nobody waits for these any more; their thread ends with them.
            Slot::Finished => Arc::default(),
        };
        drop(slots);
        callbacks.call(callback);
    }

    /// Waits until all callbacks of a client so far, and those that they bring about, have been called.
    pub(crate) fn finish(&self, client: ClientNumber) {
        let Some(Slot::Used(callbacks)) = self.lock().get(client.index()).cloned() else { return };
        // What is to be called before the end may stand behind a callback that waits here.
        may_block();
        callbacks.finish();
        self.lock()[client.index()] = Slot::Finished;
    }

    /// Lets the thread of a client end with the callbacks so far; nobody waits for them.
    pub(crate) fn end(&self, client: ClientNumber) {
        if let Some(Slot::Used(callbacks)) = self.lock().get(client.index()) {
            callbacks.end();
        }
    }

    /// Waits for the callbacks of all clients.
    pub(crate) fn finish_all(&self) {
        let clients = self.lock().len() as u32;
        (0..clients).map(ClientNumber).for_each(|client| self.finish(client));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callbacks {
    /// Calls `callback` soon, after those that were given before.
    fn call(&self, callback: Callback) {
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

    /// Lets the thread end when it has nothing more to do.
    fn end(&self) {
        self.queue.lock().ending = true;
        self.queue.changed.notify_all();
    }

    /// Waits until all callbacks so far, and those that they bring about, have been called; a callback that calls this
    /// does not wait for itself.
    fn finish(&self) {
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
        self.end();
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

/// To be called by whoever is about to wait: if this is a thread for callbacks, another one goes on.
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

/// The queue that this thread takes callbacks from, if it does.
fn served() -> Option<Arc<Queue>> {
    SERVED.try_with(|served| served.borrow().clone()).ok().flatten()
}

/// What is called when a future is done, and how deep within others it may be, if the future is done already: what is
/// called may itself give a callback to such a future, and so on without an end, for which no stack is deep enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calling {
    /// Part of a derived future. A loop of hooks goes on in the same thread, because that costs least.
    Hook,
    /// A callback of the program's. The one that it is called within may wait for it by whatever means, so that one
    /// that is too deep is left to another thread.
    Callback,
}

impl Calling {
    fn deepest(self) -> usize {
        match self {
            Calling::Hook => 16,
            // So that a hook in the middle of a loop may use callbacks as others do.
            Calling::Callback => 32,
        }
    }
}

/// Calls a callback whose future is done, in this thread; one that would be too deep within others is left to `later`.
pub(crate) fn run_here<C>(calling: Calling, callback: C, later: impl FnOnce(Callback))
where
    C: FnOnce() + Send + 'static,
{
    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    let depth = DEPTH.get();
    if depth < calling.deepest() {
        DEPTH.set(depth + 1);
        run(callback);
        DEPTH.set(depth);
    } else {
        later(Box::new(callback));
        if calling == Calling::Callback {
            may_block();
        }
    }
}

/// Calls a callback; its panic is reported by the panic hook and goes no further.
fn run(callback: impl FnOnce()) {
    task::contain(callback);
}
