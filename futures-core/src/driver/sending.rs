//! What leaves for the workers, and when.

use super::Driver;
use crate::base::ids::WorkerNumber;

impl Driver {
    /// Sends what is ready to be sent.
    pub(crate) fn flush(&mut self) {
        self.urgent.clear();
        while let Some(worker) = self.unsent.pop() {
            self.send(worker);
        }
    }

    /// Sends what waits for workers that had nothing to do when it was put there; the rest may wait for company.
    pub(crate) fn send_urgent(&mut self) {
        while let Some(worker) = self.urgent.pop() {
            self.send(worker);
        }
    }

    /// Sends what is ready for a worker.
    pub(super) fn send(&mut self, number: WorkerNumber) {
        let worker = &mut self.workers[number.index()];
        let frame = std::mem::take(&mut worker.outgoing);
        worker.unanswered += std::mem::take(&mut worker.unsent);
        if self.round_trips.is_measuring() {
            worker.round_trip.note_sent(self.now);
        }
        if let Some(transport) = self.transport.as_mut().filter(|_| !frame.is_empty()) {
            transport.send(number, frame);
        }
    }
}
