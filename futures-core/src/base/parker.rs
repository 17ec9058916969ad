//! How a thread sleeps until it is called, and what it can wait for.

use crate::base::sync::{Condvar, Mutex, MutexGuard, thread_local};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A place where one thread sleeps.
///
/// Not the standard library's `park`: its calls might be meant for somebody else who uses it in the same thread.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    calls: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Calls {
    called: bool,
    /// Whether the thread sleeps, so that a call in vain costs no system call.
    sleeping: bool,
}

impl Parker {
    /// The place of the calling thread.
    pub(crate) fn of_this_thread() -> Arc<Parker> {
        thread_local! {
            static PARKER: Arc<Parker> = Arc::default();
        }
        // A thread that ends may have lost its own.
        PARKER.try_with(Arc::clone).unwrap_or_default()
    }

    /// Sleeps until somebody calls, or has called since the last sleep, or `longest` has passed; may also return early.
    pub(crate) fn park(&self, longest: Option<Duration>) {
        let mut calls = self.lock();
        if !calls.called {
            calls.sleeping = true;
            calls = match longest {
                None => self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner),
                Some(longest) => self.changed.wait_timeout(calls, longest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *calls = Calls::default();
    }

    /// Calls the thread that sleeps here, or will.
    pub(crate) fn unpark(&self) {
        let mut calls = self.lock();
        calls.called = true;
        let sleeping = std::mem::take(&mut calls.sleeping);
        drop(calls);
        if sleeping {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that happens once, or again and again, and that a thread can wait for.
pub(crate) trait Awaited {
    /// Whether it has happened.
    fn is_done(&self) -> bool;

    /// Has the thread of this parker called when it happens; `false` if it has happened already.
    fn enroll(&self, parker: &Arc<Parker>) -> bool;

    /// Has the thread of this parker, which waits no more, called no more.
    fn withdraw(&self, parker: &Arc<Parker>);
}

/// Sleeps until `target` has happened, or until the deadline, and leaves it to others to bring that about; whether it
/// has happened.
pub(crate) fn wait_for(target: &dyn Awaited, deadline: Option<Instant>) -> bool {
    wait_by(target, deadline, |parker, left| {
        parker.park(left);
        None
    })
}

/// The loop of every wait: passes time until `target` has happened, or until the deadline; whether it has happened.
///
/// `pass_time` is given the time that is left, and the parker that the target calls. What it returns ends the wait:
/// whether the target has happened.
pub(crate) fn wait_by(
    target: &dyn Awaited,
    deadline: Option<Instant>,
    mut pass_time: impl FnMut(&Arc<Parker>, Option<Duration>) -> Option<bool>,
) -> bool {
    let parker = Parker::of_this_thread();
    while target.enroll(&parker) {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            target.withdraw(&parker);
            return target.is_done();
        }
        if let Some(happened) = pass_time(&parker, left) {
            return happened;
        }
    }
    true
}

/// Those who are to be called when something happens, each once.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(Vec<Arc<Parker>>);

impl Sleepers {
    pub(crate) fn add(&mut self, parker: &Arc<Parker>) {
        if !self.0.iter().any(|known| Arc::ptr_eq(known, parker)) {
            self.0.push(Arc::clone(parker));
        }
    }

    pub(crate) fn remove(&mut self, parker: &Arc<Parker>) {
        if let Some(at) = self.0.iter().position(|known| Arc::ptr_eq(known, parker)) {
            self.0.swap_remove(at);
        }
    }

    /// Calls all of them, and forgets them.
    pub(crate) fn call(&mut self) {
        self.0.drain(..).for_each(|parker| parker.unpark());
    }
}
