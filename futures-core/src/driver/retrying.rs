//! Retries, time limits, and the tasks of lost workers.

use super::Driver;
use super::policy::Timer;
use crate::base::ids::{TaskNumber, WorkerNumber};
use crate::driver::outcome::Outcome;
use crate::error::{Error, Kind};
use crate::scheduler::Event;
use crate::wire::message::{self, ToWorker};
use crate::wire::payload::Payload;
use std::time::Duration;

impl Driver {
    /// Whether the next step may depend on the time.
    pub(crate) fn needs_time(&self) -> bool {
        self.tasks_with_policy > 0 || self.pending > 0 || self.replacements.need_time() || self.has_timers()
    }

    /// Whether something is to be done at a certain time.
    pub(crate) fn has_timers(&self) -> bool {
        !self.deadlines.is_empty() || !self.timers.is_empty() || self.replacements.have_timers()
    }

    /// Whether nothing is awaited that has a limit.
    pub(crate) fn is_calm(&self) -> bool {
        self.boot.is_decided() && !self.has_timers() && self.recalls.is_empty()
    }

    /// Whether nothing is to be done before the transport or a command wakes the driver, after a long silence.
    pub(crate) fn is_called(&self) -> bool {
        self.is_calm() && self.transport.as_ref().is_some_and(|transport| transport.wakes_from_deep_sleep())
    }

    /// How long the workers need nothing from this side; zero if that is unknown.
    pub(crate) fn patience(&mut self) -> Duration {
        if self.transport.as_ref().is_some_and(|transport| transport.is_moving()) {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.scheduler.patience_nanos().into())
    }

    /// A task with a policy has been dispatched.
    pub(super) fn begin_try(&mut self, worker: WorkerNumber, number: TaskNumber) {
        let Some(attempt) = self.tasks.get_mut(number.0).and_then(|task| task.attempt_mut()) else { return };
        attempt.worker = worker;
        self.begin_limit(worker);
    }

    /// Starts the time limit of the first task on a worker, if it has one: the time behind other tasks does not count.
    pub(super) fn begin_limit(&mut self, worker: WorkerNumber) {
        if self.tasks_with_policy == 0 {
            return;
        }
        let Some(number) = self.scheduler.held(worker).next() else { return };
        let attempt = self.tasks.get(number.0).and_then(|task| task.attempt());
        if let Some(limit) = attempt.filter(|attempt| attempt.timer.is_none()).and_then(|attempt| attempt.policy.limit)
        {
            self.set_timer(number, limit, Timer::GiveUp);
        }
    }

    /// Takes the outcome of a task that a worker has executed, and returns it if it is final.
    pub(super) fn end_try(&mut self, worker: WorkerNumber, number: TaskNumber, outcome: Outcome) -> Option<Outcome> {
        self.stop_timer(number);
        let tried_again = match &outcome {
            Outcome::Failed(error) => self.try_again(worker, number, error),
            Outcome::Items(items) => items
                .iter()
                .filter_map(|result| result.as_ref().err())
                .any(|error| self.try_again(worker, number, error)),
            Outcome::Values(_) | Outcome::Local(_) => false,
        };
        (!tried_again).then_some(outcome)
    }

    /// Lets a dispatched task rest until its next attempt, if it may have one after this error.
    fn try_again(&mut self, worker: WorkerNumber, number: TaskNumber, error: &Error) -> bool {
        let Some(task) = self.tasks.get_mut(number.0) else { return false };
        let Some(attempt) = task.attempt_mut() else { return false };
        let Some(wait) = attempt.next_try(error) else { return false };
        attempt.retries += 1;
        task.promise.rest();
        // The limit of this attempt does not apply to the next.
        self.stop_timer(number);
        self.handle(Event::Postpone(worker, number));
        if wait.is_zero() {
            self.handle(Event::Resume(number));
        } else {
            self.set_timer(number, wait, Timer::Resume);
        }
        true
    }

    fn set_timer(&mut self, number: TaskNumber, after: Duration, timer: Timer) {
        let time = self.now.saturating_add(after);
        if let Some(attempt) = self.tasks.get_mut(number.0).and_then(|task| task.attempt_mut()) {
            attempt.timer = Some(time);
            self.timers.insert((time, number), timer);
        }
    }

