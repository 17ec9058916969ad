//! Tasks of several calls that a worker may keep for a while: it gives the calls back that it has not begun by then.

use crate::driver::promise::Promise;
use crate::error::Error;
use crate::wire::payload::Payload;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What is special about a task that is a lease.
pub(crate) struct Lease {
    /// How long the worker may keep it; none for one call, of which nothing can come back.
    pub(crate) limit_micros: Option<NonZeroU32>,
    /// What has been seen of calls like these.
    pub(crate) pace: Arc<Pace>,
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

/// What becomes of a task of which a worker has given calls back: an outcome that only a map knows.
pub(crate) struct Divided {
    /// The results of the first calls.
    pub(crate) results: Vec<Result<Payload, Error>>,
    /// The tasks of the others, in their order, and how many calls each has.
    pub(crate) parts: Vec<(Arc<Promise>, u32)>,
}
