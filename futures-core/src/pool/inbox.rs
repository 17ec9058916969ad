//! The door to a manager: whoever holds an executor or a future leaves commands here.

use crate::base::ids::{ClientNumber, TaskNumber};
use crate::base::latch::Gate;
use crate::driver::command::Command;
use crate::driver::outcome::Outcome;
use crate::error::Error;
use crate::future::{Callback, State};
use crate::pool::callbacks::ClientCallbacks;
use crate::pool::progress::Seat;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Commands in the order in which they came, and the means to wake the manager.
pub(crate) struct Inbox {
    commands: Mutex<Commands>,
    /// Whether there are any, for a look without the lock.
    occupied: AtomicBool,
    seat: Seat,
    next_task: AtomicU64,
    next_client: AtomicU32,
    callbacks: ClientCallbacks,
}

/// What has come since the manager last looked, or why it looks no more.
enum Commands {
    Waiting(Vec<Command>),
    Ended(Error),
}

impl Inbox {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_callbacks(ClientCallbacks::default())
    }

    /// For futures that have no pool.
    pub(crate) fn without_pool() -> Arc<Self> {
        Self::with_callbacks(ClientCallbacks::without_pool())
    }

    fn with_callbacks(callbacks: ClientCallbacks) -> Arc<Self> {
        Arc::new(Inbox {
            commands: Mutex::new(Commands::Waiting(Vec::new())),
            occupied: AtomicBool::new(false),
            seat: Seat::new(),
            next_task: AtomicU64::new(0),
            next_client: AtomicU32::new(0),
            callbacks,
        })
    }

    /// The state of a new future of this client, with a task number of its own.
    pub(crate) fn new_state(self: &Arc<Self>, client: ClientNumber) -> Arc<State> {
        State::new(TaskNumber(self.next_task.fetch_add(1, Ordering::Relaxed)), client, Arc::clone(self))
    }

    /// Opens a new client.
    pub(crate) fn open(&self, gate: Arc<Gate>) -> ClientNumber {
        let mut commands = self.lock();
        // Under the lock, so that the numbers arrive in their order.
        let number = ClientNumber(self.next_client.fetch_add(1, Ordering::Relaxed));
        commands.take(Command::Open(number, gate));
        self.occupied.store(true, Ordering::SeqCst);
        number
    }

    /// Where the pool is driven from.
    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Carries out a command, or leaves it to whoever drives the pool.
    pub(crate) fn push(&self, command: Command) {
        self.push_all([command]);
    }

    /// Carries out several commands at once, or leaves them to whoever drives the pool.
    pub(crate) fn push_all(&self, commands: impl IntoIterator<Item = Command>) {
        let Err(commands) = self.submit_here(commands.into_iter()) else { return };
        let mut waiting = self.lock();
        commands.into_iter().for_each(|command| waiting.take(command));
        self.occupied.store(true, Ordering::SeqCst);
        drop(waiting);
        if !self.look_after_door() {
            self.seat.ring();
        }
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
    pub(crate) fn end(&self, reason: Error) {
        let before = std::mem::replace(&mut *self.lock(), Commands::Ended(reason.clone()));
        if let Commands::Waiting(commands) = before {
            commands.into_iter().for_each(|command| refuse(command, &reason));
        }
    }

    /// Cancels the tasks of a client that have not been sent, and returns when that is done.
    pub(crate) fn cancel_all(&self, client: ClientNumber) {
        let done = Arc::new(Gate::default());
        self.push(Command::CancelAll(client, Arc::clone(&done)));
        if !self.seat.is_open() {
            // Until the workers are there nobody takes commands, and all tasks are still among them.
            self.cancel_waiting(client);
        }
        if self.seat.is_open() {
            self.wait_for(&*done, None);
        }
    }

    /// Cancels the tasks of a client whose submission nobody has taken yet.
    fn cancel_waiting(&self, client: ClientNumber) {
        let states: Vec<Arc<State>> = match &*self.lock() {
            Commands::Waiting(commands) => {
                commands.iter().filter_map(|command| submitted_by(client, command)).collect()
            }
            Commands::Ended(_) => Vec::new(),
        };
        states.iter().for_each(|state| {
            state.cancel_here();
        });
    }

    /// Calls back a function in the thread that is kept for callbacks of this client.
    pub(crate) fn call_back(&self, client: ClientNumber, callback: Callback) {
        self.callbacks.call(client, callback);
    }

    /// Waits until the callbacks of a client, and those that they bring about, have been called.
    pub(crate) fn finish_callbacks(&self, client: ClientNumber) {
        self.callbacks.finish(client);
    }

    /// Lets the thread for callbacks of a client end without waiting for it.
    pub(crate) fn end_callbacks(&self, client: ClientNumber) {
        self.callbacks.end(client);
    }

    /// Waits until the callbacks of all clients have been called.
    pub(crate) fn finish_all_callbacks(&self) {
        self.callbacks.finish_all();
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commands {
    fn take(&mut self, command: Command) {
        match self {
            Commands::Waiting(commands) => commands.push(command),
            Commands::Ended(reason) => refuse(command, reason),
        }
    }
}

/// The future of the task that this command submits, if this client has submitted it.
fn submitted_by(client: ClientNumber, command: &Command) -> Option<Arc<State>> {
    match command {
        Command::Submit(task, _) if task.client == client => Some(Arc::clone(&task.state)),
        _ => None,
    }
}

/// Does what is left to do about a command that no manager will see.
fn refuse(command: Command, reason: &Error) {
    match command {
        Command::Submit(task, _) => task.state.finish(Outcome::Failed(reason.clone())),
        Command::Open(_, gate) => gate.open(),
        Command::Prepare(_, preparations) => preparations.boot.fail(reason),
        Command::CancelAll(_, gate) => gate.open(),
        _ => {}
    }
}
