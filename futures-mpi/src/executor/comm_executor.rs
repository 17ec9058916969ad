//! An executor whose workers are processes of a communicator that the program has made itself.

use crate::launch::start;
use crate::liveness::{self, Reach, Setting};
use crate::runtime::{self, Role, Runtime};
use crate::sys::{self, Communicator, MpiError, ThreadLevel};
use crate::transport::link::{MpiLink, Parting};
use crate::transport::{self, MpiTransport};
use crate::{comm_workers, ending};
use futures_mpi_core::engine::{self, Kind, Manager, Notify, Place, Plan, Transport, say};
use futures_mpi_core::options::{self, CommonOptions, Decided};
use futures_mpi_core::{Error, Executor, Result};
use mpi::topology::SimpleCommunicator;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How much longer than its shutdown limit a pool may take to end, for what is done under no limit.
const END_GRACE: Duration = Duration::from_secs(2);

/// An [`Executor`] whose workers are the other processes of a communicator.
///
/// For programs that run on all their ranks, as most MPI programs do, and want a pool of workers for part of their run.
/// They initialise MPI themselves, by the `mpi` crate, and have no `#[futures_mpi::main]`. All processes of a
/// communicator call [`new`](Self::new); the one with the rank `root` gets the executor, and the others work for it.
/// When the executor has ended, they get `None`, and all go on with the program. Nothing but plain MPI is needed: no
/// process is spawned.
///
/// The executor talks on communicators of its own, so that the program's messages and the pool's never meet. At the
/// root the program may use MPI as it likes while the executor is there, if MPI gives `MPI_THREAD_MULTIPLE`: ask for it
/// with `mpi::initialize_with_threading(Threading::Multiple)`. At `MPI_THREAD_SERIALIZED` the root must not call MPI
/// while it has the executor, because its calls could coincide with the pool's; below that level, a warning is printed
/// as well.
///
/// On a communicator of size one the tasks run in one thread of this process; a
/// [`ThreadPoolExecutor`](crate::ThreadPoolExecutor) is better there.
///
/// # Its end
///
/// Dropping the executor, on the root, shuts it down, waits until its futures are done, and releases the workers. While
/// a panic unwinds at the root, what is queued is cancelled, running tasks are waited for, and the workers go on with
/// the program as they otherwise would; whether the program can, after what has happened to the root, is its own
/// concern. An executor must have ended before MPI is finalised: drop it before the `Universe`. Otherwise its pool is
/// stopped when MPI is finalised: pending futures fail, the workers are released, and a message is printed on standard
/// error.
///
/// # When a process is lost
///
/// As for [`MpiPoolExecutor`](crate::MpiPoolExecutor): each worker keeps a liveness connection to the root, by which a
/// lost worker is named, with the task that it had, and a worker without its root ends, with status 1. The variable
/// `FUTURES_MPI_LIVENESS` decides whether there are any, and where. MPI usually ends the job then; where it does not,
/// because it was told to go on, the executor does, and the calls on the other workers return an error when it has
/// ended; but `MPI_Finalize`, which is the program's to call, may wait forever for the process that is lost.
///
/// # Several of them
///
/// Executors may follow one another on one communicator, with the same root or with different ones. A process serves
/// one executor at a time: for several at once use communicators that have no worker in common, or call
/// [`new`](Self::new) in several threads of each process. In a task, the workers may together open one on [their
/// communicator](crate::get_comm_workers).
///
/// Under `#[futures_mpi::main]` with several processes (command line mode) only rank 0 runs the program, so a
/// collective call is impossible, and refused: use an [`MpiPoolExecutor`](crate::MpiPoolExecutor) there.
///
/// # Examples
///
/// ```no_run
/// use futures_mpi::mpi::{self, Threading, traits::*};
/// use futures_mpi::{MpiCommExecutor, remote_task};
///
/// #[remote_task]
/// fn absolute(n: i64) -> i64 {
///     n.abs()
/// }
///
/// fn main() -> Result<(), futures_mpi::Error> {
///     let (universe, _) = mpi::initialize_with_threading(Threading::Multiple).expect("MPI starts once");
///     let world = universe.world();
///     if let Some(executor) = MpiCommExecutor::new(&world, 0)? {
///         assert_eq!(executor.submit(absolute::ID, -42).result()?, 42);
///     }
///     world.barrier(); // all ranks are here again
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct MpiCommExecutor {
    executor: Executor,
}

