//! The promises of every executor, written once and checked on each kind of it.

mod buffers;
mod calls;
mod comm;
mod derived;
mod encoding;
mod errors;
mod futures;
mod groups;
mod lifecycle;
mod maps;
mod tasks;

pub use comm::{end, follow};
use futures_mpi::{Error, Executor, MpiCommExecutor, MpiPoolExecutor, ThreadPoolExecutor};
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

/// A sentence about executors that must be true, and the function that finds out.
pub struct Promise {
    /// The name of the function.
    pub name: &'static str,
    check: fn(&Setting),
}

/// Lists functions of this module as promises, so that a name is written once.
macro_rules! promises {
    ($($check:ident),* $(,)?) => {
        /// What this family promises.
        pub(super) const PROMISES: &[super::Promise] =
            &[$(super::Promise { name: stringify!($check), check: $check }),*];
    };
}
use promises;

/// The kind of executor that promises are checked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Threads of this process.
    Threads,
    /// MPI processes: spawned, or the other ranks in command line mode.
    Mpi,
    /// The other ranks of a communicator, in a program that runs on all of them.
    Communicator,
}

/// Makes the executors that promises are checked on.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The kind of executor.
    pub kind: Kind,
    /// How many workers each executor has.
    pub workers: usize,
}

/// An executor of any kind.
pub enum AnyExecutor {
    /// On threads.
    Threads(ThreadPoolExecutor),
    /// On MPI processes.
    Mpi(MpiPoolExecutor),
    /// On the ranks of a communicator.
    Communicator(MpiCommExecutor),
}

impl Deref for AnyExecutor {
    type Target = Executor;

    fn deref(&self) -> &Executor {
        match self {
            AnyExecutor::Threads(executor) => executor,
            AnyExecutor::Mpi(executor) => executor,
            AnyExecutor::Communicator(executor) => executor,
        }
    }
}

impl Setting {
    /// A new executor.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub fn executor(&self) -> AnyExecutor {
        let made: Result<_, Error> = match self.kind {
            Kind::Threads => ThreadPoolExecutor::builder().max_workers(self.workers).build().map(AnyExecutor::Threads),
            Kind::Mpi => MpiPoolExecutor::builder().max_workers(self.workers).build().map(AnyExecutor::Mpi),
            Kind::Communicator => Ok(AnyExecutor::Communicator(comm::open())),
        };
        made.expect("an executor can be made")
    }
}

/// All promises, family by family.
pub fn all() -> impl Iterator<Item = &'static Promise> {
    [
        buffers::PROMISES,
        calls::PROMISES,
        derived::PROMISES,
        encoding::PROMISES,
        errors::PROMISES,
        futures::PROMISES,
        groups::PROMISES,
        lifecycle::PROMISES,
        maps::PROMISES,
    ]
    .into_iter()
    .flatten()
}

/// Checks the promises whose names contain `filter`, prints a line for each, and returns how many were kept and broken.
pub fn run(setting: &Setting, filter: &str) -> (usize, usize) {
    let (mut kept, mut broken) = (0, 0);
    for promise in all().filter(|promise| promise.name.contains(filter)) {
        println!("{} ...", promise.name);
        if panic::catch_unwind(AssertUnwindSafe(|| (promise.check)(setting))).is_ok() {
            kept += 1;
        } else {
            broken += 1;
            println!("{} BROKEN", promise.name);
        }
    }
    println!("{kept} promises kept, {broken} broken, with {} workers", setting.workers);
    (kept, broken)
}

/// Long enough for anything that a test waits for; whoever waits for longer has been forgotten.
const LONG: Duration = Duration::from_secs(60);
