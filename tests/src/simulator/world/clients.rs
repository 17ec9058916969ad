//! What programs do with their executors.

use super::{BOOT_LIMIT, Mishaps, World};
use crate::simulator::calls::{Call, Expected, MapCalls};
use crate::simulator::plan::{QUICK, TOO_LONG, Terms};
use crate::simulator::tasks::{
    Arguments, CLIENT, Ending, Preparations, simulated_exit, simulated_initializer, simulated_long, simulated_short,
};
use crate::simulator::trace::Entry;
use crate::simulator::worker::ModelledWorker;
use futures_mpi_core::Executor;
use futures_mpi_core::engine::Manager;
use futures_mpi_core::options::{CommonOptions, Decided};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A run takes far less real time.
const RESULT_NEVER_COMES: Duration = Duration::from_secs(10);

/// An executor, and what was asked of it.
pub(in crate::simulator) struct Client {
    pub(in crate::simulator) executor: Executor,
    shut_down: bool,
    preparations: Option<Preparations>,
    /// Whether the workers are to do something last for it; known when it is shut down.
    pub(in crate::simulator) exits: bool,
}

impl Client {
    /// One that wants these preparations; it may be the only one of its pool, and its workers may have to do something
    /// last.
    pub(super) fn new(
        manager: &Arc<Manager>,
        (owning, exits): (bool, bool),
        number: u32,
        preparations: Option<Preparations>,
    ) -> Self {
        let options = options(number, preparations, exits);
        let executor = match owning {
            true => Executor::owning(Arc::clone(manager), options),
            false => Executor::sharing(Arc::clone(manager), options),
        };
        Client { executor, shut_down: false, preparations, exits: false }
    }
}

impl World {
    pub(super) fn submit(&mut self, client: u32, long: bool, (nanos, ending): (u64, Ending), terms: Terms) {
        let token = self.token();
        let function = if long { simulated_long::ID } else { simulated_short::ID };
        let executor = &self.clients[client as usize].executor;
        let arguments = (token, nanos, ending as u8);
        let future = if terms == Terms::default() {
            executor.submit(function, arguments)
        } else {
            let backoff = Duration::from_nanos(terms.backoff_nanos);
            let call = executor.call(function).retries(terms.retries).retry_backoff(backoff, Duration::MAX);
            match terms.limit_nanos {
                0 => call.submit(arguments),
                limit => call.task_timeout(Duration::from_nanos(limit)).submit(arguments),
            }
        };
        let expected = self.expected(client, token, ending, terms);
        let number = self.calls.add(Call::new(client, expected, future));
        self.add(Entry::Called(number, client));
    }

    /// Only workers can be named that were there from the beginning, and only after that.
    pub(super) fn submit_to(&mut self, worker: u32, client: u32, (nanos, ending): (u64, Ending)) {
        if self.stepper.as_ref().is_none_or(|stepper| !stepper.is_booted()) {
            return;
        }
        let token = self.token();
        let executor = &self.clients[client as usize].executor;
        let future = executor.submit_to(worker as usize, simulated_long::ID, (token, nanos, ending as u8));
        let expected = Expected { only_on: Some(worker), ..self.expected(client, token, ending, Terms::default()) };
        let number = self.calls.add(Call::new(client, expected, future));
        self.add(Entry::Called(number, client));
    }

    /// One such call at a time: then all others can be executed beside it, if not before.
    pub(super) fn follow(&mut self, client: u32, long: bool) {
        (0..QUICK).for_each(|_| self.submit(client, long, (0, Ending::Value), Terms::default()));
        if self.follower.is_none_or(|token| self.calls.is_done(token)) {
            self.submit(client, long, (0, Ending::Following), Terms::default());
            self.follower = Some(self.next_token);
        }
    }

