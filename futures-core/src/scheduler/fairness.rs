//! Judges whether the clients of a scheduler take turns, by what it has done; for tests and simulations.

use super::Scheduler;
use crate::base::ids::ClientNumber;
use std::collections::BTreeSet;

/// What must be true of the next tasks that are dispatched: no client is given a second worker while another, which has
/// waited ever since the first, has none.
#[derive(Debug, Default)]
pub(crate) struct Fairness {
    /// Clients, and others that have had a queued task ever since the last time that the first was given a worker.
    overtaken: BTreeSet<(ClientNumber, ClientNumber)>,
}

impl Fairness {
    /// Takes note of what became of one event: the clients whose tasks were dispatched, in this order, and the state
    /// after it.
    ///
    /// # Panics
    ///
    /// If a client was given more than its turn.
    pub(crate) fn see(&mut self, dispatched: &[ClientNumber], scheduler: &Scheduler) {
        let waiting: Vec<ClientNumber> = scheduler.waiting().collect();
        // Who has nothing queued any more, because it was cancelled, waits for nothing.
        self.overtaken.retain(|(_, other)| dispatched.contains(other) || waiting.contains(other));
        for client in dispatched {
            let overtaken = self.overtaken.iter().find(|(first, _)| first == client);
            assert_eq!(overtaken, None, "clients take turns");
            self.overtaken.retain(|(_, other)| other != client);
            let others = waiting.iter().filter(|other| *other != client);
            self.overtaken.extend(others.map(|other| (*client, *other)));
        }
    }
}
