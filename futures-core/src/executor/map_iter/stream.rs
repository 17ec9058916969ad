//! The results of a map as a stream, for programs that await.

use super::MapIter;
use super::alarm::Alarm;
use crate::executor::yields::{Alone, Yields};
use crate::future::Listening;
use crate::pool::callbacks;
use crate::task::IntoArgs;
use futures_core::Stream;
use serde::de::DeserializeOwned;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream of the results of a [`Map`](crate::Map); made by [`Map::into_stream`](crate::Map::into_stream).
///
/// It is what [`MapIter`] is, but for the wait: where that waits, this is pending. Dropping the stream cancels the
/// calls that have not been sent to a worker, and leaves no waker behind.
#[must_use = "the calls are cancelled if the stream is dropped"]
pub struct MapStream<Args, T, I, B = Alone> {
    /// What listens at the first chunk of a map that is in order.
    listening: Option<Listening>,
    /// None before the first wait, and if the map has no time-out.
    alarm: Option<Alarm>,
    iter: MapIter<Args, T, I, B>,
}

impl<Args, T, I, B> MapStream<Args, T, I, B> {
    /// Of an iterator that relies on others to drive the pool.
    pub(in crate::executor) fn new(iter: MapIter<Args, T, I, B>) -> Self {
        MapStream { listening: None, alarm: None, iter }
    }

    /// Wakes nobody any more.
    fn forget_wakers(&mut self) {
        (self.listening, self.alarm) = (None, None);
        self.iter.ahead.forget_waker();
    }
}

impl<Args, T, I, B> Stream for MapStream<Args, T, I, B>
where
    I: Iterator<Item: IntoArgs<Args>>,
    T: DeserializeOwned + 'static,
    B: Yields<I::Item>,
{
    type Item = B::Output<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<B::Output<T>>> {
        let (this, waker) = (self.get_mut(), context.waker());
        loop {
            if let Some(yielded) = this.iter.at_hand() {
                return Poll::Ready(yielded);
            }
            if this.iter.submit_more() {
                continue;
            }
            if let Some(chunk) = this.iter.ahead.poll_done(waker, &mut this.listening) {
                this.iter.take_out(chunk);
                continue;
            }
            if let Some(deadline) = this.iter.deadline {
                this.alarm.get_or_insert_with(|| Alarm::at(deadline)).set(waker);
                if this.iter.is_late() {
                    this.forget_wakers();
                    this.iter.give_up();
                    continue;
                }
            }
            // Whoever polls may run a runtime within a callback.
            callbacks::may_block();
            return Poll::Pending;
        }
    }
}

/// Nothing in it is pinned.
impl<Args, T, I, B> Unpin for MapStream<Args, T, I, B> {}

impl<Args, T, I, B> Drop for MapStream<Args, T, I, B> {
    /// Before the calls are cancelled, which would wake the task that drops this.
    fn drop(&mut self) {
        self.forget_wakers();
    }
}

impl<Args, T, I, B> fmt::Debug for MapStream<Args, T, I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MapStream").field(&self.iter).finish()
    }
}
