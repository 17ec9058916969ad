//! Turns frames of workers into events of the scheduler and outcomes of futures.

use super::Driver;
use super::worker::WorkerState;
use crate::base::ids::WorkerNumber;
use crate::driver::command::Task;
use crate::driver::outcome::Outcome;
use crate::error::Error;
use crate::scheduler::Event;
use crate::task::registry;
use crate::wire::attachments::total_bytes;
use crate::wire::codec::DecodeFailure;
use crate::wire::frame::Frame;
use crate::wire::memory::Attachment;
use crate::wire::message::{self, Begun, Refused, Reply, Results, ToManager};
use crate::wire::parts::{self, Part};
use crate::wire::payload::Payload;

impl Driver {
    /// Takes in a frame of a worker.
    pub(super) fn read(&mut self, worker: WorkerNumber, frame: Frame) -> Result<(), DecodeFailure> {
        if self.workers[worker.index()].phase == WorkerState::Gone {
            return Ok(());
        }
        match message::to_manager(&frame.bytes)? {
            ToManager::Ready(ready) => self.join(worker, ready),
            ToManager::Refused(Refused::Because(reason)) => self.refuse(worker, &reason),
            ToManager::Refused(Refused::Differs(theirs)) => {
                let reason = registry::difference(&self.registry.descriptions(), &theirs);
                self.refuse(worker, &reason);
            }
            ToManager::Prepared(answer) => self.prepared(worker, answer)?,
            ToManager::Replies(replies) => {
                let mut attachments = frame.attachments.into_iter();
                for reply in replies {
                    let reply = reply?;
                    let attachments = message::take_attachments(&mut attachments, reply.attachments)?;
                    self.reply(worker, &reply, attachments)?;
                }
            }
        }
        if let Some(transport) = &mut self.transport {
            transport.reuse(frame.bytes);
        }
        Ok(())
    }

    fn reply(
        &mut self,
        worker: WorkerNumber,
        reply: &Reply<'_>,
        attachments: Vec<Attachment>,
    ) -> Result<(), DecodeFailure> {
        if self.round_trips.is_measuring() {
            self.note_round_trip(worker, reply, &attachments);
        }
        let Some(task) = self.tasks.get(reply.task.0).filter(|_| self.scheduler.holds(worker, reply.task)) else {
            self.take_late(worker, reply.task);
            return Ok(());
        };
        let has_attempt = task.attempt().is_some();
        let nanos = reply.nanos.max(self.least_nanos(&task.arguments, reply, &attachments));
        let read = self.read_results(worker, task, reply, attachments)?;
        let number = reply.task;
        let unanswered = &mut self.workers[worker.index()].unanswered;
        *unanswered = unanswered
            .checked_sub(1)
            .ok_or_else(|| DecodeFailure("it answered more tasks than it was sent".to_owned()))?;
        self.note_answered(worker, number);
        if self.pending > 0 {
            self.start_clock(worker);
        }
        if !self.workers[worker.index()].proven {
            self.note_success(worker);
        }
        self.watched.replies += 1;
        match read {
            Read::Whole(outcome) => {
                let last = if has_attempt { self.end_try(worker, number, outcome) } else { Some(outcome) };
                if let Some(outcome) = last {
                    // The future first, then the next task: the waiting thread is woken before the driver goes on.
                    self.resolve(number, outcome);
                    self.handle(Event::Finish(worker, number, nanos));
                }
            }
            Read::First(results, last_nanos) => self.divide(worker, number, results, (nanos, last_nanos))?,
        }
        self.begin_limit(worker);
        self.refill(worker);
        Ok(())
    }

    /// The results of a task, and what they say of its pace.
    fn read_results(
        &self,
        worker: WorkerNumber,
        task: &Task,
        reply: &Reply<'_>,
        attachments: Vec<Attachment>,
    ) -> Result<Read, DecodeFailure> {
        if let Some(lease) = task.lease() {
            let (Results::All(bytes) | Results::Mixed(bytes)) = reply.results;
            let calls = reply.done.map_or(task.count, |begun| begun.calls);
            lease.pace.see(calls, reply.nanos, bytes.len() + total_bytes(&attachments), reply.done.is_some());
        }
        match (reply.results, reply.done) {
            (Results::All(values), None) => Ok(Read::Whole(Outcome::Values(Payload::received(values, attachments)))),
            (Results::Mixed(items), None) => {
                let mut results = self.read_items(worker, task, items, attachments, task.count)?;
                Ok(Read::Whole(match results.pop() {
                    Some(Err(error)) if results.is_empty() => Outcome::Failed(error),
                    last => {
                        results.extend(last);
                        Outcome::Items(results.into())
                    }
                }))
            }
            (Results::All(items) | Results::Mixed(items), Some(begun)) if (1..task.count).contains(&begun.calls) => {
                let results = self.read_items(worker, task, items, attachments, begun.calls)?;
                Ok(Read::First(results, begun.last_nanos))
            }
            (_, Some(Begun { calls, .. })) => {
                Err(DecodeFailure(format!("a reply has the results of {calls} calls of {}, and no more", task.count)))
            }
        }
    }

    fn read_items(
        &self,
        worker: WorkerNumber,
        task: &Task,
        items: &[u8],
        attachments: Vec<Attachment>,
        count: u32,
    ) -> Result<Vec<Result<Payload, Error>>, DecodeFailure> {
        let (mut items, mut attachments) = (items, attachments.into_iter());
        let mut results = Vec::new();
        while !items.is_empty() {
            results.push(match parts::take(&mut items, &mut attachments)? {
                Part::Value(value, attachments) => Ok(Payload::received(value, attachments.into())),
                Part::Failure(failure) => Err(Error::from_failure(failure, self.origin(worker, Some(task.function)))),
            });
        }
        if results.len() != count as usize {
            return Err(DecodeFailure(format!("a reply has {} results for {count} calls", results.len())));
        }
        Ok(results)
    }
}

/// What a reply says of a task.
enum Read {
    Whole(Outcome),
    /// The results of its first calls, of which the last took so many nanoseconds; the worker gives back the others.
    First(Vec<Result<Payload, Error>>, u64),
}
