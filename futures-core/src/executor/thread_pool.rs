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
/// Each thread has a stack of 8 MiB, as the main thread of a process has by default, unless
/// [`stack_size`](ThreadPoolBuilder::stack_size) or the variable `RUST_MIN_STACK` says something else.
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
    stack_bytes: Option<usize>,
    common: CommonOptions,
}

impl ThreadPoolExecutor {
    /// Makes an executor with all options at their defaults.
    ///
    /// # Errors
    ///
    /// As for [`ThreadPoolBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Returns the options, to be set one by one.
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

    /// The size of each thread's stack in bytes, from 2 MiB to 64 GiB; if not set 8 MiB, or what the variable
    /// `RUST_MIN_STACK` says, in bytes, if that is more.
    ///
    /// Tasks that call themselves deeply, or hold large arrays by value, need more. The system gives memory to a stack
    /// only as far as it is used. The threads that encode arguments and decode results are the program's own.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    ///
    /// #[remote_task]
    /// fn depth(levels: u32) -> u32 {
    ///     let room = std::hint::black_box([levels; 1000]);
    ///     if levels == 0 { 0 } else { depth(levels - 1) + 1 + room[0] - levels }
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(1).stack_size(64 << 20).build()?;
    /// assert_eq!(executor.submit(depth::ID, 5000).result()?, 5000);
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_bytes = Some(bytes);
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
        let count = options::MAX_WORKERS.decide(self.max_workers)?.unwrap_or_else(options::own_cores);
        let stack_bytes = self.stack_bytes.map(options::stack_size).transpose()?;
        let options = self.common.decide()?;
        let recipe = Box::new(move |notify: &_| {
            thread_transport::threads_with_stacks(count, stack_bytes, notify, |work| work())
        });
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
