//! An executor whose workers are threads of this process, for tests and small machines.

use super::thread_transport;
use crate::error::Result;
use crate::executor::Executor;
use crate::executor::options::{self, CommonOptions};
use crate::pool::manager::{Manager, Plan};
use std::ops::Deref;

/// An [`Executor`] whose workers are threads of this process.
///
/// Arguments and results are encoded and decoded as they would be for MPI processes, and the scheduler is the same, so
/// that a program tested with it behaves the same with `MpiPoolExecutor`. It needs no MPI.
///
/// Each thread has a stack of 8 MiB, as the main thread of a process has by default; of more, if the variable
/// `RUST_MIN_STACK` says so, in bytes.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn greet(name: &str) -> String {
///     format!("hello {name}")
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(4).build()?;
/// assert_eq!(executor.submit(greet::ID, "world").result()?, "hello world");
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadPoolExecutor {
    executor: Executor,
}

/// The options of a [`ThreadPoolExecutor`].
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ThreadPoolBuilder {
    max_workers: Option<usize>,
    common: CommonOptions,
}

impl ThreadPoolExecutor {
    /// An executor with all options at their defaults.
    ///
    /// # Errors
    ///
    /// As for [`ThreadPoolBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The options, to be set one by one.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }
}

impl ThreadPoolBuilder {
    /// The number of threads; if not set the variable `FUTURES_MPI_MAX_WORKERS`, else the number of cores.
    pub fn max_workers(mut self, count: usize) -> Self {
        self.max_workers = Some(count);
        self
    }

    crate::__executor_options!();

    /// Makes the executor; its threads are started at first use.
    ///
    /// # Errors
    ///
    /// If an option or a variable has a value that is not accepted, with the value and where it came from; if the
    /// initializer's arguments or a global cannot be encoded; if the initializer is not registered; if the program's
    /// task functions contradict one another.
    pub fn build(self) -> Result<ThreadPoolExecutor> {
        let count = options::max_workers(self.max_workers)?.unwrap_or_else(options::own_cores);
        let options = self.common.decide()?;
        let recipe = Box::new(move |notify: &_| thread_transport::threads(count, notify, |work| work()));
        let manager = Manager::new(Plan {
            recipe,
            backoff: None,
            crowded: options::is_crowded_by_threads(count + 1),
            only_driver: None,
            options: options.pool,
        })?;
        Ok(ThreadPoolExecutor { executor: Executor::owning(manager, options) })
    }
}

impl Deref for ThreadPoolExecutor {
    type Target = Executor;

    fn deref(&self) -> &Executor {
        &self.executor
    }
}
