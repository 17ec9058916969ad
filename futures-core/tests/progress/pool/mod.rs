//! The library's room of that name: the files of the protocol as they are, around a driver of the model.

pub(crate) mod callbacks;
#[path = "../../../src/pool/driving.rs"]
mod driving;
#[path = "../../../src/pool/inbox.rs"]
pub(crate) mod inbox;
#[path = "../../../src/pool/progress.rs"]
pub(crate) mod progress;
#[path = "../../../src/pool/progress_thread.rs"]
pub(crate) mod progress_thread;
#[path = "../../../src/pool/shared.rs"]
pub(crate) mod shared;
pub(crate) mod stepper;
#[path = "../../../src/pool/waiting.rs"]
pub(crate) mod waiting;