    pub(super) fn stop_timer(&mut self, number: TaskNumber) {
        let attempt = self.tasks.get_mut(number.0).and_then(|task| task.attempt_mut());
        if let Some(time) = attempt.and_then(|attempt| attempt.timer.take()) {
            self.timers.remove(&(time, number));
        }
    }

    /// Carries out the timers that are due.
    pub(super) fn check_timers(&mut self) {
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((time, number), timer) = entry.remove_entry();
            let attempt = self.tasks.get_mut(number.0).and_then(|task| task.attempt_mut());
            debug_assert_eq!(
                attempt.as_ref().and_then(|attempt| attempt.timer),
                Some(time),
                "it is stopped with its task"
            );
            if let Some(attempt) = attempt {
                attempt.timer = None;
            }
            match timer {
                Timer::Resume => self.handle(Event::Resume(number)),
                Timer::GiveUp => self.give_up(number),
            }
        }
    }

    /// Fails a dispatched task that has exceeded its limit. Its worker gets no other until it has answered.
    fn give_up(&mut self, number: TaskNumber) {
        let Some(task) = self.tasks.get(number.0) else { return };
        let Some(worker) = task.attempt().map(|attempt| attempt.worker) else { return };
        let limit = task.attempt().and_then(|attempt| attempt.policy.limit).unwrap_or_default();
        let message = format!(
            "the task exceeded its time limit of {:.3} s (counted from when its worker was free to \
             start it)",
            limit.as_secs_f64()
        );
        let error = Error::with_origin(Kind::Timeout, message, self.origin(worker, Some(task.function)));
        self.late.insert((worker, number));
        self.handle(Event::PauseWorker(worker));
        self.start_clock(worker);
        if !self.try_again(worker, number, &error) {
            self.resolve(number, Outcome::Failed(error));
            self.handle(Event::Withdraw(worker, number));
        }
        // The worker may never answer, and the tasks behind this one must not wait forever.
        self.recall(worker);
        self.handle(Event::Block(worker));
        self.begin_limit(worker);
    }

    /// Takes a worker's answer to a task that has timed out.
    pub(super) fn take_late(&mut self, worker: WorkerNumber, task: TaskNumber) {
        if self.late.remove(&(worker, task)) {
            let unanswered = &mut self.workers[worker.index()].unanswered;
            *unanswered = unanswered.saturating_sub(1);
            self.note_answered(worker, task);
            self.start_clock(worker);
            self.handle(Event::ResumeWorker(worker));
            self.refill(worker);
        }
    }

    /// Recovers tasks from a lost worker: those that have not been sent, and those that may be retried. Any task that
    /// has been sent may have begun.
    pub(super) fn reclaim(&mut self, worker: WorkerNumber) {
        self.late.retain(|(late, _)| *late != worker);
        self.forget_ahead(worker);
        // Nothing must be sent to this worker any more.
        self.handle(Event::PauseWorker(worker));
        self.take_back_unsent(worker);
        let held: Vec<TaskNumber> = self.scheduler.held(worker).collect();
        for number in held {
            if let Some(task) = self.tasks.get(number.0).filter(|task| task.attempt().is_some()) {
                let error = self.loss_error(worker, Some(task.function));
                self.try_again(worker, number, &error);
            }
        }
    }

    fn take_back_unsent(&mut self, worker: WorkerNumber) {
        let gone = &mut self.workers[worker.index()];
        let frame = std::mem::take(&mut gone.outgoing);
        gone.unsent = 0;
        let Ok(ToWorker::Tasks(calls)) = message::to_worker(&frame.bytes) else { return };
        let mut attachments = frame.attachments.into_iter();
        for call in calls.flatten() {
            let Ok(attachments) = message::take_attachments(&mut attachments, call.attachments) else { return };
            let Some(task) = self.tasks.get_mut(call.task.0) else { continue };
            task.arguments = Payload::received(call.arguments, attachments);
            task.promise.rest();
            self.stop_timer(call.task);
            self.handle(Event::Postpone(worker, call.task));
            self.handle(Event::Resume(call.task));
        }
    }
}
