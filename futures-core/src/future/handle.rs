//! A promise together with its pool: listens, waits, cancels.

use crate::base::ids::ClientNumber;
use crate::driver::command::Command;
use crate::driver::completions::CompletionQueue;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Callback, Link, Listener, Listeners, Phase, Promise};
use crate::driver::roster::Key;
use crate::error::{Error, Kind};
use crate::pool::callbacks::Calling;
use crate::pool::shared::Pool;
use crate::task;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

/// A promise, and the pool by whose threads it is brought forward.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(super) promise: Arc<Promise>,
    pub(super) pool: Arc<Pool>,
}

/// The same, which keeps no future alive.
#[derive(Clone)]
pub(super) struct WeakHandle {
    promise: Weak<Promise>,
    pool: Arc<Pool>,
}

impl Handle {
    pub(crate) fn new(promise: Arc<Promise>, pool: Arc<Pool>) -> Self {
        Handle { promise, pool }
    }

    /// The handle of a future that is to be derived from others.
    pub(super) fn derived(pool: &Arc<Pool>, client: ClientNumber) -> Self {
        Handle { promise: pool.new_promise(client), pool: Arc::clone(pool) }
    }

    pub(super) fn downgrade(&self) -> WeakHandle {
        WeakHandle { promise: Arc::downgrade(&self.promise), pool: Arc::clone(&self.pool) }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.promise.is_done()
    }

    /// Gives the future its outcome, unless it is done already.
    pub(super) fn finish(&self, outcome: Outcome) {
        self.pool.finish(&self.promise, outcome);
    }

    /// Cancels the future if its task has not been sent; whether it is cancelled now.
    pub(crate) fn cancel(&self) -> bool {
        if self.promise.cancel() {
            self.pool.push(Command::Cancel(self.promise.task()));
            self.pool.tell_of_cancellation(&self.promise);
        }
        self.promise.phase() == Phase::Cancelled
    }

    /// Calls `callback` when the future is done: now, if it is. Otherwise it can be taken away by what is returned.
    pub(super) fn add_callback(&self, calling: Calling, callback: Callback) -> Option<Key> {
        let mut listeners = self.promise.listen();
        if self.is_done() {
            drop(listeners);
            self.pool.call_here(calling, self.promise.client(), callback);
            return None;
        }
        Some(self.add(&mut listeners, Listener::Call(callback)))
    }

    /// Lets another future become what this one becomes: now, if it is done. Otherwise it can be taken away by what is
    /// returned.
    pub(super) fn link(&self, link: Box<dyn Link>) -> Option<Key> {
        let mut listeners = self.promise.listen();
        if self.is_done() {
            drop(listeners);
            link.adopt(&self.promise);
            return None;
        }
        Some(self.add(&mut listeners, Listener::Link(link)))
    }

    /// Reports to `completions` by this token when the future is done, unless what is returned has been dropped: now,
    /// if it is. `interested` says that the thread that takes from the queue does not drive this future's pool.
    pub(crate) fn report_to(&self, completions: &Arc<CompletionQueue>, token: usize, interested: bool) -> Listening {
        let mut listeners = self.promise.listen();
        let key = if self.is_done() {
            drop(listeners);
            completions.report_here(token);
            None
        } else {
            let report = Listener::Report { completions: Arc::clone(completions), token, interested };
            Some(self.add(&mut listeners, report))
        };
        Listening { handle: self.clone(), key }
    }

    /// The outcome if there is one; otherwise `waker` will be told, unless what is returned has been dropped.
    pub(crate) fn poll(&self, waker: &Waker) -> Result<Result<&Outcome, Error>, Listening> {
        if !self.is_done() {
            // Outside of the lock, because it is somebody else's code.
            let wake = Listener::Wake(waker.clone());
            let mut listeners = self.promise.listen();
            if !self.is_done() {
                let key = Some(self.add(&mut listeners, wake));
                return Err(Listening { handle: self.clone(), key });
            }
        }
        Ok(self.promise.outcome())
    }

