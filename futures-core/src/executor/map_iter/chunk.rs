//! Consecutive items of a map, which travel as one task.

use crate::driver::outcome::Results;
use crate::error::{Error, Kind, Result};
use crate::future::Handle;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};

/// The payload of a panic.
pub(super) type Panic = Box<dyn Any + Send>;

/// Consecutive items, submitted as one task.
pub(super) struct Chunk<B> {
    /// None if no item of the chunk could be encoded.
    pub(super) future: Option<Handle>,
    pub(super) count: usize,
    /// The items that could not be encoded, by their place in the chunk, last first.
    pub(super) unencodable: Vec<(usize, Error)>,
    pub(super) bytes: usize,
    /// What comes beside the results.
    pub(super) beside: B,
}

impl<B> Chunk<B> {
    pub(super) fn is_done(&self) -> bool {
        self.future.as_ref().is_none_or(Handle::is_done)
    }

    /// Appends the results of all items, in their order; returns what comes beside them.
    pub(super) fn take_results<T: DeserializeOwned + 'static>(
        mut self,
        results: &mut VecDeque<Result<Result<T>, Panic>>,
    ) -> B {
        let outcome = self.future.as_ref().map(|future| future.wait(None));
        let mut submitted = outcome.map(|outcome| Results::new(outcome, self.count - self.unencodable.len()));
        let mut places = 0..self.count;
        while !places.is_empty() {
            let decoded = panic::catch_unwind(AssertUnwindSafe(|| {
                for place in places.by_ref() {
                    let result = match self.unencodable.pop_if(|(unencodable, _)| *unencodable == place) {
                        Some((_, error)) => Err(error),
                        None => submitted.as_mut().expect("a chunk with a submitted item has a task").next(),
                    };
                    // Reading as a whole what was written in pieces makes the processor wait.
                    match result {
                        Ok(value) => results.push_back(Ok(Ok(value))),
                        Err(error) => results.push_back(Ok(Err(error))),
                    }
                }
            }));
            if let Err(panic) = decoded {
                results.push_back(Err(panic));
            }
        }
        self.beside
    }
}

/// The error of items that a map would submit after its executor has been shut down.
pub(super) fn too_late() -> Error {
    let message = "the executor has been shut down and accepts no more tasks; a map submits its items while it is \
                   iterated over, not when it is made";
    Error::new(Kind::Shutdown, message)
}
