//! What the executors, the futures and the threads of a pool share.

use crate::base::ids::{ClientNumber, TaskNumbers};
use crate::base::latch::Latch;
use crate::base::say::say;
use crate::driver::command::Command;
use crate::driver::outcome::Outcome;
use crate::driver::promise::{Callback, Notice, Notices, Promise, Settled};
use crate::error::Error;
use crate::pool::callbacks::{self, Calling, ClientCallbacks};
use crate::pool::inbox::Inbox;
use crate::pool::progress::Progress;
use crate::pool::stepper::Teller;
use crate::task;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A pool: its inbox, its progress lock, its callbacks, and the numbers that it gives.
pub(crate) struct Pool {
    inbox: Arc<Inbox>,
    progress: Progress,
    task_numbers: TaskNumbers,
    next_client: AtomicU32,
    callbacks: ClientCallbacks,
}

impl Pool {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_callbacks(ClientCallbacks::default())
    }

    /// For futures that have no pool.
    pub(crate) fn none() -> Arc<Self> {
        Self::with_callbacks(ClientCallbacks::without_pool())
    }

    fn with_callbacks(callbacks: ClientCallbacks) -> Arc<Self> {
        Arc::new(Pool {
            inbox: Arc::new(Inbox::new()),
            progress: Progress::new(),
            task_numbers: TaskNumbers::default(),
            next_client: AtomicU32::new(0),
            callbacks,
        })
    }

    /// The promise of a new future of this client, with a task number of its own.
    pub(crate) fn new_promise(&self, client: ClientNumber) -> Arc<Promise> {
        Promise::new(self.task_numbers.next(), client)
    }

    /// What gives tasks their numbers.
    pub(crate) fn task_numbers(&self) -> &TaskNumbers {
        &self.task_numbers
    }

    /// Opens a new client.
    pub(crate) fn open(&self, latch: Arc<Latch>) -> ClientNumber {
        let mut number = ClientNumber(0);
        // Made under the lock of the inbox, so that the numbers arrive in their order.
        let command = iter::once_with(|| {
            number = ClientNumber(self.next_client.fetch_add(1, Ordering::Relaxed));
            Command::Open(number, latch)
        });
        let mut notices = Notices::default();
        self.inbox.leave(command, &mut notices);
        self.tell(notices);
        number
    }

    /// The commands that wait.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// The lock under which the pool is driven.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Carries out a command, or leaves it to the thread that drives the pool.
    pub(crate) fn push(&self, command: Command) {
        self.push_all([command]);
    }

    /// Carries out several commands at once, or leaves them to the thread that drives the pool.
    pub(crate) fn push_all(&self, commands: impl IntoIterator<Item = Command>) {
        let Err(commands) = self.submit_here(commands.into_iter()) else { return };
        let mut notices = Notices::default();
        self.inbox.leave(commands, &mut notices);
        self.tell(notices);
        if !self.serve_inbox() {
            self.progress.notify();
        }
    }

    /// Closes the inbox: what is in it and what comes later is refused for this reason.
    pub(crate) fn end(&self, reason: Error) {
        let mut notices = Notices::default();
        self.inbox.end(reason, &mut notices);
        self.tell(notices);
    }

    /// Cancels the tasks of a client that have not been sent, and returns when that is done.
    pub(crate) fn cancel_all(&self, client: ClientNumber) {
        let done = Arc::new(Latch::default());
        self.push(Command::CancelAll(client, Arc::clone(&done)));
        if !self.progress.is_open() {
            // Until the workers are there no thread takes commands, and all tasks are still among them.
            let promises = self.inbox.submitted_by(client);
            promises.iter().filter(|promise| promise.cancel()).for_each(|promise| self.tell_of_cancellation(promise));
        }
        if self.progress.is_open() {
            self.wait_for(&*done, None);
        }
    }

    /// Gives a future its outcome, unless it is done already.
    pub(crate) fn finish(&self, promise: &Arc<Promise>, outcome: Outcome) {
        let mut notices = Notices::default();
        promise.finish(outcome, &mut notices);
        self.tell(notices);
    }

    /// Tells, in this thread, that a future was cancelled.
    pub(crate) fn tell_of_cancellation(&self, promise: &Arc<Promise>) {
        let mut wakers = Notices::default();
        let Settled { callbacks, sources } = promise.settle(&mut wakers);
        self.tell(wakers);
        callbacks.into_iter().for_each(|callback| self.call_here(Calling::Callback, promise.client(), callback));
        if let Some(sources) = sources {
            sources.leave();
            sources.cancel();
        }
    }

    /// Tells what has happened, in a thread that does not drive the pool.
    pub(crate) fn tell(&self, notices: Notices) {
        self.progress.drop_interest(notices.lost_interest);
        notices.list.into_iter().for_each(|notice| self.tell_one(notice));
    }

    /// Tells what has happened as long as there is the pool; without it nobody is left who wants to know.
    pub(crate) fn teller(self: &Arc<Self>) -> Teller {
        let pool = Arc::downgrade(self);
        Box::new(move |notices| {
            if let Some(pool) = pool.upgrade() {
                pool.tell(notices);
            }
        })
    }

    fn tell_one(&self, notice: Notice) {
        match notice {
            Notice::Say(text) => say(&text),
            // A panic of somebody else's waker is reported by the panic hook and harms nobody else.
            Notice::Wake(waker) => drop(task::contain(|| waker.wake())),
            Notice::Call(client, callback) => self.call_back(client, callback),
            Notice::Adopt(promise, link) => {
                let client = promise.client();
                self.call_here(Calling::Hook, client, move || link.adopt(&promise));
            }
            Notice::Open(latch) => latch.open(),
        }
    }

    /// Calls a callback whose future is done in this thread, unless that would take too much of its stack.
    pub(crate) fn call_here<C>(&self, calling: Calling, client: ClientNumber, callback: C)
    where
        C: FnOnce() + Send + 'static,
    {
        callbacks::run_here(calling, callback, |callback| self.call_back(client, callback));
    }

    /// Calls back a function in the thread that is kept for callbacks of this client.
    fn call_back(&self, client: ClientNumber, callback: Callback) {
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
}
