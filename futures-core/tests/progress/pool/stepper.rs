//! A driver of the model, with what the protocol asks of the library's: it sends tasks to workers and takes replies.

use crate::driver::command::Command;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Notice, Notices, Promise};
use crate::error::{Error, Kind};
use crate::pool::inbox::Inbox;
use crate::workers::Wire;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// Tells what has happened to whom it concerns.
pub(crate) type Teller = Box<dyn Fn(Notices) + Send>;

pub(crate) struct Stepper {
    inbox: Arc<Inbox>,
    commands: Vec<Command>,
    wire: Arc<Wire>,
    /// Tasks that wait to be sent, together with others or when it is urgent.
    unsent: Vec<Arc<Promise>>,
    /// How many tasks are not done.
    open: usize,
    ending: bool,
    notices: Notices,
    tell: Teller,
    /// Whether a thread is in here. Its changes are steps of the checker, so that others have a chance to come in.
    entered: AtomicBool,
}

impl Stepper {
    pub(crate) fn new(inbox: Arc<Inbox>, wire: Arc<Wire>, tell: Teller) -> Self {
        Stepper {
            inbox,
            commands: Vec::new(),
            wire,
            unsent: Vec::new(),
            open: 0,
            ending: false,
            notices: Notices::default(),
            tell,
            entered: AtomicBool::new(false),
        }
    }

    pub(crate) fn advance(&mut self, _now: impl Fn() -> Duration, enough: impl Fn() -> bool) -> bool {
        self.enter();
        let mut moved = self.take_commands();
        while let Some(promise) = self.wire.receive() {
            promise.finish(Outcome::Done, &mut self.notices);
            self.open -= 1;
            moved = true;
            if enough() {
                break;
            }
        }
        self.flush();
        self.go();
        moved
    }

    pub(crate) fn carry_out(&mut self, commands: impl Iterator<Item = Command>, _now: impl Fn() -> Duration) {
        self.enter();
        self.take_commands();
        commands.for_each(|command| self.command(command));
        self.go();
    }

    fn take_commands(&mut self) -> bool {
        let mut commands = mem::take(&mut self.commands);
        let any = self.inbox.take(&mut commands);
        commands.drain(..).for_each(|command| self.command(command));
        self.commands = commands;
        any
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Submit(task, ()) => {
                self.open += 1;
                self.unsent.push(task.promise);
            }
            Command::CancelAll(_, latch) => {
                for promise in self.unsent.drain(..) {
                    promise.cancelled_by_pool(&mut self.notices);
                    self.open -= 1;
                }
                self.notices.push(Notice::Open(latch));
            }
            Command::End => self.ending = true,
            // It is found when it would be sent.
            Command::Cancel(_) => {}
            // Nothing in the model makes these.
            Command::SubmitTo(..) | Command::Roll(..) => {}
            Command::Open(..) | Command::Prepare(..) => {}
        }
    }

    /// Sends what has waited for company.
    fn flush(&mut self) {
        for promise in self.unsent.drain(..) {
            if promise.start() {
                self.wire.send(promise);
            } else {
                self.open -= 1;
            }
        }
    }

    pub(crate) fn send_urgent(&mut self) {
        self.flush();
    }

    pub(crate) fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    /// Nothing has a limit, but somebody has to ask for what is held back.
    pub(crate) fn is_calm(&self) -> bool {
        !self.has_ahead()
    }

    pub(crate) fn has_ahead(&self) -> bool {
        self.wire.holds_back() && self.open > 0
    }

    pub(crate) fn patience(&mut self) -> Duration {
        Duration::from_micros(10)
    }

    pub(crate) fn is_called(&self) -> bool {
        self.is_calm()
    }

    pub(crate) fn has_timers(&self) -> bool {
        false
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.ending && self.open == 0
    }

    pub(crate) fn finish(self) {
        let mut notices = Notices::default();
        self.inbox.end(Error::new(Kind::Broken, "the pool has ended"), &mut notices);
        (self.tell)(notices);
    }

    fn enter(&self) {
        assert!(!self.entered.swap(true, Ordering::SeqCst), "two threads drive at once");
    }

    fn go(&self) {
        self.entered.store(false, Ordering::SeqCst);
    }
}
