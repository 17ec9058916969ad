//! The far end of the model's pool: workers, and the wire to them.

use crate::base::deep_sleep::{Rule, Silence};
use crate::base::parker;
use crate::driver::promise::Promise;
use crate::faults::{self, Fault};
use crate::pool::shared::Pool;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Condvar, Mutex, MutexGuard};
use shuttle::thread;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// How the pool learns that a reply has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrivals {
    /// Each is announced, after it is there.
    Announced,
    /// Nobody announces a reply: the worker holds it back until somebody asks.
    HeldBack,
    /// The pool looks for them. After a silence the worker wakes it up, a little before the reply can be found.
    LookedFor,
}

/// Looks that may find nothing although the reply was sent, at the most.
const LATE_LOOKS_MAX: u32 = 3;

/// While all others sleep no time passes; a worker waits no longer than this then.
const YIELDS_MAX: u32 = 100;

/// What travels between a pool and its workers.
pub(crate) struct Wire {
    arrivals: Arrivals,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Arc<Promise>>,
    /// Replies, each with the number of looks that do not find it yet.
    replies: VecDeque<(u32, Arc<Promise>)>,
    /// How many tasks workers have taken.
    taken: usize,
    over: bool,
}

impl Wire {
    pub(crate) fn new(arrivals: Arrivals) -> Arc<Self> {
        Arc::new(Wire { arrivals, state: Mutex::default(), changed: Condvar::new() })
    }

    pub(crate) fn holds_back(&self) -> bool {
        self.arrivals == Arrivals::HeldBack
    }

    /// Sends a task to the workers.
    pub(crate) fn send(&self, promise: Arc<Promise>) {
        self.lock().tasks.push_back(promise);
        self.changed.notify_one();
    }

    /// The next reply, if it can be found.
    pub(crate) fn receive(&self) -> Option<Arc<Promise>> {
        let mut state = self.lock();
        match state.replies.front_mut()? {
            (0, _) => state.replies.pop_front().map(|(_, promise)| promise),
            (late, _) => {
                *late -= 1;
                None
            }
        }
    }

    /// How many tasks workers have taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().taken
    }

    /// Lets the workers end.
    pub(crate) fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    fn next_task(&self) -> Option<Arc<Promise>> {
        let mut state = self.lock();
        loop {
            if let Some(promise) = state.tasks.pop_front() {
                state.taken += 1;
                return Some(promise);
            }
            if state.over {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn reply(&self, late: u32, promise: Arc<Promise>) {
        self.lock().replies.push_back((late, promise));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker: answers tasks until the wire ends.
pub(crate) fn work(pool: &Pool, wire: &Wire) {
    let mut silence = Silence::default();
    while let Some(promise) = wire.next_task() {
        take_time();
        if faults::is(Fault::FoundLate) {
            silence.end(faults::now());
            take_time();
        }
        match wire.arrivals {
            Arrivals::Announced => {
                wire.reply(0, promise);
                pool.progress().notify();
            }
            Arrivals::HeldBack => wire.reply(0, promise),
            // In the order of `MpiLink::send`.
            Arrivals::LookedFor => {
                wire.reply(thread_rng().gen_range(0..=LATE_LOOKS_MAX), promise);
                if silence.end(faults::now()) {
                    pool.progress().notify();
                }
            }
        }
    }
}

/// A worker that answers its tasks after another one is done.
pub(crate) fn work_after(before: &Promise, pool: &Pool, wire: &Wire) {
    while let Some(promise) = wire.next_task() {
        assert!(parker::wait_for(before, None));
        wire.reply(0, promise);
        pool.progress().notify();
    }
}

/// Lets a while pass, at the most long enough for everybody else to fall into deep sleep, in which no time passes here.
pub(crate) fn take_time() {
    let some_time = || faults::now() + Rule::get().after.mul_f64(thread_rng().gen_range(0.0..2.0));
    let until = faults::meeting().unwrap_or_else(some_time);
    for _ in 0..YIELDS_MAX {
        if faults::now() >= until {
            return;
        }
        thread::yield_now();
    }
}
