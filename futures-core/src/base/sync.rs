//! Locks, atomics and threads of the progress protocol: the standard library's here, a model checker's in its test.
//!
//! `tests/progress` compiles the files of the protocol once more, with a file of its own in the place of this one.
//! Whatever in them can block, or is read by one thread and written by another, therefore comes from here.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::{thread, thread_local};

/// The outcome of a look that the protocol relies on, by its name in the table of `pool/progress.rs`.
///
/// The model can leave each of them out, to show that it notices.
macro_rules! look {
    ($name:ident, $look:expr) => {
        $look
    };
}
pub(crate) use look;
