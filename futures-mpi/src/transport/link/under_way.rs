//! What a worker has sent and MPI has not let go of: it is kept while the worker computes on, and moved on by a thread
//! of its own when the worker computes for long.
//!
//! Most messages reach the manager without this process, either because MPI has copied them or because the manager's
//! MPI fetches them. But MPI lets go of many of them only when the manager has looked, up to a millisecond later; a
//! worker that waited for that would compute half of the time. Others move only while this process calls MPI, as those
//! beyond some kilobytes do in shared memory from which the system lets no other process fetch, and those beyond 64 KiB
//! over TCP. The worker moves them on whenever it sends or receives; when it has done neither for a while, the helper
//! does.

use crate::sys::{self, Sending, ThreadLevel};
use futures_mpi_core::engine::{Backoff, Pause};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// So many bytes may be under way while the worker computes.
const BYTES_MAX: usize = 8 << 20;

/// So many sends may be under way while the worker computes: each may hold a piece of the memory that MPI shares with
/// the manager, and there are some hundred pieces.
const SENDS_MAX: usize = 64;

/// The helper moves sends on when the worker has not called for so long.
const ABSENCE: Duration = Duration::from_millis(4);

/// After so many of these without anything under way the helper sleeps until it is called.
const QUIET: u32 = 25;

/// The longest pause of the helper between two looks.
const HELPER_BACKOFF: Duration = Duration::from_millis(1);

/// Whether helpers must not call MPI any more, because this process is ending.
static ENDED: Mutex<bool> = Mutex::new(false);

/// Keeps helpers from calling MPI from now on: this process is ending.
pub(crate) fn end_help() {
    *lock(&ENDED) = true;
}

/// What a worker has sent and MPI has not let go of.
pub(super) struct UnderWay {
    shared: Arc<Shared>,
    /// How much there was at the worker's last look; the helper only makes it less.
    amount: Amount,
    helper: Helper,
}

/// The thread that moves sends on while the worker computes.
enum Helper {
    /// Nothing has been under way yet.
    Unborn,
    Running(JoinHandle<()>),
    /// MPI allows one thread only, or the system gives none: the worker waits until nothing is under way.
    Impossible,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    sends: usize,
    bytes: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// In the order in which they were started.
    sends: VecDeque<Sending>,
    bytes: usize,
    /// How often the worker has called.
    calls: u64,
    /// Whether the helper sleeps until it is called.
    asleep: bool,
    /// Whether the helper is to end.
    over: bool,
    /// What the helper has come across.
    error: Option<String>,
}

impl UnderWay {
    pub(super) fn new() -> Self {
        let helper = if sys::thread_level() < ThreadLevel::Multiple { Helper::Impossible } else { Helper::Unborn };
        UnderWay { shared: Arc::default(), amount: Amount::default(), helper }
    }

    /// Whether MPI had let go of everything at the last look.
    pub(super) fn is_empty(&self) -> bool {
        self.amount.sends == 0
    }

    /// How many bytes there were at the last look.
    pub(super) fn len_bytes(&self) -> usize {
        self.amount.bytes
    }

    /// Whether the worker may compute on.
    pub(super) fn may_be_left(&self) -> bool {
        match self.helper {
            Helper::Impossible => self.is_empty(),
            _ => self.amount.sends <= SENDS_MAX && self.amount.bytes <= BYTES_MAX,
        }
    }

    /// Takes over what was sent, in this order.
    pub(super) fn add(&mut self, sends: impl Iterator<Item = Sending>) {
        let mut state = self.shared.lock();
        for sending in sends {
            state.bytes += sending.len_bytes();
            state.sends.push_back(sending);
        }
        state.calls += 1;
        self.amount = state.amount();
        if std::mem::take(&mut state.asleep) {
            self.shared.changed.notify_one();
        }
        drop(state);
        if matches!(self.helper, Helper::Unborn) && !self.is_empty() {
            let shared = Arc::clone(&self.shared);
            let thread = thread::Builder::new().name("futures-mpi sends".to_owned());
            self.helper = thread.spawn(move || shared.help()).map_or(Helper::Impossible, Helper::Running);
        }
    }

    /// Moves on what is under way, and frees what MPI has let go of.
    pub(super) fn advance(&mut self) -> Result<(), String> {
        if self.is_empty() {
            return Ok(());
        }
        let mut state = self.shared.lock();
        state.calls += 1;
        state.advance();
        self.amount = state.amount();
        state.error.take().map_or(Ok(()), Err)
    }

    /// Ends the helper.
    pub(super) fn end(&mut self) {
        if let Helper::Running(helper) = std::mem::replace(&mut self.helper, Helper::Impossible) {
            self.shared.lock().over = true;
            self.shared.changed.notify_one();
            // It does not panic, and if it did nothing would be missing.
            drop(helper.join());
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn amount(&self) -> Amount {
        Amount { sends: self.sends.len(), bytes: self.bytes }
    }

    /// A look at the oldest moves the others on as well.
    fn advance(&mut self) {
        while let Some(oldest) = self.sends.front_mut() {
            match oldest.test() {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => drop(self.error.get_or_insert(error.to_string())),
            }
            self.bytes -= oldest.len_bytes();
            self.sends.pop_front();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits until the end, or for this long.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waits = |state: &mut State| !state.over;
        self.changed.wait_timeout_while(state, time, waits).unwrap_or_else(PoisonError::into_inner).0
    }

    /// What the helper does.
    fn help(&self) {
        let mut quiet = 0;
        let mut state = self.lock();
        while !state.over {
            quiet = if state.sends.is_empty() { quiet + 1 } else { 0 };
            if quiet > QUIET {
                state.asleep = true;
                let waits = |state: &mut State| state.asleep && !state.over;
                state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
                quiet = 0;
                continue;
            }
            let calls = state.calls;
            state = self.wait(state, ABSENCE);
            if state.calls == calls && !state.sends.is_empty() {
                state = self.move_on(state);
            }
        }
    }

    /// Moves sends on until MPI has let go of them or the worker calls again.
    fn move_on<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let calls = state.calls;
        let mut pace = Backoff::new(HELPER_BACKOFF, true);
        loop {
            let ended = lock(&ENDED);
            if *ended {
                state.over = true;
            } else {
                state.advance();
            }
            drop(ended);
            if state.over || state.sends.is_empty() || state.calls != calls {
                return state;
            }
            state = match pace.pause() {
                Pause::Sleep(time) => self.wait(state, time),
                Pause::Spin | Pause::Yield => state,
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
