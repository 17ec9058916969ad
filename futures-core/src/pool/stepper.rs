//! A manager without its thread and clock: whoever holds it makes it step and says what time it is.
//!
//! The manager's thread does so by the system's clock; a simulation does so by a clock of its own.

use crate::base::ids::TaskNumbers;
use crate::driver::Driver;
use crate::driver::boot::Boot;
use crate::driver::command::Command;
use crate::driver::options::PoolOptions;
use crate::driver::promise::{Notice, Notices};
use crate::error::Result;
use crate::pool::inbox::Inbox;
use crate::task::registry::Registry;
use crate::wire::transport::Transport;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Room for so many commands is kept; more came while nobody could drive, as at the start of a pool.
const COMMANDS_KEPT: usize = 1024;

/// The driver of a pool and the inbox that it serves.
pub struct Stepper {
    driver: Driver,
    inbox: Arc<Inbox>,
    /// Scratch for what was taken from the inbox.
    commands: Vec<Command>,
    tell: Teller,
}

/// Tells what has happened to whom it concerns.
pub(crate) type Teller = Box<dyn Fn(Notices) + Send>;

impl Stepper {
    pub(crate) fn new(
        inbox: Arc<Inbox>,
        numbers: TaskNumbers,
        registry: &'static Registry,
        boot: Arc<Boot>,
        options: PoolOptions,
        tell: Teller,
    ) -> Self {
        Stepper { driver: Driver::new(registry, numbers, boot, options), inbox, commands: Vec::new(), tell }
    }

    /// Begins to work with what the recipe for the workers has given: a transport, or a reason why there is none.
    pub fn attach(&mut self, transport: Result<Box<dyn Transport>>) {
        match transport {
            Ok(transport) => self.driver.attach(transport),
            Err(reason) => self.driver.break_down(reason),
        }
    }

    /// Deals with all that has come until now, `elapsed` after the pool's start; whether anything had come. Says
    /// nothing on standard error.
    pub fn step(&mut self, elapsed: Duration) -> bool {
        let moved = self.advance(|| elapsed, || false);
        let mut notices = std::mem::take(self.notices());
        notices.list.retain(|notice| !matches!(notice, Notice::Say(_)));
        (self.tell)(notices);
        moved
    }

    /// The same, with a clock that is looked at only if need be; keeps to itself whom to tell. Takes in no more when
    /// `enough` holds.
    pub(crate) fn advance(&mut self, now: impl Fn() -> Duration, enough: impl Fn() -> bool) -> bool {
        let mut moved = self.take_commands(&now);
        if self.driver.needs_time() {
            self.driver.set_time(now());
        }
        while self.driver.receive(&now) {
            moved = true;
            if enough() {
                break;
            }
        }
        if !self.driver.is_calm() && !self.driver.is_finished() {
            self.driver.set_time(now());
            self.driver.check_limits();
        }
        self.driver.flush();
        moved
    }

    /// Carries out commands, after those that are in the inbox. What is to be sent waits for company,
    /// unless there are several commands.
    pub(crate) fn carry_out(&mut self, commands: impl Iterator<Item = Command>, now: impl Fn() -> Duration) {
        self.take_commands(&now);
        let mut count = 0;
        for command in commands {
            let needs_time = !matches!(&command, Command::Submit(task, _) if task.attempt().is_none());
            if needs_time || self.driver.times_submission() {
                self.driver.set_time(now());
            }
            self.driver.command(command);
            count += 1;
        }
        if count > 1 {
            self.driver.flush();
        }
    }

    /// Carries out what is in the inbox; whether there was anything.
    fn take_commands(&mut self, now: impl Fn() -> Duration) -> bool {
        let any = self.inbox.take(&mut self.commands);
        if any {
            self.driver.set_time(now());
            self.commands.drain(..).for_each(|command| self.driver.command(command));
            self.commands.shrink_to(COMMANDS_KEPT);
        }
        any
    }

    /// Sends what workers are waiting for.
    pub(crate) fn send_urgent(&mut self) {
        self.driver.send_urgent();
    }

    /// Whom to tell that their futures are done.
    pub(crate) fn notices(&mut self) -> &mut Notices {
        self.driver.notices()
    }

    /// Whether it is decided whether the workers are there.
    pub fn is_booted(&self) -> bool {
        self.driver.is_booted()
    }

    /// Whether nothing is awaited that has a limit.
    pub fn is_calm(&self) -> bool {
        self.driver.is_calm()
    }

    /// Whether workers have tasks ahead, which may have to come back.
    pub fn has_ahead(&self) -> bool {
        self.driver.has_ahead()
    }

    /// How long the workers can do without anybody who drives; zero if there is no telling.
    pub(crate) fn patience(&mut self) -> Duration {
        self.driver.patience()
    }

    /// Whether whoever drives is called when there is something to do after a long silence.
    pub(crate) fn is_called(&self) -> bool {
        self.driver.is_called()
    }

    /// Whether something is to be done at a certain time, whoever drives then.
    pub(crate) fn has_timers(&self) -> bool {
        self.driver.has_timers() || self.driver.may_recall()
    }

    /// Whether the pool has come to its end and is to be [finished](Self::finish).
    pub fn is_finished(&self) -> bool {
        self.driver.is_finished()
    }

    /// Stops the workers and refuses what still comes; returns what was wrong with the end.
    ///
    /// # Errors
    ///
    /// What the transport missed when it was closed.
    pub fn finish(mut self) -> Result<(), String> {
        let (reason, closed) = self.driver.finish();
        (self.tell)(self.driver.fail_all());
        let mut notices = Notices::default();
        self.inbox.end(reason, &mut notices);
        (self.tell)(notices);
        closed
    }

    /// Derives the invariants of driver and scheduler anew, at the cost of a look at every task and worker.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub fn check(&self) {
        self.driver.check();
    }
}

impl Drop for Stepper {
    /// Nobody waits for ever, even if the manager's thread panics.
    fn drop(&mut self) {
        (self.tell)(self.driver.fail_all());
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stepper").field(&self.driver).finish()
    }
}
