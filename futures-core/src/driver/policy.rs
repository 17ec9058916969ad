//! The policy by which a task is executed: how often it is tried, how long it may take.

use crate::base::ids::WorkerNumber;
use crate::error::Error;
use crate::task;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the caller allows; the default is one try without a limit.
#[derive(Clone, Default)]
pub(crate) struct TaskPolicy {
    pub(crate) retries: u32,
    /// The wait before the first retry.
    pub(crate) first_wait: Duration,
    pub(crate) longest_wait: Duration,
    /// Which errors are worth a retry.
    pub(crate) filter: Option<Filter>,
    /// How long a try may take.
    pub(crate) limit: Option<Duration>,
    /// Whether it may be sent to a worker that has others to do before, if the caller has said so.
    pub(crate) prefetch: Option<bool>,
}

/// Says of an error whether the task is to be tried again.
pub(crate) type Filter = Arc<dyn Fn(&Error) -> bool + Send + Sync>;

/// A task's policy and how far it has come.
pub(crate) struct Attempt {
    pub(crate) policy: Arc<TaskPolicy>,
    /// How many retries there have been.
    pub(crate) retries: u32,
    /// The worker to which it was dispatched last.
    pub(crate) worker: WorkerNumber,
    /// The time of its timer, if one runs.
    pub(crate) timer: Option<Duration>,
}

impl Attempt {
    /// None if the task is tried once and without a limit.
    pub(crate) fn of(policy: &Arc<TaskPolicy>) -> Option<Self> {
        (policy.retries > 0 || policy.limit.is_some()).then(|| Self::new(policy))
    }

    fn new(policy: &Arc<TaskPolicy>) -> Self {
        Attempt { policy: Arc::clone(policy), retries: 0, worker: WorkerNumber(0), timer: None }
    }

    /// Whether the task may have to be sent again.
    pub(crate) fn keeps_arguments(&self) -> bool {
        self.retries < self.policy.retries
    }

    /// After so long the task is tried again; none if it is not.
    pub(crate) fn next_try(&self, error: &Error) -> Option<Duration> {
        let TaskPolicy { retries, first_wait, longest_wait, ref filter, .. } = *self.policy;
        let accepted = || match filter {
            // A filter that panics accepts nothing; the panic hook has said why.
            Some(filter) => task::contain(|| filter(error)).unwrap_or(false),
            None => error.is_task_error() || error.is_panic() || error.is_worker_lost(),
        };
        let doubled = 1u32.checked_shl(self.retries).map_or(longest_wait, |factor| first_wait.saturating_mul(factor));
        (self.retries < retries && accepted()).then(|| doubled.min(longest_wait))
    }
}

impl fmt::Debug for TaskPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} retries, limit {:?}", self.retries, self.limit)
    }
}

