//! Measures round trips by tasks and their replies, and lets all know of them.

use super::Driver;
use super::round_trip::{is_small, len_bytes};
use crate::base::ids::WorkerNumber;
use crate::scheduler::Event;
use crate::wire::memory::Attachment;
use crate::wire::message::{Reply, Results};
use crate::wire::payload::Payload;

/// A task of a worker that is far away counts as no shorter than its bytes take at this rate, so that no more of them
/// are on their way than a quick link takes.
const BYTES_PER_NANO: u64 = 1;

impl Driver {
    /// Whether the time has to be known before a task is submitted.
    pub(crate) fn times_submission(&self) -> bool {
        self.round_trips.wants_sample() && self.scheduler.has_idle()
    }

    /// A worker has answered a task.
    pub(super) fn note_round_trip(&mut self, number: WorkerNumber, reply: &Reply<'_>, attachments: &[Attachment]) {
        let worker = &mut self.workers[number.index()].round_trip;
        if !worker.note_answered(reply.task, reply.nanos) {
            return;
        }
        let (Results::All(bytes) | Results::Mixed(bytes)) = reply.results;
        if self.round_trips.end(worker, self.now, is_small(bytes, attachments)) {
            self.publish_round_trip();
        }
    }

    /// How long a task with so many bytes of arguments and results counts at least.
    pub(super) fn least_nanos(&self, arguments: &Payload, reply: &Reply<'_>, attachments: &[Attachment]) -> u64 {
        if self.round_trips.longest.is_zero() {
            return 0;
        }
        let (Results::All(bytes) | Results::Mixed(bytes)) = reply.results;
        let length = len_bytes(arguments.bytes(), arguments.attachments()) + len_bytes(bytes, attachments);
        length as u64 / BYTES_PER_NANO
    }

    /// Lets all know of the longest round trips that have to do with their length.
    pub(super) fn publish_round_trip(&mut self) {
        let longest = self.round_trips.longest;
        self.boot.set_round_trip(longest);
        self.handle(Event::RoundTrip(longest.as_nanos() as u32));
    }
}