/// The options of an [`MpiCommExecutor`]; those of the root count, and the other processes need not set any but
/// [`backoff`](Self::backoff), which is each process's own.
///
/// The workers are processes of the program, which sets their environment variables and their working directory itself.
///
/// # Examples
///
/// ```no_run
/// use futures_mpi::mpi::{self, Threading, traits::*};
/// use futures_mpi::{Error, MpiCommExecutor, global, remote_task};
///
/// #[remote_task]
/// fn scaled(x: f64) -> Result<f64, Error> {
///     Ok(x * global::<f64>("scale")?)
/// }
///
/// fn main() -> Result<(), Error> {
///     let (universe, _) = mpi::initialize_with_threading(Threading::Multiple).expect("MPI starts once");
///     let builder = MpiCommExecutor::builder().global("scale", &2.5);
///     if let Some(executor) = builder.build(&universe.world(), 0)? {
///         assert_eq!(executor.submit(scaled::ID, 4.0).result()?, 10.0);
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct MpiCommBuilder {
    common: CommonOptions,
    liveness: Option<bool>,
    liveness_timeout: Option<Duration>,
}

impl MpiCommExecutor {
    /// Makes the process with the rank `root` of `communicator` the master of a pool and all others its workers, with
    /// all options at their defaults.
    ///
    /// All processes of the communicator call it, with the same root. On the root it returns the executor as soon as
    /// the others have called it too; on the others it returns `None` when that executor has ended.
    ///
    /// # Errors
    ///
    /// As for [`MpiCommBuilder::build`].
    pub fn new<C>(communicator: &C, root: i32) -> Result<Option<Self>>
    where
        C: mpi::topology::Communicator + ?Sized,
    {
        Self::builder().build(communicator, root)
    }

    /// Makes an executor as [`new`](Self::new) does, on all processes that were started together (`MPI_COMM_WORLD`).
    ///
    /// # Errors
    ///
    /// As for [`MpiCommBuilder::build`].
    pub fn world(root: i32) -> Result<Option<Self>> {
        check_mpi()?;
        Self::new(&SimpleCommunicator::world(), root)
    }

    /// Returns the options, to be set one by one.
    pub fn builder() -> MpiCommBuilder {
        MpiCommBuilder::default()
    }
}

impl MpiCommBuilder {
    futures_mpi_core::__executor_options!();
    futures_mpi_core::__backoff_option!();

    /// Whether each worker keeps a liveness connection to the root, as for
    /// [`MpiPoolBuilder::liveness`](crate::MpiPoolBuilder::liveness); if not set, the variable `FUTURES_MPI_LIVENESS`
    /// decides, else there are liveness connections.
    pub fn liveness(mut self, wanted: bool) -> Self {
        self.liveness = Some(wanted);
        self
    }

    /// How long the host of another process may give no answer before that process is lost, as for
    /// [`MpiPoolBuilder::liveness_timeout`](crate::MpiPoolBuilder::liveness_timeout); if not set, the variable
    /// `FUTURES_MPI_LIVENESS_TIMEOUT`, else 30 s.
    pub fn liveness_timeout(mut self, timeout: Duration) -> Self {
        self.liveness_timeout = Some(timeout);
        self
    }

    /// Makes the process with the rank `root` of `communicator` the master of a pool and all others its workers.
    ///
    /// All processes of the communicator call it, with the same root; see [`MpiCommExecutor::new`].
    ///
    /// # Errors
    ///
    /// On every rank: if there is no such rank, if the processes name different roots, if `communicator` is an
    /// intercommunicator. If an option or a variable has a value that is not accepted in one process, or cannot be
    /// encoded, its error says so, and the errors of the others that another rank refused. If MPI is not initialised.
    /// If in command line mode the other processes serve the pool of the program. If the program's task functions
    /// contradict one another, or the initializer is not registered. On a worker, if the connection to the root has
    /// failed; and, as one for which [`Error::is_worker_lost`](crate::Error::is_worker_lost) holds, if another worker
    /// of the pool is lost.
    pub fn build<C>(self, communicator: &C, root: i32) -> Result<Option<MpiCommExecutor>>
    where
        C: mpi::topology::Communicator + ?Sized,
    {
        check_mpi()?;
        let level = sys::adopt();
        let communicator = Communicator::of(communicator);
        if communicator.is_intercommunicator().map_err(failed)? {
            return Err(refused(
                "an intercommunicator has two groups of processes, and an executor needs one: give the communicator of \
                 either group, or merge them"
                    .to_owned(),
            ));
        }
        let size = communicator.size().map_err(failed)?;
        runtime::get().map_or(Ok(()), Runtime::check_process)?;
        check_role(size)?;
        warn_of_launcher();
        let pool = communicator.duplicate().map_err(failed)?;
        let backoff = self.common.backoff();
        let own = backoff.and_then(|backoff| {
            Ok((backoff, self.common.decide()?, Setting::decide(self.liveness, self.liveness_timeout)?))
        });
        match agree(pool, size, root, own) {
            Ok((_, options, _)) if size == 1 => alone(pool, level, options).map(Some),
            Ok((backoff, options, liveness)) => Part { pool, size, root, level, backoff, options, liveness }.play(),
            Err(error) => {
                // Every process comes here or none.
                pool.free().map_err(failed)?;
                Err(error)
            }
        }
    }
}

