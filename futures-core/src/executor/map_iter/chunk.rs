//! Consecutive items of a map, which travel as one task.

use crate::driver::lease::Divided;
use crate::driver::outcome::{Outcome, Results};
use crate::driver::promise::Promise;
use crate::error::{Error, Kind, Result};
use crate::executor::yields::Beside;
use crate::future::Handle;
use crate::pool::shared::Pool;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::collections::VecDeque;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

/// The payload of a panic.
pub(super) type Panic = Box<dyn Any + Send>;

/// Consecutive items, submitted as one task.
pub(super) struct Chunk<B> {
    /// None if no item of the chunk could be encoded.
    pub(super) future: Option<Handle>,
    /// The index of the first item.
    pub(super) first: usize,
    pub(super) count: usize,
    /// The items that could not be encoded, by their place in the chunk, last first.
    pub(super) unencodable: Vec<(usize, Error)>,
    pub(super) bytes: usize,
    /// What comes beside the results.
    pub(super) beside: B,
}

impl<B: Beside> Chunk<B> {
    /// Leaves of a chunk that is done the items whose results are there; the others are in the chunks that are returned,
    /// in their order, if a worker has given some back.
    #[inline]
    pub(super) fn divide(&mut self, pool: &Arc<Pool>) -> Vec<Chunk<B>> {
        let outcome = self.future.as_ref().map(|future| future.wait(None));
        let Some(divided) = outcome.as_ref().and_then(divided) else { return Vec::new() };
        let handle = |promise: &Arc<Promise>| Handle::new(Arc::clone(promise), Arc::clone(pool));
        let parts = divided.parts.iter().map(|(promise, calls)| (handle(promise), *calls as usize)).collect();
        self.split(parts)
    }

    /// Makes chunks of the last of the calls that have been submitted.
    #[cold]
    fn split(&mut self, parts: Vec<(Handle, usize)>) -> Vec<Chunk<B>> {
        let mut kept = self.count - self.unencodable.len();
        let last_first = parts.into_iter().rev().map(|(future, calls)| {
            kept -= calls;
            Chunk { future: Some(future), ..self.split_off(kept) }
        });
        let mut chunks: Vec<_> = last_first.collect();
        chunks.reverse();
        chunks
    }

    /// Takes away all items behind so many that have been submitted.
    fn split_off(&mut self, submitted: usize) -> Chunk<B> {
        let mut count = submitted;
        // Those in front of the last that was submitted, which come first by their places, are kept.
        let behind = self.unencodable.iter().rev().position(|(place, _)| {
            let is_behind = *place >= count;
            count += usize::from(!is_behind);
            is_behind
        });
        let behind = behind.map_or(0, |before| self.unencodable.len() - before);
        let kept = self.unencodable.split_off(behind);
        let unencodable = mem::replace(&mut self.unencodable, kept);
        let unencodable = unencodable.into_iter().map(|(place, error)| (place - count, error)).collect();
        let left = self.count - count;
        let bytes = self.bytes / self.count * left;
        let first = self.first + count;
        (self.count, self.bytes) = (count, self.bytes - bytes);
        Chunk { future: None, first, count: left, unencodable, bytes, beside: self.beside.split_off(count) }
    }
}

/// What has become of a task, if a worker has given calls of it back.
fn divided<'a>(outcome: &Result<&'a Outcome>) -> Option<&'a Divided> {
    match outcome {
        Ok(Outcome::Local(local)) => local.downcast_ref(),
        _ => None,
    }
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
        let mut submitted = outcome.map(|outcome| match divided(&outcome) {
            Some(divided) => Results::some(&divided.results),
            None => Results::new(outcome, self.count - self.unencodable.len()),
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::yields::Alone;

    /// The indices of the items, and of those that could not be encoded, in the order of their places.
    fn items(chunk: &Chunk<Alone>) -> (Vec<usize>, Vec<usize>) {
        let unencodable = chunk.unencodable.iter().rev().map(|(place, _)| chunk.first + place);
        ((chunk.first..chunk.first + chunk.count).collect(), unencodable.collect())
    }

    #[test]
    fn what_is_split_off_begins_behind_the_last_item_that_is_kept() {
        // Of ten items from the hundredth on, five are submitted: 101, 102, 105, 106, 108.
        let unencodable = [109, 107, 104, 103, 100].map(|index| (index - 100, too_late()));
        let whole = || Chunk {
            future: None,
            first: 100,
            count: 10,
            unencodable: unencodable.to_vec(),
            bytes: 77,
            beside: Alone,
        };
        let mut first = whole();
        let mut middle = first.split_off(1);
        let last = middle.split_off(2);
        assert_eq!(items(&first), (vec![100, 101], vec![100]));
        assert_eq!(items(&middle), (vec![102, 103, 104, 105], vec![103, 104]));
        assert_eq!(items(&last), (vec![106, 107, 108, 109], vec![107, 109]));
        assert_eq!(first.bytes + middle.bytes + last.bytes, 77);
        let mut first = whole();
        assert_eq!(items(&first.split_off(4)), (vec![107, 108, 109], vec![107, 109]));
    }
}