/// The methods that set the policy, for a builder with a field `policy` of the type `Option<Arc<TaskPolicy>>`.
macro_rules! policy_options {
    () => {
        /// The number of times that the task may be executed again after it has failed; 0 if not set. On a map without a
        /// chunk size the calls then travel alone, and each is retried alone. With a chunk size, the chunk is retried as
        /// a whole when one of its calls has failed: that keeps short calls quick.
        ///
        /// Unless [`retry_if`](Self::retry_if) says otherwise, the pool retries a task that returned `Err`, one that
        /// panicked, and one whose worker was lost. Errors of the codec, cancellations, shutdowns and broken pools
        /// would recur, and are final. The retry may come to any worker. The future fails with the error of the last
        /// attempt; between two attempts it is pending, and can be cancelled.
        ///
        /// Without retries a task is executed at most once, whatever happens to its worker: one that has been sent to a
        /// worker that is lost fails, and one that has not been sent goes to another.
        pub fn retries(mut self, retries: u32) -> Self {
            std::sync::Arc::make_mut(self.policy.get_or_insert_default()).retries = retries;
            self
        }

        /// The pause before a retry: `first` before the first one, then twice as long each time, up to `longest`. If
        /// not set there is no wait.
        pub fn retry_backoff(mut self, first: std::time::Duration, longest: std::time::Duration) -> Self {
            let policy = std::sync::Arc::make_mut(self.policy.get_or_insert_default());
            (policy.first_wait, policy.longest_wait) = (first, longest);
            self
        }

        /// Decides which errors are worth a retry, instead of the errors that [`retries`](Self::retries) names.
        ///
        /// Called in a thread of the pool, which waits for it: it must be quick, and use no futures. If it panics the
        /// error is final.
        pub fn retry_if(mut self, accepts: impl Fn(&$crate::Error) -> bool + Send + Sync + 'static) -> Self {
            std::sync::Arc::make_mut(self.policy.get_or_insert_default()).filter = Some(std::sync::Arc::new(accepts));
            self
        }

        /// The time limit of each attempt, counted from when its worker is free to start it; without a limit if not
        /// set.
        ///
        /// When the limit passes, the future fails with an error for which
        /// [`Error::is_timeout`]($crate::Error::is_timeout) holds, and which names task, worker and host. The task
        /// itself cannot be interrupted: its worker continues it and gets no other task until it has finished it; the
        /// late result is dropped. A time-out is retried only if [`retry_if`](Self::retry_if) accepts it; the retry may
        /// then run beside the attempt that timed out.
        ///
        /// On a map without a chunk size the calls travel alone, and each has this limit. With a chunk size, it is that of
        /// the whole chunk: that keeps short calls quick.
        ///
        /// The time in the queue does not count. While every worker is stuck in a task that has timed out, other tasks
        /// wait until one worker is free again.
        pub fn task_timeout(mut self, limit: std::time::Duration) -> Self {
            std::sync::Arc::make_mut(self.policy.get_or_insert_default()).limit = Some(limit);
            self
        }

        /// Whether a task may be sent ahead, to a worker that still has others to do; overrides the builder's option of
        /// this name.
        ///
        /// With `false` the task is sent only to an idle worker, and nothing is sent behind it; so it is pending, and
        /// can be cancelled, until its worker can start it.
        pub fn prefetch(mut self, prefetch: bool) -> Self {
            std::sync::Arc::make_mut(self.policy.get_or_insert_default()).prefetch = Some(prefetch);
            self
        }
    };
}
pub(crate) use policy_options;

/// What is to be done about a task when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// It has rested for long enough.
    Resume,
    /// Its try has taken too long.
    GiveUp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn attempt(policy: TaskPolicy) -> Attempt {
        Attempt::new(&Arc::new(policy))
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let [first_wait, longest_wait] = [10, 35].map(Duration::from_millis);
        let mut attempt = attempt(TaskPolicy { retries: 70, first_wait, longest_wait, ..TaskPolicy::default() });
        let error = Error::new(Kind::Panic, "no");
        for (retries, millis) in [(0, Some(10)), (1, Some(20)), (2, Some(35)), (69, Some(35)), (70, None)] {
            attempt.retries = retries;
            assert_eq!(attempt.next_try(&error), millis.map(Duration::from_millis), "after {retries} retries");
        }
    }

    #[test]
    fn the_filter_decides_and_may_panic() {
        let kinds = [Kind::TaskError, Kind::Panic, Kind::WorkerLost, Kind::Timeout, Kind::Codec, Kind::Broken];
        let accepted = |filter: Option<Filter>| {
            let attempt = attempt(TaskPolicy { retries: 1, filter, ..TaskPolicy::default() });
            kinds.map(|kind| attempt.next_try(&Error::new(kind, "no")).is_some())
        };
        assert_eq!(accepted(None), [true, true, true, false, false, false]);
        assert_eq!(accepted(Some(Arc::new(Error::is_timeout))), [false, false, false, true, false, false]);
        assert_eq!(accepted(Some(Arc::new(|_| panic!("this panic is part of a test")))), [false; 6]);
    }
}
