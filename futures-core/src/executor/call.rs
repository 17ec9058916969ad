//! Calls of one task function with a policy of their own: a builder for the policy, then submissions.

use crate::driver::policy::{TaskPolicy, policy_options};
use crate::executor::client::Client;
use crate::future::Future;
use crate::task::{IntoArgs, TaskId};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// A task function with the retries and limits of its calls, see [`Executor::call`](crate::Executor::call).
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// #[remote_task]
/// fn fetch(name: &str) -> Result<String, String> {
///     static TRIES: AtomicU32 = AtomicU32::new(0);
///     match TRIES.fetch_add(1, Ordering::Relaxed) {
///         0 | 1 => Err("not yet".to_owned()),
///         _ => Ok(format!("the data of {name}")),
///     }
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
/// let call = executor
///     .call(fetch::ID)
///     .retries(3)
///     .retry_backoff(Duration::from_millis(1), Duration::from_secs(1))
///     .retry_if(|error| error.message() == "not yet")
///     .task_timeout(Duration::from_secs(60));
/// assert_eq!(call.submit("mars").result()?, "the data of mars");
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[must_use = "nothing is called until `submit` is"]
pub struct Call<Args, T> {
    client: Arc<Client>,
    function: TaskId<Args, T>,
    policy: Option<Arc<TaskPolicy>>,
}

impl<Args, T> Call<Args, T> {
    pub(crate) fn new(client: Arc<Client>, function: TaskId<Args, T>) -> Self {
        Call { client, function, policy: None }
    }

    policy_options!();

    /// Schedules a call with these options and returns its future, as [`Executor::submit`](crate::Executor::submit)
    /// does. May be called again, with other arguments.
    pub fn submit<A>(&self, args: A) -> Future<T>
    where
        A: IntoArgs<Args>,
        T: DeserializeOwned + 'static,
    {
        self.client.submit(self.function, args, self.policy.as_ref())
    }
}

impl<Args, T> fmt::Debug for Call<Args, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("function", &self.function).finish_non_exhaustive()
    }
}
