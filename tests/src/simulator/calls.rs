//! The calls that a simulated program has made, their futures, and what was heard of them.

use super::clock;
use super::plan::Terms;
use super::tasks::{Arguments, Ending};
use futures_mpi_core::{Error, Future, MapIter};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// The results of a map of simulated calls.
pub(super) type Results = MapIter<Arguments, u64, std::vec::IntoIter<Arguments>>;

/// All calls, in the order in which they were made.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
    pub(super) maps: Vec<MapCalls>,
    /// The calls whose futures have woken somebody since it was last looked at.
    rung: Arc<Mutex<Vec<usize>>>,
    tokens: u64,
}

/// What is expected of a call by what was asked of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) token: u64,
    pub(super) ending: Ending,
    pub(super) terms: Terms,
    /// The worker that may execute it, if it is not any.
    pub(super) only_on: Option<u32>,
    /// It was made too late.
    pub(super) refused: bool,
    /// It was cancelled, and its future has said that this was in time.
    pub(super) cancelled: bool,
    /// When that was.
    pub(super) cancelled_at: u64,
    /// Somebody has asked for its cancellation, and will not learn whether it was in time.
    pub(super) given_up: bool,
    /// The client, if workers are to be prepared for it.
    pub(super) prepared: Option<u32>,
    /// The preparations may fail.
    pub(super) unfit: bool,
}

/// A call with a future of its own.
pub(super) struct Call {
    pub(super) client: u32,
    pub(super) expected: Expected,
    pub(super) future: Future<u64>,
    /// How often its future has said that it is done.
    pub(super) heard: u32,
}

/// The calls of a map.
pub(super) struct MapCalls {
    pub(super) client: u32,
    pub(super) items: Vec<Expected>,
    /// None when they were dropped.
    pub(super) results: Option<Results>,
}

impl Call {
    pub(super) fn new(client: u32, expected: Expected, future: Future<u64>) -> Self {
        Call { client, expected, future, heard: 0 }
    }
}

impl MapCalls {
    pub(super) fn new(client: u32, items: Vec<Expected>, results: Results) -> Self {
        MapCalls { client, items, results: Some(results) }
    }

    /// What became of the calls; `None` if nobody wanted to know.
    pub(super) fn outcomes(&mut self) -> Option<Vec<Result<u64, Error>>> {
        self.results.take().map(Iterator::collect)
    }
}

impl Calls {
    /// Adds a call and listens to its future; returns its number.
    pub(super) fn add(&mut self, mut call: Call) -> usize {
        let number = self.calls.len();
        self.tokens += 1;
        let waker = Waker::from(Arc::new(Bell { call: number, rung: Arc::clone(&self.rung) }));
        let polled = Pin::new(&mut call.future).poll(&mut Context::from_waker(&waker));
        call.heard = u32::from(polled.is_ready());
        self.calls.push(call);
        number
    }

    pub(super) fn add_map(&mut self, map: MapCalls) {
        self.tokens += map.items.len() as u64;
        self.maps.push(map);
    }

    /// Whether the call with this token is done; it is none of a map.
    pub(super) fn is_done(&self, token: u64) -> bool {
        self.calls.iter().any(|call| call.expected.token == token && call.future.done())
    }

    /// Cancels one of the calls; returns its number and whether it was in time.
    pub(super) fn cancel(&mut self, which: u64) -> Option<(usize, bool)> {
        let number = (which % (self.calls.len() as u64).max(1)) as usize;
        let call = self.calls.get_mut(number)?;
        let cancelled = call.future.cancel();
        if cancelled && !call.expected.cancelled {
            (call.expected.cancelled, call.expected.cancelled_at) = (true, clock::now());
        }
        Some((number, cancelled))
    }

    /// Drops the results of one of the maps.
    pub(super) fn drop_map(&mut self, which: u64) {
        let number = (which % (self.maps.len() as u64).max(1)) as usize;
        if let Some(map) = self.maps.get_mut(number) {
            map.results = None;
            map.items.iter_mut().for_each(|item| item.given_up = true);
        }
    }

    /// A client has cancelled all that it has queued.
    pub(super) fn cancel_all(&mut self, client: u32) {
        let calls = self.calls.iter_mut().filter(|call| call.client == client).map(|call| &mut call.expected);
        let maps = self.maps.iter_mut().filter(|map| map.client == client).flat_map(|map| &mut map.items);
        calls.chain(maps).for_each(|expected| expected.given_up = true);
    }

    /// The calls that are done since the last time that it was asked for.
    pub(super) fn heard(&mut self) -> Vec<usize> {
        let rung = std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner));
        rung.iter().for_each(|call| self.calls[*call].heard += 1);
        rung
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> u64 {
        self.tokens
    }
}

/// Notes which future has woken its waiter.
struct Bell {
    call: usize,
    rung: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).push(self.call);
    }
}
