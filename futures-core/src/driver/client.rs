//! An executor of a pool as the driver knows it, and how far the workers are prepared for it.

use crate::base::ids::WorkerNumber;
use crate::base::latch::Latch;
use crate::driver::command::{LastCalls, Preparations, shut_down};
use crate::driver::promise::Notice;
use crate::error::Error;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the driver knows of a client.
pub(super) struct Client {
    pub(super) latch: Arc<Latch>,
    pub(super) drained: bool,
    /// What it has its workers do last.
    pub(super) last_calls: Option<LastCalls>,
    /// Why nothing more of it can be executed, although the pool is not broken.
    pub(super) broken: Option<Error>,
    /// How far the workers are prepared for it. Boxed, because most clients want no preparations.
    pub(super) progress: Option<Box<Progress>>,
}

impl Client {
    pub(super) fn new(latch: Arc<Latch>) -> Self {
        Client { latch, drained: false, last_calls: None, broken: None, progress: None }
    }

    /// Why its tasks are not executed.
    pub(super) fn reason(&self) -> Error {
        self.broken.clone().unwrap_or_else(shut_down)
    }

    /// Nobody waits for it any more, once this is told.
    pub(super) fn release(&self, reason: &Error) -> Notice {
        self.fail_boot(reason);
        Notice::Open(Arc::clone(&self.latch))
    }

    /// Tells who waits for the preparations why they will not be made; of no effect if they were.
    pub(super) fn fail_boot(&self, reason: &Error) {
        if let Some(progress) = &self.progress {
            progress.fail(reason);
        }
    }

    /// What is to be prepared, if anything is, and not in vain.
    pub(super) fn wanted(&mut self) -> Option<&mut Progress> {
        let vain = self.drained || self.broken.is_some();
        self.progress.as_deref_mut().filter(|_| !vain)
    }
}

/// How far the workers are with the preparations for a client.
pub(super) struct Progress {
    pub(super) preparations: Preparations,
    /// The workers that have been told, have not answered, and are waited for.
    pub(super) awaited: BTreeSet<WorkerNumber>,
    /// Those that have not come to it in time, because of somebody else's preparations: they are not waited for.
    pub(super) stuck: BTreeSet<WorkerNumber>,
}

impl Progress {
    /// Tells who waits for the preparations why they will not be made; of no effect if they were.
    pub(super) fn fail(&self, reason: &Error) {
        self.preparations.boot.fail(reason);
    }

    /// Drops what is of no use any more when the client has ended.
    pub(super) fn strip(&mut self) {
        self.preparations.setup.strip();
    }

    /// What is prepared, in messages.
    pub(super) fn title(&self) -> String {
        self.preparations.setup.title()
    }
}
