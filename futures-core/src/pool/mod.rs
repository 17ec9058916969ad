//! Which thread drives a pool, and how nothing is forgotten: inbox, progress lock, threads and callbacks.

pub(crate) mod callbacks;
mod driving;
pub(crate) mod inbox;
pub(crate) mod manager;
pub(crate) mod progress;
pub(crate) mod progress_thread;
pub(crate) mod shared;
pub(crate) mod stepper;
#[cfg(test)]
mod tests;
pub(crate) mod waiting;
mod watchdog;
