//! The commands to a pool that no thread has taken yet.

use crate::base::ids::ClientNumber;
use crate::base::sync::atomic::{AtomicBool, Ordering};
use crate::base::sync::{Mutex, MutexGuard};
use crate::driver::command::Command;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Notices, Promise};
use crate::error::Error;
use std::sync::{Arc, PoisonError};

/// Commands in the order in which they came.
pub(crate) struct Inbox {
    commands: Mutex<Commands>,
    /// Whether there are any, for a look without the lock.
    occupied: AtomicBool,
}

/// What has come since the manager last looked, or why it looks no more.
enum Commands {
    Waiting(Vec<Command>),
    Ended(Error),
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox { commands: Mutex::new(Commands::Waiting(Vec::new())), occupied: AtomicBool::new(false) }
    }

    /// Adds commands, which are made one after the other while no other thread adds any; whom to tell that they
    /// are refused is added to `notices`.
    pub(crate) fn leave(&self, commands: impl IntoIterator<Item = Command>, notices: &mut Notices) {
        let mut waiting = self.lock();
        commands.into_iter().for_each(|command| waiting.take(command, notices));
        self.occupied.store(true, Ordering::SeqCst);
    }

    /// Whether something has come that nobody has taken.
    pub(crate) fn has_commands(&self) -> bool {
        self.occupied.load(Ordering::SeqCst)
    }

    /// Moves what has come to `into`, which is empty; whether anything was there.
    pub(crate) fn take(&self, into: &mut Vec<Command>) -> bool {
        if !self.has_commands() {
            return false;
        }
        let mut waiting = self.lock();
        self.occupied.store(false, Ordering::SeqCst);
        match &mut *waiting {
            Commands::Waiting(commands) => std::mem::swap(commands, into),
            Commands::Ended(_) => {}
        }
        !into.is_empty()
    }

    /// Ends the inbox: what is in it and what comes later is refused for this reason.
    pub(crate) fn end(&self, reason: Error, notices: &mut Notices) {
        let before = std::mem::replace(&mut *self.lock(), Commands::Ended(reason.clone()));
        if let Commands::Waiting(commands) = before {
            commands.into_iter().for_each(|command| refuse(command, &reason, notices));
        }
    }

    /// The futures of a client's tasks that nobody has taken yet.
    pub(crate) fn submitted_by(&self, client: ClientNumber) -> Vec<Arc<Promise>> {
        match &*self.lock() {
            Commands::Waiting(commands) => commands.iter().filter_map(|command| promise_of(client, command)).collect(),
            Commands::Ended(_) => Vec::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commands {
    fn take(&mut self, command: Command, notices: &mut Notices) {
        match self {
            Commands::Waiting(commands) => commands.push(command),
            Commands::Ended(reason) => refuse(command, reason, notices),
        }
    }
}

/// The future of the task that this command submits, if this client has submitted it.
fn promise_of(client: ClientNumber, command: &Command) -> Option<Arc<Promise>> {
    match command {
        Command::Submit(task, _) | Command::SubmitTo(task, _) if task.client == client => {
            Some(Arc::clone(&task.promise))
        }
        _ => None,
    }
}

/// Does what is left to do about a command that no manager will see.
fn refuse(command: Command, reason: &Error, notices: &mut Notices) {
    match command {
        Command::Submit(task, _) | Command::SubmitTo(task, _) => {
            task.promise.finish(Outcome::Failed(reason.clone()), notices);
        }
        Command::Roll(_, roll) => roll.close(),
        Command::Open(_, latch) => latch.open(),
        Command::Prepare(_, preparations) => preparations.boot.fail(reason),
        Command::CancelAll(_, latch) => latch.open(),
        _ => {}
    }
}
