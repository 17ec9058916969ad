//! Tasks of several calls that a worker may keep for a while: it gives the calls back that it has not begun by then.

use crate::driver::outcome::Outcome;
use crate::driver::promise::{Notices, Promise};
use crate::error::{Error, Kind};
use crate::wire::codec::DecodeFailure;
use crate::wire::parts::{self, Part};
use crate::wire::payload::Payload;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is special about a task that is a lease.
pub(crate) struct Lease {
    /// How long the worker may keep it; none for one call, of which nothing can come back.
    pub(crate) limit_micros: Option<NonZeroU32>,
    /// What has been seen of calls like these.
    pub(crate) pace: Arc<Pace>,
    /// What the task was a part of, and the place of its first call there.
    pub(crate) part: Option<(Arc<Whole>, u32)>,
}

/// A duration of up to months, in picoseconds.
pub(crate) const fn picos(time: Duration) -> u64 {
    time.as_nanos() as u64 * 1000
}

/// How long the calls of a map take, and how large their results are, as far as has been seen.
///
/// The thread that drives the pool writes, and the one that iterates reads.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Of one call, in picoseconds; zero if none has been seen.
    picos: AtomicU64,
    /// Of one result.
    result_bytes: AtomicU64,
    /// The most calls of a task that were all executed.
    most_calls: AtomicU32,
}

impl Pace {
    /// Takes note that a worker has executed so many calls in so many nanoseconds, with so many bytes of results, and
    /// whether it has given others back.
    ///
    /// What is slower than expected counts at once, and what is quicker by and by.
    pub(crate) fn see(&self, calls: u32, nanos: u64, result_bytes: usize, gives_back: bool) {
        let each = u64::from(calls.max(1));
        let picos = (nanos.saturating_mul(1000) / each).max(1);
        let (old, result_bytes) = (self.picos(), result_bytes as u64 / each);
        let seen = if old == 0 { picos } else { picos.max(old - old / 4 + picos / 4) };
        self.picos.store(seen, Ordering::Relaxed);
        let old_bytes = self.result_bytes();
        self.result_bytes.store(result_bytes.max(old_bytes - old_bytes / 4 + result_bytes / 4), Ordering::Relaxed);
        let most = if gives_back { calls } else { calls.max(self.most_calls()) };
        self.most_calls.store(most, Ordering::Relaxed);
    }

    /// How long a call takes, in picoseconds; zero if that is unknown.
    pub(crate) fn picos(&self) -> u64 {
        self.picos.load(Ordering::Relaxed)
    }

    /// How many bytes a result has.
    pub(crate) fn result_bytes(&self) -> u64 {
        self.result_bytes.load(Ordering::Relaxed)
    }

    /// The most calls of a task that were all executed, since some were given back.
    pub(crate) fn most_calls(&self) -> u32 {
        self.most_calls.load(Ordering::Relaxed)
    }
}

/// A task of which a worker has given calls back: its results come from several tasks.
pub(crate) struct Whole {
    promise: Arc<Promise>,
    results: Mutex<Results>,
}

struct Results {
    items: Vec<Option<Result<Payload, Error>>>,
    /// How many are missing.
    left: usize,
}

impl Whole {
    /// A task of so many calls, whose future this is.
    pub(super) fn new(promise: Arc<Promise>, count: u32) -> Arc<Self> {
        let items = std::iter::repeat_with(|| None).take(count as usize).collect();
        Arc::new(Whole { promise, results: Mutex::new(Results { items, left: count as usize }) })
    }

    /// Whether somebody holds the future.
    pub(super) fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.promise) > 1
    }

    /// Takes the results of consecutive calls, from this place on; those of the last ones finish the future.
    pub(super) fn fill(
        &self,
        place: u32,
        results: impl IntoIterator<Item = Result<Payload, Error>>,
        notices: &mut Notices,
    ) {
        let mut all = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, result) in (place as usize..).zip(results) {
            if all.items[at].replace(result).is_none() {
                all.left -= 1;
            }
        }
        if all.left == 0 {
            let items = std::mem::take(&mut all.items);
            drop(all);
            self.promise.finish(Outcome::Items(items.into_iter().flatten().collect()), notices);
        }
    }

    /// The same of so many calls that have become one outcome.
    pub(super) fn fill_from(&self, place: u32, count: u32, outcome: Outcome, notices: &mut Notices) {
        match outcome {
            Outcome::Items(items) => self.fill(place, items, notices),
            Outcome::Failed(error) => self.fill(place, std::iter::repeat_n(Err(error), count as usize), notices),
            Outcome::Values(payload) if count == 1 => self.fill(place, [Ok(payload)], notices),
            Outcome::Values(payload) => {
                let (mut bytes, mut attachments) = (payload.bytes(), payload.attachments().iter().cloned());
                let result = || match parts::take(&mut bytes, &mut attachments) {
                    Ok(Part::Value(value, attachments)) => Ok(Payload::received(value, attachments.into())),
                    Ok(Part::Failure(failure)) => Err(Error::new(Kind::Codec, failure.message.clone())),
                    Err(DecodeFailure(reason)) => Err(unreadable(&reason)),
                };
                self.fill(place, std::iter::repeat_with(result).take(count as usize), notices);
            }
            Outcome::Local(_) => {
                let error = unreadable("it is not one of a worker");
                self.fill(place, std::iter::repeat_n(Err(error), count as usize), notices);
            }
        }
    }
}

#[cold]
fn unreadable(reason: &str) -> Error {
    Error::new(Kind::Codec, format!("the worker's reply cannot be read: {reason}"))
}