impl Deref for MpiCommExecutor {
    type Target = Executor;

    fn deref(&self) -> &Executor {
        &self.executor
    }
}

impl Drop for MpiCommExecutor {
    /// Waits also while a panic unwinds: MPI belongs to the program, which may finalise it next, and the workers wait.
    fn drop(&mut self) {
        self.executor.shutdown(true, thread::panicking());
    }
}

/// What all processes have agreed on.
struct Part {
    /// The pool's own communicator.
    pool: Communicator,
    size: i32,
    root: i32,
    level: ThreadLevel,
    backoff: Duration,
    options: Decided,
    liveness: Setting,
}

impl Part {
    /// Plays the part of this process: the master's begins, the worker's lasts until the end.
    fn play(self) -> Result<Option<MpiCommExecutor>> {
        let Part { pool, size, root, level, backoff, options, liveness } = self;
        let here = pool.size_on_this_host().map_err(failed)?;
        let reach = Reach::of(i32::try_from(here) == Ok(size));
        let is_master = pool.rank().map_err(failed)? == root;
        let workers = comm_workers::divide(pool, is_master).map_err(failed)?;
        let crowded = options::is_crowded(here);
        match workers {
            None => {
                runtime::warn_of_thread_level(level);
                let transport = MpiTransport::shared(pool);
                let recipe = move |notify: &Notify| {
                    let watch = liveness::watch(liveness, reach, notify);
                    transport::boxed(transport.map(|transport| transport.with_liveness(watch)))
                };
                executor(recipe, Some(backoff), crowded, options).map(Some)
            }
            Some(workers) => work(MpiLink::new(pool, root, backoff, crowded), workers).map(|()| None),
        }
    }
}

/// Serves until the executor has ended.
fn work(mut link: MpiLink, workers: Communicator) -> Result<()> {
    let host = sys::processor_name();
    // The process is the program's, which may have other threads: variables are not set in it.
    let place = Place { host: &host, set_variable: None };
    let (limit, unused) = comm_workers::within(workers, || engine::serve(&mut link, place));
    match link.finish(limit).map_err(|message| Error::new(Kind::Mpi, message))? {
        Parting::Whole | Parting::Unsure => {}
        Parting::AtOnce => return Err(Error::new(Kind::WorkerLost, "another worker of the pool is lost")),
    }
    // All workers come here, or MPI has failed before.
    unused.map_or(Ok(()), Communicator::free).map_err(failed)
}

/// An executor with one worker thread, whose tasks have this process alone as their communicator.
fn alone(communicator: Communicator, level: ThreadLevel, options: Decided) -> Result<MpiCommExecutor> {
    let workers = comm_workers::all_of(communicator).map_err(failed)?;
    communicator.free().map_err(failed)?;
    let around = move |work: &mut dyn FnMut()| {
        if level < ThreadLevel::Serialized {
            // Tasks may not call MPI from this thread.
            return work();
        }
        let ((), unused) = comm_workers::within(workers, work);
        if let Some(Err(error)) = unused.map(Communicator::free) {
            say(&format!("a communicator could not be freed: {error}"));
        }
    };
    let recipe = move |notify: &Notify| engine::threads(1, notify, around);
    executor(recipe, None, options::is_crowded_by_threads(2), options)
}