    /// Waits for the outcome, until `deadline` if there is one, and drives the pool meanwhile if nobody else does.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Result<&Outcome, Error> {
        if !self.is_done() {
            let begin = deadline.map(|_| Instant::now());
            if !self.pool.wait_for(&*self.promise, deadline) {
                let derived = self.promise.lock().as_ref().is_some_and(|listeners| listeners.sources.is_some());
                let waited = begin.map_or(Duration::ZERO, |begin| begin.elapsed());
                return Err(timed_out(waited, self.promise.phase(), derived));
            }
        }
        self.promise.outcome()
    }

    /// Takes a listener away, which may have been told meanwhile.
    pub(super) fn forget(&self, key: Key) {
        if !self.is_done() {
            let removed = self.promise.lock().as_mut().and_then(|listeners| {
                let (listener, was_last) = listeners.remove(key)?;
                if was_last {
                    self.pool.progress().drop_interest(1);
                }
                Some(listener)
            });
            // Not under the lock: with it may go the last handle of this future. And it is somebody else's code.
            task::contain(|| drop(removed));
        }
    }

    /// Adds a listener, and makes sure that somebody drives the pool if it relies on that.
    fn add(&self, listeners: &mut Option<Box<Listeners>>, listener: Listener) -> Key {
        let (key, is_first) = listeners.get_or_insert_default().add(listener);
        if is_first {
            self.pool.progress().add_interest();
        }
        key
    }
}

impl WeakHandle {
    pub(super) fn upgrade(&self) -> Option<Handle> {
        Some(Handle { promise: self.promise.upgrade()?, pool: Arc::clone(&self.pool) })
    }
}

/// A listener of a future, which is taken away again when this is dropped; none if the future was done.
pub(crate) struct Listening {
    pub(super) handle: Handle,
    key: Option<Key>,
}

impl Listening {
    /// Has this waker told instead of the one before; `false` if the future is done.
    pub(crate) fn wake_instead(&self, waker: &Waker) -> bool {
        let has_waker = |listener: &Listener| matches!(listener, Listener::Wake(known) if known.will_wake(waker));
        match self.with_listener(|listener| has_waker(listener)) {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        // Outside of the lock, because it is somebody else's code; so is the end of the one before.
        let wake = Listener::Wake(waker.clone());
        self.with_listener(|listener| std::mem::replace(listener, wake)).is_some()
    }

    /// Relies on another thread to drive the future's pool, if it did not before.
    pub(super) fn rely_on_others(&self) {
        let Some(key) = self.key else { return };
        let mut listeners = self.handle.promise.lock();
        if listeners.as_mut().is_some_and(|listeners| listeners.rely_on_others(key)) {
            self.handle.pool.progress().add_interest();
        }
    }

    /// Does something with the listener, unless it is being told.
    fn with_listener<R>(&self, work: impl FnOnce(&mut Listener) -> R) -> Option<R> {
        let mut listeners = self.handle.promise.lock();
        listeners.as_mut()?.roster.get_mut(self.key?).map(work)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.handle.forget(key);
        }
    }
}

thread_local! {
    /// What is still to be cancelled, while this thread does that.
    static QUEUE: RefCell<Option<VecDeque<Handle>>> = const { RefCell::new(None) };
}

/// Cancels futures, and with them those which they are derived from and which are derived from them: one after the
/// other rather than one within the other, so that long chains need no deep stack.
///
/// Within the cancellation of another future it leaves them to be cancelled after that one.
pub(super) fn cancel_all(handles: impl IntoIterator<Item = Handle>) {
    let mut handles: VecDeque<_> = handles.into_iter().collect();
    if handles.is_empty() {
        return;
    }
    let outermost = QUEUE.try_with(|queue| {
        let mut queue = queue.borrow_mut();
        let outermost = queue.is_none();
        queue.get_or_insert_default().append(&mut handles);
        outermost
    });
    let Ok(outermost) = outermost else {
        // A thread that ends has lost the queue.
        return handles.into_iter().for_each(|handle| _ = handle.cancel());
    };
    if outermost {
        while let Some(handle) = QUEUE.with_borrow_mut(|queue| queue.as_mut().and_then(VecDeque::pop_front)) {
            handle.cancel();
        }
        QUEUE.set(None);
    }
}

fn timed_out(waited: Duration, phase: Phase, derived: bool) -> Error {
    let state = match phase {
        _ if derived => "a future that it is derived from is not finished",
        Phase::Pending => "the task is still queued",
        _ => "the task is still running",
    };
    Error::new(Kind::Timeout, format!("timed out after {:.3} s: {state}", waited.as_secs_f64()))
}