    pub(super) fn map(
        &mut self,
        client: u32,
        long: bool,
        (nanos, ending): (u64, Ending),
        (count, chunksize, lease_micros): (u32, u32, u32),
        terms: Terms,
    ) {
        let endings = (1..=count).map(|place| if place == count { ending } else { Ending::Value });
        let items: Vec<(u64, Ending)> = endings.map(|ending| (self.token(), ending)).collect();
        let function = if long { simulated_long::ID } else { simulated_short::ID };
        let arguments: Vec<Arguments> = items.iter().map(|(token, ending)| (*token, nanos, *ending as u8)).collect();
        // Real time, in which a map may be late only if a result never comes: then it ends instead of waiting for ever.
        let map = self.clients[client as usize].executor.map(function, arguments).timeout(RESULT_NEVER_COMES);
        let mut map = map.chunksize(chunksize as usize);
        if let Some(micros) = NonZeroU32::new(lease_micros) {
            map = map.lent(micros);
        }
        if terms != Terms::default() {
            map = map.retries(terms.retries).retry_backoff(Duration::from_nanos(terms.backoff_nanos), Duration::MAX);
        }
        if terms.limit_nanos > 0 {
            map = map.task_timeout(Duration::from_nanos(terms.limit_nanos));
        }
        let results = map.into_iter();
        let items = items.into_iter().map(|(token, ending)| self.expected(client, token, ending, terms)).collect();
        self.calls.add_map(MapCalls::new(client, items, results));
    }

    /// What is expected of a call of a client that is made now.
    fn expected(&self, client: u32, token: u64, ending: Ending, terms: Terms) -> Expected {
        let Client { shut_down, preparations, .. } = self.clients[client as usize];
        let refused = self.mishaps.ended || shut_down;
        let unfit =
            preparations.is_some_and(|own| own.failing.is_some() || own.nanos >= TOO_LONG || self.are_held_up());
        let prepared = preparations.map(|_| client);
        let (cancelled, cancelled_at, given_up) = (false, 0, false);
        let only_on = None;
        Expected { token, ending, terms, only_on, refused, cancelled, cancelled_at, given_up, prepared, unfit }
    }

    /// Whether initializers may keep workers from anything else for too long.
    pub(in crate::simulator) fn may_hang(&self) -> bool {
        self.clients.iter().filter_map(|client| client.preparations).any(|all| all.nanos >= TOO_LONG)
    }

    /// Whether nothing can break this client.
    pub(in crate::simulator) fn is_fit(&self, client: &Client) -> bool {
        let Mishaps { boot, abandoned, all, .. } = self.mishaps;
        !boot && !abandoned && !all && client.preparations.is_none_or(|own| own.failing.is_none())
    }

    /// Whether initializers that do not end may hold the workers up for longer than other executors have patience: one
    /// alone comes back in time, at a worker that is not slow.
    fn are_held_up(&self) -> bool {
        let endless = self.clients.iter().filter(|client| client.preparations.is_some_and(|all| all.nanos >= TOO_LONG));
        endless.count() > 1 || self.workers.iter().any(ModelledWorker::is_slow)
    }

    pub(super) fn shut_down(&mut self, client: u32, cancel: bool) {
        let client_of = &mut self.clients[client as usize];
        client_of.executor.shutdown(false, cancel);
        // What is shut down after the end of the pool comes too late.
        client_of.exits |= self.exits && !client_of.shut_down && !self.mishaps.ended;
        client_of.shut_down = true;
        if cancel {
            self.calls.cancel_all(client);
        }
    }
}

/// The options of a client.
fn options(number: u32, preparations: Option<Preparations>, exits: bool) -> Decided {
    let mut options = CommonOptions::default();
    options.boot_limit = Some(BOOT_LIMIT);
    if preparations.is_some() || exits {
        options.global(CLIENT.to_owned(), &number);
    }
    if exits {
        options.exit(simulated_exit::ID);
    }
    if let Some(Preparations { nanos, failing }) = preparations {
        options.initializer(simulated_initializer::ID, (nanos, failing));
    }
    options.decide().expect("they are good")
}
