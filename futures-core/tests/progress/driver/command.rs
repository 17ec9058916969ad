//! What the model's driver is asked to do: a few of the library's commands, without what only workers need.

use crate::base::ids::{ClientNumber, TaskNumber};
use crate::base::latch::Latch;
use crate::driver::promise::Promise;
use crate::error::Error;
use std::sync::Arc;

pub(crate) enum Command {
    Open(ClientNumber, Arc<Latch>),
    Prepare(ClientNumber, Preparations),
    Submit(Task, ()),
    SubmitTo(Task, ()),
    Roll(ClientNumber, Arc<Roll>),
    Cancel(TaskNumber),
    CancelAll(ClientNumber, Arc<Latch>),
    End,
}

pub(crate) struct Preparations {
    pub(crate) boot: Boot,
}

pub(crate) struct Roll;

impl Roll {
    pub(crate) fn close(&self) {}
}

pub(crate) struct Boot;

impl Boot {
    pub(crate) fn fail(&self, _reason: &Error) {}
}

pub(crate) struct Task {
    pub(crate) promise: Arc<Promise>,
    pub(crate) client: ClientNumber,
}
