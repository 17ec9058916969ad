//! The promises of every executor, written once and checked on each kind of it.

mod ahead;
mod beside;
mod buffers;
mod calls;
mod cbor;
mod chains;
mod comm;
mod derived;
mod driving;
mod encoding;
mod errors;
mod everywhere;
mod exits;
mod futures;
mod gate;
mod groups;
mod guards;
mod hooks;
mod initializer;
mod launched;
mod leases;
mod lifecycle;
mod limits;
mod maps;
mod options;
mod pushes;
mod queues;
mod retries;
mod several;
mod states;
mod streams;
mod tasks;
mod values;
mod worker_state;

pub use comm::{end, follow};
use futures_mpi::mpi::topology::SimpleCommunicator;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, Executor, GlobalValue, IntoArgs, StateId, TaskId};
use futures_mpi::{MpiCommBuilder, MpiCommExecutor, MpiPoolBuilder, MpiPoolExecutor};
use futures_mpi::{ThreadPoolBuilder, ThreadPoolExecutor};
pub use launched::{Run, WELL};
use std::any::Any;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

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

/// A builder of an executor of either kind, with the options that all kinds have.
pub enum AnyBuilder {
    /// On threads.
    Threads(ThreadPoolBuilder),
    /// On MPI processes.
    Mpi(MpiPoolBuilder),
    /// On a communicator.
    Communicator(MpiCommBuilder),
}

/// Forwards options to the builder of whatever kind.
macro_rules! options {
    ($($option:ident [$($generics:tt)*] ($($name:ident: $type:ty),*);)*) => {
        impl AnyBuilder {$(
            fn $option<$($generics)*>(self, $($name: $type),*) -> Self {
                match self {
                    AnyBuilder::Threads(builder) => AnyBuilder::Threads(builder.$option($($name),*)),
                    AnyBuilder::Mpi(builder) => AnyBuilder::Mpi(builder.$option($($name),*)),
                    AnyBuilder::Communicator(builder) => AnyBuilder::Communicator(builder.$option($($name),*)),
                }
            }
        )*}
    };
}

options! {
    initializer[Args, T, A: IntoArgs<Args>](function: TaskId<Args, T>, args: A);
    state[Args, T, A: IntoArgs<Args>](function: StateId<Args, T>, args: A);
    exit[T](function: TaskId<(), T>);
    global[V: GlobalValue + ?Sized](name: &str, value: &V);
    out_of_band[](out_of_band: bool);
    prefetch[](prefetch: bool);
    boot_limit[](limit: Duration);
    shutdown_limit[](limit: Duration);
}

impl AnyBuilder {
    fn build(self) -> Result<AnyExecutor, Error> {
        match self {
            AnyBuilder::Threads(builder) => builder.build().map(AnyExecutor::Threads),
            AnyBuilder::Mpi(builder) => builder.build().map(AnyExecutor::Mpi),
            AnyBuilder::Communicator(builder) => comm::open(builder).map(AnyExecutor::Communicator),
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
        self.builder().build().expect("an executor can be made")
    }

    /// Whether all executors have the other ranks of `mpiexec -n N` for workers.
    fn shares_a_pool(&self) -> bool {
        self.kind == Kind::Mpi && SimpleCommunicator::world().size() > 1
    }

    /// Whether a further executor costs no processes and no collective call: on threads, and on a pool that is shared.
    fn opens_at_little_cost(&self) -> bool {
        self.kind == Kind::Threads || self.shares_a_pool()
    }

    /// The options of an executor to be made.
    fn builder(&self) -> AnyBuilder {
        match self.kind {
            Kind::Threads => AnyBuilder::Threads(ThreadPoolExecutor::builder().max_workers(self.workers)),
            Kind::Mpi => AnyBuilder::Mpi(MpiPoolExecutor::builder().max_workers(self.workers)),
            Kind::Communicator => AnyBuilder::Communicator(MpiCommExecutor::builder()),
        }
    }
}

/// All promises, family by family.
pub fn all() -> impl Iterator<Item = &'static Promise> {
    let families = [
        ahead::PROMISES,
        beside::PROMISES,
        buffers::PROMISES,
        calls::PROMISES,
        cbor::PROMISES,
        driving::PROMISES,
        derived::PROMISES,
        chains::PROMISES,
        encoding::PROMISES,
        errors::PROMISES,
        exits::PROMISES,
        everywhere::PROMISES,
        futures::PROMISES,
        groups::PROMISES,
        guards::PROMISES,
        hooks::PROMISES,
        initializer::PROMISES,
        lifecycle::PROMISES,
        limits::PROMISES,
        leases::PROMISES,
        maps::PROMISES,
        options::PROMISES,
        pushes::PROMISES,
        queues::PROMISES,
        retries::PROMISES,
        several::PROMISES,
        states::PROMISES,
        streams::PROMISES,
        values::PROMISES,
        worker_state::PROMISES,
    ];
    families.into_iter().flatten()
}

/// Checks the promises whose names contain one of `parts`, or all if there are none, prints for each how long it took,
/// and returns how many were kept and broken.
pub fn run(setting: &Setting, parts: &[impl AsRef<str>]) -> (usize, usize) {
    let (mut kept, mut broken) = (0, Vec::new());
    let is_asked = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_ref()));
    let watch = watch();
    for promise in all().filter(|promise| is_asked(promise.name)) {
        println!("{} ...", promise.name);
        watch.send(promise.name).expect("somebody watches");
        let begin = Instant::now();
        let word = match panic::catch_unwind(AssertUnwindSafe(|| (promise.check)(setting))) {
            Ok(()) => {
                kept += 1;
                "kept"
            }
            Err(payload) => {
                broken.push((promise.name, message_of(&*payload).to_owned()));
                "BROKEN"
            }
        };
        println!("{} {word}, {:.3} s", promise.name, begin.elapsed().as_secs_f64());
    }
    println!("{kept} promises kept, {} broken, with {} workers", broken.len(), setting.workers);
    broken.iter().for_each(|(name, why)| println!("BROKEN {name}: {why}"));
    (kept, broken.len())
}

/// Ends the process when it is told of no further promise for too long.
fn watch() -> Sender<&'static str> {
    let (sender, begun) = mpsc::channel();
    thread::spawn(move || {
        let mut last = None;
        loop {
            match begun.recv_timeout(PROMISE_LIMIT) {
                Ok(promise) => last = Some(promise),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("{} has not ended after {PROMISE_LIMIT:?}", last.unwrap_or("no promise"));
                    process::abort();
                }
            }
        }
    });
    sender
}

/// What a panic has said.
fn message_of(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref().copied()).unwrap_or("a panic without words")
}

/// Does something while another executor is busy with short calls, each of which must succeed.
///
/// # Panics
///
/// If one does not.
pub fn beside<T>(setting: &Setting, body: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let calls = scope.spawn(|| {
            let executor = setting.executor();
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                let future = executor.submit(tasks::square::ID, calls);
                assert_eq!(future.result_timeout(LONG).expect("it has its turn"), calls * calls);
                calls += 1;
                thread::sleep(Duration::from_micros(500));
            }
            calls
        });
        let result = body();
        over.store(true, Ordering::Relaxed);
        println!("{} calls beside", calls.join().expect("all calls have succeeded"));
        result
    })
}

/// No promise takes so long, unless it hangs.
const PROMISE_LIMIT: Duration = Duration::from_secs(180);

/// Long enough for anything that a test waits for; whoever waits for longer has been forgotten.
const LONG: Duration = Duration::from_secs(60);
