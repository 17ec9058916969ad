//! New workers for lost ones, where the option asks for it and the transport can bring them.
//!
//! Every loss is followed by one attempt, and a failed attempt by another one, after a pause. Attempts cannot go on
//! forever: they stop after [`FAILURES_MAX`] in a row without a worker that finishes a task, until one does after all.

use super::Driver;
use super::replacements::FAILURES_MAX;
use crate::base::ids::WorkerNumber;
use crate::driver::promise::Notice;
use crate::error::{Error, Kind};
use std::time::Duration;

/// The pause after a failed attempt; it doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

impl Driver {
    /// Whether a worker that is lost now will be replaced, as far as can be said.
    pub(super) fn will_replace(&self) -> bool {
        self.options.replace_lost_workers && self.broken.is_none() && !self.replacements.are_given_up()
    }

    /// Begins to replace a worker that is lost.
    pub(super) fn replace(&mut self) {
        if !self.will_replace() {
            return;
        }
        let failures = self.replacements.failures;
        if failures == 0 {
            return self.ask_for_worker();
        }
        let pause = FIRST_PAUSE * (1 << (failures - 1));
        self.replacements.due.push(self.now.saturating_add(pause));
    }

    fn ask_for_worker(&mut self) {
        let Some(transport) = &mut self.transport else { return };
        match transport.replace(self.options.boot_limit) {
            Ok(()) => self.replacements.awaited += 1,
            Err(reason) => self.attempt_failed(&reason),
        }
    }

    /// Takes the worker that the transport has brought, or its reason for bringing none.
    pub(super) fn take_replacement(&mut self, brought: Result<WorkerNumber, String>) {
        self.replacements.awaited = self.replacements.awaited.saturating_sub(1);
        match brought {
            Ok(number) => {
                self.replacements.arriving.push((number, self.now.saturating_add(self.options.boot_limit)));
                self.greet(number, false);
            }
            Err(reason) => self.attempt_failed(&reason),
        }
    }

    /// Takes note that a replacement is ready.
    pub(super) fn note_arrival(&mut self, number: WorkerNumber) {
        self.replacements.arriving.retain(|(arriving, _)| *arriving != number);
        let worker = &self.workers[number.index()];
        let (host, process) = (&worker.host, worker.process);
        let text = format!("worker {number} on {host} (pid {process}) joined as a replacement");
        self.notices.push(Notice::Say(text));
    }

    /// Takes note that a replacement has finished a task: the next attempt counts as the first again.
    pub(super) fn note_success(&mut self, number: WorkerNumber) {
        self.workers[number.index()].proven = true;
        self.replacements.failures = 0;
    }

    /// Takes note that an attempt to replace a worker has failed.
    pub(super) fn attempt_failed(&mut self, reason: &str) {
        if self.broken.is_some() {
            return;
        }
        let replacements = &mut self.replacements;
        replacements.failures += 1;
        reason.clone_into(&mut replacements.last_failure);
        let next = if replacements.are_given_up() {
            replacements.due.clear();
            format!("after {FAILURES_MAX} failed attempts in a row, lost workers are no longer replaced")
        } else {
            "another attempt will follow".to_owned()
        };
        self.notices.push(Notice::Say(format!("an attempt to replace a lost worker failed: {reason}; {next}")));
        self.replace();
        self.break_if_deserted();
    }

    /// Gives up replacements that do not answer, and starts the attempts that are due.
    pub(super) fn check_replacements(&mut self) {
        let now = self.now;
        let late: Vec<WorkerNumber> =
            self.replacements.arriving.iter().filter(|(_, until)| *until <= now).map(|(number, _)| *number).collect();
        for number in late {
            let limit = self.options.boot_limit;
            self.evict(number, &format!("it did not answer within {:.3} s", limit.as_secs_f64()));
        }
        let before = self.replacements.due.len();
        self.replacements.due.retain(|time| *time > now);
        (self.replacements.due.len()..before).for_each(|_| self.ask_for_worker());
    }

    /// Takes note that a replacement was lost before it was ready.
    pub(super) fn lose_arriving(&mut self, number: WorkerNumber, reason: &str) {
        self.replacements.arriving.retain(|(arriving, _)| *arriving != number);
        self.attempt_failed(&format!("worker {number} was lost before it was ready: {reason}"));
    }

    /// Breaks a pool that has no worker, and will have none.
    pub(super) fn break_if_deserted(&mut self) {
        let deserted = self.counts.gone == self.workers.len();
        if !deserted || self.broken.is_some() || self.replacements.under_way() > 0 {
            return;
        }
        let last = self.workers.iter().enumerate().rev().find(|(_, worker)| !worker.loss.is_empty());
        let last =
            last.map_or_else(String::new, |(number, worker)| format!(" (last: worker {number}: {})", worker.loss));
        let mut message = format!("all workers are lost{last}");
        if self.replacements.failures > 0 {
            let reason = &self.replacements.last_failure;
            message.push_str(&format!("; replacing them failed (last attempt: {reason})"));
        }
        self.break_down(Error::new(Kind::Broken, message));
    }
}