/// An executor with a pool of its own. It starts at once: the workers are there, and only a running pool can let them
/// go.
fn executor(
    recipe: impl FnOnce(&Notify) -> Result<Box<dyn Transport>> + Send + 'static,
    backoff: Option<Duration>,
    crowded: bool,
    options: Decided,
) -> Result<MpiCommExecutor> {
    // This thread calls MPI already, so it is the one that may where only one may.
    let only_driver = (sys::thread_level() < ThreadLevel::Serialized).then(|| thread::current().id());
    let plan = Plan { recipe: Box::new(recipe), backoff, crowded, only_driver, options: options.pool };
    let manager = Manager::new(plan)?;
    watch_end_of_mpi(&manager, options.pool.shutdown_limit)?;
    manager.start();
    Ok(MpiCommExecutor { executor: Executor::owning(manager, options) })
}

/// The pools of executors that have not ended, and how long each may take to end.
static OPEN: Mutex<Vec<(Arc<Manager>, Duration)>> = Mutex::new(Vec::new());

/// Has a pool ended when MPI is finalised, if it has not ended by then: its workers wait in a call of the program, and
/// `MPI_Finalize` would wait for them for ever.
fn watch_end_of_mpi(manager: &Arc<Manager>, limit: Duration) -> Result<()> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        ending::before_finalize(end_open_pools).map_err(failed)?;
        WATCHED.store(true, Ordering::Release);
    }
    open.retain(|(pool, _)| !pool.is_over());
    open.push((Arc::clone(manager), limit));
    Ok(())
}

/// Ends the pools that are left when MPI is about to be finalised.
fn end_open_pools() {
    let mut open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    open.retain(|(pool, _)| !pool.is_over());
    if open.is_empty() {
        return;
    }
    say(
        "MPI is being finalised while an MpiCommExecutor is still alive: the program leaked it, or drops it after the \
         `Universe`. Its pool ends now, and its pending futures fail. Drop the executor before MPI is finalised",
    );
    open.iter().for_each(|(pool, _)| pool.abandon());
    for (pool, limit) in open {
        if !pool.ends_by(Some(Instant::now() + limit + END_GRACE)) {
            say(&format!(
                "the pool of an MpiCommExecutor has not ended within {limit:?}: MPI waits until its workers have \
                 finished their tasks"
            ));
        }
    }
}

fn check_mpi() -> Result<()> {
    if !sys::is_initialized() {
        return Err(refused(
            "MPI is not initialised: call `mpi::initialize_with_threading(Threading::Multiple)` first, and keep what it \
             returns"
                .to_owned(),
        ));
    }
    if sys::is_finalized() {
        return Err(refused("MPI has been finalised and cannot be used any more".to_owned()));
    }
    Ok(())
}

/// Processes that another MPI's launcher has started are each alone; said once.
fn warn_of_launcher() {
    static SAID: Once = Once::new();
    SAID.call_once(|| _ = start::check_launcher().inspect_err(|wrong| say(wrong)));
}

/// In command line mode the world has a master in it that does not come, and workers that serve.
fn check_role(size: i32) -> Result<()> {
    let world = Communicator::world().size().map_err(failed)?;
    let shared = match runtime::get().map(|runtime| &runtime.role) {
        Some(Role::Master(_)) => size > 1,
        Some(Role::Worker) => size == world && Communicator::parent().is_none(),
        Some(Role::Alone) | None => false,
    };
    if shared {
        return Err(refused(
            "the processes of this job already serve the pool of `#[futures_mpi::main]` and cannot join an \
             MpiCommExecutor: use an MpiPoolExecutor, or a main function without the attribute"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Finds out whether all processes want the same and can do it; gives back the options of this one. Collective.
fn agree<T>(pool: Communicator, size: i32, root: i32, own: Result<T>) -> Result<T> {
    let own = engine::check_functions().and(own);
    let root = i64::from(root);
    let [highest, lowest, refusals] = pool.largest([root, -root, i64::from(own.is_err())]).map_err(failed)?;
    let lowest = -lowest;
    let own = own?;
    if lowest != highest {
        return Err(refused(format!(
            "the ranks of the communicator name different roots, from {lowest} to {highest}; all must name the same \
             root"
        )));
    }
    if !(0..i64::from(size)).contains(&root) {
        return Err(refused(format!(
            "root is {root}, which is not accepted: it must be a rank of the communicator, from 0 to {}",
            size - 1
        )));
    }
    if refusals > 0 {
        return Err(refused("another rank refused to join the executor; see its own error message".to_owned()));
    }
    Ok(own)
}

fn refused(message: String) -> Error {
    Error::new(Kind::Configuration, message)
}

fn failed(error: MpiError) -> Error {
    Error::new(Kind::Mpi, format!("the processes of the communicator cannot be connected: {error}"))
}
