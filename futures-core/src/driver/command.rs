//! What a driver is asked to do, as plain data.

use crate::base::ids::{ClientNumber, TaskKey, TaskNumber};
use crate::base::latch::Latch;
use crate::driver::boot::Boot;
use crate::driver::policy::Attempt;
use crate::driver::promise::Promise;
use crate::error::{Error, Kind};
use crate::scheduler::Prefetch;
use crate::wire::payload::Payload;
use crate::wire::setup::Setup;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// What a driver is asked to do.
pub(crate) enum Command {
    /// An executor begins to use the pool; its gate is opened when its last task is done after it was closed.
    Open(ClientNumber, Arc<Latch>),
    /// Every worker is to be prepared for this client; comes before its first task.
    Prepare(ClientNumber, Preparations),
    Submit(Task, Prefetch),
    Cancel(TaskNumber),
    /// The queued tasks of a client are to be cancelled; then the gate is opened.
    CancelAll(ClientNumber, Arc<Latch>),
    Close(ClientNumber),
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
    /// None if it is tried once and without a limit.
    pub(crate) attempt: Option<Box<Attempt>>,
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
