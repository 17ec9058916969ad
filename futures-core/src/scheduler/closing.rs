//! Clients that are closed, some of them after something that they do when their last task is done.

use super::retiring::Retiring;
use super::{Action, Client, Scheduler};
use crate::base::ids::ClientNumber;

impl Client {
    /// Whether it may submit tasks.
    pub(super) fn is_open(&self) -> bool {
        !self.closed
    }

    /// Whether it may submit its last ones: it retires, and was told that all others are done.
    pub(super) fn is_told(&self) -> bool {
        self.retiring == Retiring::Told
    }
}

impl Scheduler {
    /// A client submits nothing more.
    pub(super) fn close(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        client.closed = true;
        client.retiring.end();
        self.drained(number, actions);
    }

    /// Cancels what a client has queued, but for what its workers do last, which is done in any case.
    pub(super) fn cancel_all(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        if !self.clients[number.index()].retiring.is_last() {
            self.empty_queue(number, actions, Action::Cancelled);
        }
    }

    /// Ends a client if it is closed and none of its tasks is left.
    pub(super) fn drained(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        if client.closed && !client.drained && client.queued + client.dispatched + client.delayed == 0 {
            if client.retiring.tell() {
                actions.push(Action::Retired(number));
            }
            if client.retiring == Retiring::Told {
                return;
            }
            client.drained = true;
            self.classes.forget(number);
            actions.push(Action::Drained(number));
        }
    }

    /// A client submits nothing more until its last task is done.
    pub(super) fn retire(&mut self, number: ClientNumber, actions: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        if !client.closed {
            client.closed = true;
            client.retiring = Retiring::Waits;
            self.drained(number, actions);
        }
    }
}
