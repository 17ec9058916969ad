//! What every room builds on: numbers, latches, how threads wait and sleep; it knows nothing of tasks.

pub(crate) mod backoff;
pub(crate) mod cores;
pub(crate) mod deep_sleep;
pub(crate) mod ids;
pub(crate) mod latch;
pub(crate) mod parker;
pub(crate) mod say;
pub(crate) mod sync;
