//! The executors of a pool, until they are drained or broken.

use super::Driver;
use super::worker::WorkerState;
use crate::base::ids::{ClientNumber, WorkerNumber};
use crate::driver::command::shut_down;
use crate::driver::promise::Notice;
use crate::error::Error;
use crate::scheduler::Event;
use crate::wire::message;
use std::sync::Arc;

impl Driver {
    /// Fails everything that is pending of a client, and all that comes, for one reason.
    pub(super) fn break_client(&mut self, number: ClientNumber, reason: Error) {
        let client = &mut self.clients[number.index()];
        client.fail_boot(&reason);
        client.broken.get_or_insert(reason);
        self.handle(Event::BreakClient(number));
    }

    /// Closes every client; when all are drained, the pool has come to its end.
    pub(super) fn end(&mut self) {
        self.ending = true;
        for number in 0..self.clients.len() as u32 {
            // Those that have retired are closed when they have made their last calls.
            if !self.retired.contains(&ClientNumber(number)) {
                self.handle(Event::Close(ClientNumber(number)));
            }
        }
    }

    /// The last task of a closed client is done.
    pub(super) fn drained(&mut self, number: ClientNumber) {
        self.clients_left -= 1;
        let client = &mut self.clients[number.index()];
        client.drained = true;
        client.fail_boot(&shut_down());
        // After the callbacks of its last task have been handed over.
        self.notices.push(Notice::Open(Arc::clone(&client.latch)));
        let Some(progress) = &mut client.progress else { return };
        progress.strip();
        if self.ending {
            return;
        }
        if let Some(transport) = self.transport.as_mut() {
            let ready = self.workers.iter().enumerate().filter(|(_, worker)| worker.phase == WorkerState::Ready);
            ready.for_each(|(worker, _)| transport.send(WorkerNumber(worker as u32), message::forget(number)));
        }
    }
}
