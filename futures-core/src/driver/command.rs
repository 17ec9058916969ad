//! What a driver is asked to do, as plain data.

use crate::base::ids::{ClientNumber, TaskKey, TaskNumber, WorkerNumber};
use crate::base::latch::Latch;
use crate::driver::boot::Boot;
use crate::driver::lease::Lease;
use crate::driver::policy::Attempt;
use crate::driver::promise::Promise;
use crate::error::{Error, Kind};
use crate::scheduler::Prefetch;
use crate::wire::payload::Payload;
use crate::wire::setup::Setup;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a driver is asked to do.
pub(crate) enum Command {
    /// An executor begins to use the pool; its gate is opened when its last task is done after it was closed.
    Open(ClientNumber, Arc<Latch>),
    /// Every worker is to be prepared for this client; comes before its first task.
    Prepare(ClientNumber, Preparations),
    Submit(Task, Prefetch),
    /// The same, for a task that only this worker may execute.
    SubmitTo(Task, WorkerNumber),
    /// A client asks which workers there are for it.
    Roll(ClientNumber, Arc<Roll>),
    Cancel(TaskNumber),
    /// The queued tasks of a client are to be cancelled; then the gate is opened.
    CancelAll(ClientNumber, Arc<Latch>),
    Close(ClientNumber),
    /// The same, for a client that has calls to be made when its last task is done.
    Retire(ClientNumber, LastCalls),
    /// All clients are closed, and the pool is to end when they are drained.
    End,
    /// The pool is to end, whatever is still to be done.
    Abandon,
    /// The watchdog asks whether anything has moved.
    Watch(Question),
}

/// What is to be done for a client before its first task.
pub(crate) struct Preparations {
    pub(crate) setup: Setup,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Is told how it ends.
    pub(crate) boot: Arc<Boot>,
}

/// A task on its way into the pool.
pub(crate) struct Task {
    pub(crate) promise: Arc<Promise>,
    /// Which executor has submitted it.
    pub(crate) client: ClientNumber,
    pub(crate) function: TaskKey,
    /// How many argument tuples there are.
    pub(crate) count: u32,
    pub(crate) arguments: Payload,
    /// None if it is tried once, without a limit, and its worker keeps all calls. One word, because millions of tasks
    /// may be queued.
    pub(crate) special: Option<Box<Special>>,
}

/// What is special about a task.
pub(crate) enum Special {
    /// It may be tried again, or has a limit.
    Attempt(Attempt),
    /// Its calls may come back, or their pace is asked for.
    Lease(Lease),
}

impl Task {
    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        match self.special.as_deref() {
            Some(Special::Attempt(attempt)) => Some(attempt),
            _ => None,
        }
    }

    pub(super) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self.special.as_deref_mut() {
            Some(Special::Attempt(attempt)) => Some(attempt),
            _ => None,
        }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        match self.special.as_deref() {
            Some(Special::Lease(lease)) => Some(lease),
            _ => None,
        }
    }

    /// Whether it may have to be sent again, as a whole or in part.
    pub(super) fn keeps_arguments(&self) -> bool {
        match self.special.as_deref() {
            Some(Special::Attempt(attempt)) => attempt.keeps_arguments(),
            Some(Special::Lease(lease)) => lease.limit_micros.is_some(),
            None => false,
        }
    }

    /// Whether it belongs to a map that is gone: nobody cancels what a worker has given back meanwhile.
    pub(super) fn is_unwanted(&self) -> bool {
        self.lease().is_some() && Arc::strong_count(&self.promise) == 1
    }
}

/// The last calls of an executor.
pub(crate) struct LastCalls {
    /// A task function without arguments.
    pub(crate) function: TaskKey,
    /// Makes the promise of a new future, as long as there is the pool.
    pub(crate) promise: Box<dyn Fn() -> Option<Arc<Promise>> + Send>,
    /// Where the promises go, by worker, when the calls are made.
    pub(crate) promises: Arc<OnceLock<Vec<Arc<Promise>>>>,
}

/// Which workers there are for a client: those that are ready, and not held up by somebody else's preparations.
#[derive(Default)]
pub(crate) struct Roll {
    workers: OnceLock<Vec<WorkerNumber>>,
    answered: Latch,
}

impl Roll {
    /// Answers.
    pub(crate) fn answer(&self, workers: Vec<WorkerNumber>) {
        self.workers.get_or_init(|| workers);
        self.answered.open();
    }

    /// Nobody will answer.
    pub(crate) fn close(&self) {
        self.answered.open();
    }

    /// What opens with the answer, or when there will be none.
    pub(crate) fn answered(&self) -> &Latch {
        &self.answered
    }

    /// The answer, if there is one.
    pub(crate) fn workers(&self) -> Option<&[WorkerNumber]> {
        self.workers.get().map(Vec::as_slice)
    }
}

/// The driver is asked whether anything has moved.
pub(crate) struct Question {
    /// How much time has passed since the watchdog was let loose.
    pub(crate) now: Duration,
    /// For how long nothing must have moved to be reported.
    pub(crate) interval: Duration,
    /// Where the report goes, or that there is none.
    pub(crate) answer: Sender<Option<String>>,
}

/// The error of a submission that comes too late.
pub(crate) fn shut_down() -> Error {
    Error::new(Kind::Shutdown, "the executor has been shut down and accepts no more tasks")
}
