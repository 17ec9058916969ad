//! What an executor has its workers do last: one call on each, when its last task is done.

use super::Driver;
use crate::base::ids::ClientNumber;
use crate::driver::command::{LastCalls, Task};
use crate::scheduler::{Action, Event};
use crate::wire::payload::Payload;
use std::sync::Arc;

impl Driver {
    /// A client submits nothing more, and has these calls made when its last task is done.
    pub(super) fn retire(&mut self, number: ClientNumber, last: LastCalls) {
        self.clients[number.index()].last_calls = Some(last);
        self.handle(Event::Retire(number));
    }

    /// The last task of a client that retires is done: its last calls are made once all workers are there.
    pub(super) fn retired(&mut self, number: ClientNumber, more: &mut Vec<Action>) {
        if self.boot.is_decided() || self.broken.is_some() {
            self.make_last_calls(number, more);
        } else {
            self.retired.push(number);
        }
    }

    /// The start of the pool is decided: clients that have waited for that make their last calls.
    pub(super) fn make_all_last_calls(&mut self) {
        for number in std::mem::take(&mut self.retired) {
            self.carry_out(|driver, actions| driver.make_last_calls(number, actions));
        }
    }

    /// Makes the last calls of a client, unless it is broken, and closes it.
    fn make_last_calls(&mut self, number: ClientNumber, more: &mut Vec<Action>) {
        let client = &mut self.clients[number.index()];
        let last = client.last_calls.take().filter(|_| client.broken.is_none() && self.broken.is_none());
        if let Some(LastCalls { function, promise, promises }) = last {
            let workers = self.workers_for(number).into_iter();
            let calls: Vec<_> = workers.map_while(|worker| Some((worker, promise()?))).collect();
            // Before the first of them can be done.
            promises.get_or_init(|| calls.iter().map(|(_, promise)| Arc::clone(promise)).collect());
            for (worker, promise) in calls {
                let (task, arguments) = (promise.task(), Payload::default());
                let known =
                    self.take_in(Task { promise, client: number, function, count: 1, arguments, special: None });
                if let Some(function) = known {
                    self.schedule_bound(Event::SubmitLast(number, task, function, worker), worker, more);
                }
            }
        }
        self.schedule(Event::Close(number), more);
    }
}
