//! The chunks of a map that have been submitted and not been taken out, and which of them comes next.

use super::chunk::Chunk;
use crate::base::parker::Awaited;
use crate::driver::completions::CompletionQueue;
use crate::future::Listening;
use crate::pool::shared::Pool;
use crate::pool::waiting::next_report;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
#[cfg(feature = "stream")]
use std::task::Waker;
use std::time::Instant;

pub(super) enum Ahead<B> {
    /// They are taken out in the order of their items.
    InOrder(VecDeque<Chunk<B>>),
    AsDone(AsDone<B>),
}

/// Chunks that are taken out as they are done.
pub(super) struct AsDone<B> {
    /// By the indices of their first items, with what listens until it is dropped.
    chunks: BTreeMap<usize, (Chunk<B>, Option<Listening>)>,
    /// Reports the index of each that is done.
    completions: Arc<CompletionQueue>,
    /// Whether the results are awaited, and the thread that takes them does not drive the pool.
    is_stream: bool,
}

impl<B> Ahead<B> {
    pub(super) fn new(unordered: bool, is_stream: bool) -> Self {
        if unordered {
            Ahead::AsDone(AsDone { chunks: BTreeMap::new(), completions: Arc::default(), is_stream })
        } else {
            Ahead::InOrder(VecDeque::new())
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Ahead::InOrder(chunks) => chunks.len(),
            Ahead::AsDone(AsDone { chunks, .. }) => chunks.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next chunk can be taken out without waiting.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Ahead::InOrder(chunks) => chunks.front().is_some_and(Chunk::is_done),
            Ahead::AsDone(AsDone { completions, .. }) => completions.is_done(),
        }
    }

    pub(super) fn push(&mut self, chunk: Chunk<B>) {
        match self {
            Ahead::InOrder(chunks) => chunks.push_back(chunk),
            Ahead::AsDone(AsDone { chunks, completions, is_stream }) => {
                let first = chunk.first;
                let listening = chunk.future.as_ref().map(|future| future.report_to(completions, first, *is_stream));
                if listening.is_none() {
                    // Without a task it is done.
                    completions.report_here(first);
                }
                chunks.insert(first, (chunk, listening));
            }
        }
    }

    /// Puts the parts of a chunk that has been taken out into its place.
    pub(super) fn put_back(&mut self, parts: Vec<Chunk<B>>) {
        match self {
            Ahead::InOrder(chunks) => parts.into_iter().rev().for_each(|part| chunks.push_front(part)),
            Ahead::AsDone(_) => parts.into_iter().for_each(|part| self.push(part)),
        }
    }

    /// Takes out the next chunk when it is done; `None` if that is not in time, or if there is none.
    pub(super) fn next_done(&mut self, pool: &Arc<Pool>, deadline: Option<Instant>) -> Option<Chunk<B>> {
        match self {
            Ahead::InOrder(chunks) => {
                let future = chunks.front()?.future.as_ref();
                let is_late = future.is_some_and(|future| future.wait(deadline).is_err_and(|error| error.is_timeout()));
                if is_late { None } else { chunks.pop_front() }
            }
            Ahead::AsDone(AsDone { chunks, completions, .. }) => {
                let first = next_report(completions, Some(pool), deadline)?;
                chunks.remove(&first).map(|(chunk, _)| chunk)
            }
        }
    }

    /// Takes out the next chunk if it is done; if not, `waker` is woken when it is. Of chunks in order `listening` is
    /// what listens at the first.
    #[cfg(feature = "stream")]
    pub(super) fn poll_done(&mut self, waker: &Waker, listening: &mut Option<Listening>) -> Option<Chunk<B>> {
        match self {
            Ahead::InOrder(chunks) => {
                let future = chunks.front()?.future.as_ref();
                if let Some(future) = future.filter(|future| !future.is_done()) {
                    if listening.as_ref().is_some_and(|listening| listening.wake_instead(waker)) {
                        return None;
                    }
                    *listening = future.poll(waker).err();
                    if listening.is_some() {
                        return None;
                    }
                }
                *listening = None;
                chunks.pop_front()
            }
            Ahead::AsDone(AsDone { chunks, completions, .. }) => {
                let first = completions.poll(waker)?;
                chunks.remove(&first).map(|(chunk, _)| chunk)
            }
        }
    }

    /// Wakes nobody any more.
    #[cfg(feature = "stream")]
    pub(super) fn forget_waker(&self) {
        if let Ahead::AsDone(AsDone { completions, .. }) = self {
            completions.forget_waker();
        }
    }

    /// Takes out the chunk of the first items, done or not.
    pub(super) fn take_first(&mut self) -> Option<Chunk<B>> {
        match self {
            Ahead::InOrder(chunks) => chunks.pop_front(),
            Ahead::AsDone(AsDone { chunks, .. }) => chunks.pop_first().map(|(_, (chunk, _))| chunk),
        }
    }

    /// Cancels the tasks that have not been sent to a worker.
    pub(super) fn cancel(&self) {
        let cancel = |chunk: &Chunk<B>| {
            if let Some(future) = &chunk.future {
                future.cancel();
            }
        };
        match self {
            Ahead::InOrder(chunks) => chunks.iter().for_each(cancel),
            Ahead::AsDone(AsDone { chunks, .. }) => chunks.values().for_each(|(chunk, _)| cancel(chunk)),
        }
    }
}
