//! Who is to be told when a future is done, and how.

use super::roster::{Key, Roster};
use super::state::State;
use super::watch::Watch;
use crate::base::ids::ClientNumber;
use crate::base::latch::Gate;
use crate::base::parker::Sleepers;
use crate::base::say::say;
use crate::pool::callbacks::{self, Calling};
use crate::pool::inbox::Inbox;
use crate::task;
use std::sync::{Arc, Weak};
use std::task::Waker;

/// Who is to be told when a future is done.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) roster: Roster<Listener>,
    pub(super) sleepers: Sleepers,
    /// The futures that this one is derived from, and which are cancelled with it.
    pub(super) sources: Vec<Source>,
    /// How many of the listeners rely on others to drive the pool; while there are any, the seat knows of it.
    pub(super) relying: usize,
}

/// What is to be done when a future is done, by somebody who may lose interest before.
pub(super) enum Listener {
    Wake(Waker),
    Call(Callback),
    /// Another future becomes what this one becomes.
    Link(Box<dyn Link>),
    Report {
        watch: Arc<Watch>,
        token: usize,
        /// Whether whoever looks at the watch does not drive this future's pool.
        relying: bool,
    },
}

/// Lets a future become what the future becomes at which this listens.
///
/// It does not hold that future: if nobody does, nobody can tell what it becomes.
pub(super) trait Link: Send {
    /// The future that becomes.
    fn derived(&mut self) -> &mut Weak<State>;

    /// Gives it the outcome of this future, which is done.
    fn adopt(self: Box<Self>, outcome_of: &Arc<State>);
}

/// A future that another one is derived from.
pub(super) struct Source {
    pub(super) state: Arc<State>,
    /// Where the derived future listens there, once it does.
    pub(super) key: Option<Key>,
    /// Whether the derived future becomes what this one becomes.
    pub(super) linked: bool,
}

impl Source {
    /// Takes away what listens there for the derived future, which is done or gone.
    pub(super) fn leave(&self) {
        if let Some(key) = self.key {
            self.state.forget(key);
        }
    }
}

/// Who is left to be dealt with when a future is done.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) callbacks: Vec<Callback>,
    pub(super) sources: Vec<Source>,
}

/// A listener of a future, which is taken away again when this is dropped; none if the future was done.
pub(crate) struct Listening {
    pub(super) state: Arc<State>,
    pub(super) key: Option<Key>,
}

impl Listening {
    /// Has this waker told instead of the one before; `false` if the future is done.
    pub(super) fn wake_instead(&self, waker: &Waker) -> bool {
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

    /// Does something with the listener, unless it is being told.
    fn with_listener<R>(&self, work: impl FnOnce(&mut Listener) -> R) -> Option<R> {
        let mut listeners = self.state.lock();
        listeners.as_mut()?.roster.get_mut(self.key?).map(work)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.state.forget(key);
        }
    }
}

/// Something to be told, mostly to somebody whose future is done, in a thread that does not sit at the pool's seat:
/// what is called may wait for another future.
pub(crate) enum Notice {
    /// Something to be said on standard error, whoever waits for which future.
    Say(String),
    /// Whoever awaits the future.
    Wake(Waker),
    /// A callback, to be called in the thread that the pool keeps for those of this executor.
    Call(Arc<Inbox>, ClientNumber, Callback),
    /// A future that becomes what this one has become.
    Adopt(Arc<State>, Adoption),
    /// Those who wait for this, after all that was to be told before.
    Open(Arc<Gate>),
}

/// What lets a future become what another one has become.
pub(crate) struct Adoption(pub(super) Box<dyn Link>);

impl Notice {
    pub(crate) fn tell(self) {
        match self {
            Notice::Say(text) => say(&text),
            // A panic of somebody else's waker is reported by the panic hook and harms nobody else.
            Notice::Wake(waker) => drop(task::contain(|| waker.wake())),
            Notice::Call(inbox, client, callback) => inbox.call_back(client, callback),
            Notice::Adopt(state, Adoption(link)) => {
                let (inbox, client) = (Arc::clone(state.inbox()), state.client());
                let later = |adopt| inbox.call_back(client, adopt);
                callbacks::run_here(Calling::Hook, move || link.adopt(&state), later);
            }
            Notice::Open(gate) => gate.open(),
        }
    }
}

/// A function to be called when a future is done.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

impl Listeners {
    /// Adds a listener, and makes sure that somebody drives the pool of this inbox if it relies on that.
    pub(super) fn add(&mut self, listener: Listener, inbox: &Inbox) -> Key {
        if listener.relies() {
            self.relying += 1;
            if self.relying == 1 {
                inbox.seat().rely();
            }
        }
        self.roster.add(listener)
    }

    pub(super) fn remove(&mut self, key: Key, inbox: &Inbox) -> Option<Listener> {
        let listener = self.roster.remove(key)?;
        if listener.relies() {
            self.relying -= 1;
            if self.relying == 0 {
                inbox.seat().relieve();
            }
        }
        Some(listener)
    }
}

impl Listener {
    /// Whether it is to be told by somebody who drives the pool for it.
    fn relies(&self) -> bool {
        !matches!(self, Listener::Report { relying: false, .. })
    }
}
