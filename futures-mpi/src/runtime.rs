//! The role of this process, and the beginning and the end of its program.
//!
//! One of the two global things of the library, beside the registry: MPI itself is global.

use crate::launch::role::{self, WorkerArgument};
use crate::launch::start::{self, Started};
use crate::launch::{environment, input};
use crate::liveness::{self, Reach, Setting};
use crate::service::{self, Address};
use crate::sys::{self, Communicator, ThreadLevel};
use crate::transport::link::{self, MpiLink, Parting};
use crate::transport::{self, MpiTransport, parent};
use crate::{comm_workers, ending};
use futures_mpi_core::engine::{self, Kind, Manager, Place, Plan, say};
use futures_mpi_core::options::{self, CommonOptions};
use futures_mpi_core::{Error, Result};
use std::panic::{self, AssertUnwindSafe};
use std::process::{ExitCode, Termination};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The rank of the master in command line mode.
const ROOT: i32 = 0;

/// How long pools may take to end after `main` has panicked, before the job is ended by force.
const PANIC_LIMIT: Duration = Duration::from_secs(5);

/// How much longer than its master waits for it a worker may take to start, before it ends itself.
const START_GRACE: Duration = Duration::from_secs(2);

/// How long tasks that are running may take when the program calls `exit`, before the job is ended by force.
const EXIT_LIMIT: Duration = Duration::from_secs(1);

/// The exit status of a program whose `main` panics, as without this library.
const PANIC_STATUS: u8 = 101;

/// The role of this process.
pub(crate) struct Runtime {
    pub(crate) started: Started,
    pub(crate) role: Role,
    /// The process that MPI knows; one that was forked from it is another.
    process: u32,
    pools: Mutex<Pools>,
    /// What the pool that came up last talks over; for measurements.
    line: Mutex<Option<Communicator>>,
    /// How long MPI may take to end.
    limit: Duration,
}

/// The pools that are to end before the program does; their threads may outlive their executors.
#[derive(Default)]
struct Pools {
    managers: Vec<Arc<Manager>>,
    /// Whether the program ends, so that no further pool begins.
    closed: bool,
}

/// The part that a process plays under `#[futures_mpi::main]`.
pub(crate) enum Role {
    /// The only process of its world: it spawns workers on demand.
    Alone,
    /// Rank 0 of several: master of the pool that all its executors share.
    Master(Arc<Manager>),
    /// A spawned process, or another rank.
    Worker,
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The runtime, if `#[futures_mpi::main]` has started it.
pub(crate) fn get() -> Option<&'static Runtime> {
    RUNTIME.get()
}

impl Runtime {
    /// Refuses a process that was forked from the one in which MPI was started.
    pub(crate) fn check_process(&self) -> Result<()> {
        if !self.is_elsewhere() {
            return Ok(());
        }
        Err(Error::new(
            Kind::Configuration,
            format!(
                "this process was forked from process {}, in which `#[futures_mpi::main]` started MPI, and cannot use \
                 MPI itself: a program must not become a daemon, or continue in a forked child, inside its main \
                 function. Start it in the background from the shell (nohup PROGRAM &, setsid PROGRAM), or use a \
                 ThreadPoolExecutor",
                self.process
            ),
        ))
    }

    fn is_elsewhere(&self) -> bool {
        self.process != std::process::id()
    }

    /// Takes note of a pool, not used yet, that is to end before the program does; if that ends already, it ends the
    /// pool.
    pub(crate) fn remember(&self, manager: &Arc<Manager>) {
        let mut pools = self.lock_pools();
        pools.managers.retain(|pool| !pool.is_over());
        if pools.closed {
            drop(pools);
            manager.end();
        } else {
            pools.managers.push(Arc::clone(manager));
        }
    }

    pub(crate) fn set_line(&self, line: Communicator) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// What the pool that came up last talks over.
    pub(crate) fn line(&self) -> Option<Communicator> {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pools, to which none is added any more.
    fn close(&self) -> Vec<Arc<Manager>> {
        let mut pools = self.lock_pools();
        pools.closed = true;
        pools.managers.clone()
    }

    fn lock_pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a program: `body` in the master, the worker loop in every other process. For code that
/// `#[futures_mpi::main]` generates.
pub fn run_main<R: Termination>(body: fn() -> R) -> ExitCode {
    match begin() {
        Ok(Process::Master(runtime)) => run_master(runtime, body),
        Ok(Process::Worker(link)) => run_worker(*link, None),
        Ok(Process::Refusing(link, reason)) => run_worker(*link, Some(&reason)),
        Ok(Process::Service(address, options)) => run_service(&address, options),
        Err(message) => {
            say(&message);
            if sys::is_initialized() {
                sys::abort(1);
            }
            ExitCode::FAILURE
        }
    }
}

/// What is to be done in this process.
enum Process {
    Master(&'static Runtime),
    Worker(Box<MpiLink>),
    /// A worker that cannot work, and tells its master why.
    Refusing(Box<MpiLink>, String),
    /// Part of a group of workers that waits for clients.
    Service(Address, service::ServeOptions),
}

/// Starts MPI and finds out the role of this process.
fn begin() -> Result<Process, String> {
    let argument = WorkerArgument::of_this_process()?;
    // Before anything can read it.
    let input = argument.and_then(|_| sys::end_input());
    if let Some(argument) = argument.filter(|_| environment::lets_workers_live()) {
        // There is no liveness connection yet, and if another worker dies now, MPI waits forever.
        sys::end_after(Some(argument.start_limit.saturating_add(START_GRACE)));
    }
    let mut started = start::start()?;
    input.into_iter().for_each(input::pass_over);
    let world = Communicator::world();
    let failed = |error: sys::MpiError| format!("the processes of this job cannot be connected: {error}");
    if let Some(argument) = argument {
        // It must not run `main`, which would spawn workers like itself.
        let parent = Communicator::parent().ok_or_else(no_parent)?;
        enter(started, Role::Worker, options::DEFAULT_SHUTDOWN_LIMIT).set_line(parent);
        parent.return_errors().map_err(failed)?;
        if argument.replaces {
            comm_workers::break_up();
        } else {
            comm_workers::enter(comm_workers::all_of(world).map_err(failed)?);
        }
        let crowded = match argument.crowded {
            Some(crowded) => crowded,
            // The master may be on this host as well.
            None => options::is_crowded(world.size_on_this_host().map_err(failed)? + 1),
        };
        let link = MpiLink::to_parent(parent, argument.backoff, crowded).map_err(failed)?;
        sys::end_after(None);
        return Ok(Process::Worker(Box::new(link)));
    }
    if let Some(parent) = Communicator::parent()
        && parent::is_worker_of(parent).map_err(failed)?
    {
        enter(started, Role::Worker, options::DEFAULT_SHUTDOWN_LIMIT);
        let link = MpiLink::to_parent(parent, options::DEFAULT_BACKOFF, true).map_err(failed)?;
        return Ok(Process::Refusing(Box::new(link), role::arguments_are_lost()));
    }
    let options = CommonOptions::default();
    let backoff = options.backoff().map_err(|error| error.to_string())?;
    let mut options = options.decide().map_err(|error| error.to_string())?;
    // The ranks of a job cannot be replaced, which is said when an executor is made.
    options.pool.replace_lost_workers = false;
    let limit = options.pool.shutdown_limit;
    let liveness = Setting::of_environment().map_err(|error| error.to_string())?;
    let size = usize::try_from(world.size().map_err(failed)?).unwrap_or(1);
    if let Some(address) = service::address_of_this_process()? {
        sys::end_input().into_iter().for_each(input::pass_over);
        enter(started, Role::Worker, limit);
        let crowded = options::is_crowded(world.size_on_this_host().map_err(failed)?);
        let options = service::ServeOptions { backoff, crowded, timeout: liveness.timeout() };
        return Ok(Process::Service(address, options));
    }
    if size == 1 {
        started.ask_universe();
        return Ok(Process::Master(enter(started, Role::Alone, limit)));
    }
    // The pool talks on a communicator of its own, so that it never meets the program's messages.
    let pool = world.duplicate().map_err(failed)?;
    let here = pool.size_on_this_host().map_err(failed)?;
    let reach = Reach::of(here == size);
    let crowded = options::is_crowded(here);
    let is_master = world.rank().map_err(failed)? == ROOT;
    let workers = comm_workers::divide(pool, is_master).map_err(failed)?;
    if !is_master {
        sys::end_input().into_iter().for_each(input::pass_over);
        workers.into_iter().for_each(comm_workers::enter);
        enter(started, Role::Worker, limit).set_line(pool);
        return Ok(Process::Worker(Box::new(MpiLink::new(pool, ROOT, backoff, crowded))));
    }
    let only_driver = started.only_driver();
    let plan = Plan {
        recipe: Box::new(move |notify| {
            let watch = liveness::watch(liveness, reach, notify);
            transport::boxed(MpiTransport::shared(pool).map(|transport| transport.with_liveness(watch)))
        }),
        backoff: Some(backoff),
        crowded,
        only_driver,
        options: options.pool,
    };
    let manager = Manager::new(plan).map_err(|error| error.to_string())?;
    manager.start();
    let runtime = enter(started, Role::Master(Arc::clone(&manager)), limit);
    runtime.remember(&manager);
    runtime.set_line(pool);
    Ok(Process::Master(runtime))
}

fn no_parent() -> String {
    "an argument of this process says that it is a worker, but its MPI knows no master that spawned it: it was started \
     by hand, a script between the two cleared its environment, or master and workers were built with different MPIs"
        .to_owned()
}

/// Below `MPI_THREAD_SERIALIZED` MPI promises nothing about calls from the manager's thread; they are made one at a
/// time, which works with the usual implementations. Said once.
pub(crate) fn warn_of_thread_level(level: ThreadLevel) {
    static SAID: Once = Once::new();
    if level < ThreadLevel::Serialized {
        SAID.call_once(|| {
            say(&format!(
                "MPI provides only {level}; futures-mpi calls MPI from more than one thread, though never from two at \
                 the same time, and at that level the MPI standard does not guarantee that this works"
            ));
        });
    }
}

fn enter(started: Started, role: Role, limit: Duration) -> &'static Runtime {
    ending::watch_exit(end_early);
    let (pools, line) = (Mutex::default(), Mutex::new(None));
    let process = std::process::id();
    RUNTIME.get_or_init(|| Runtime { started, role, process, pools, line, limit })
}

/// The program itself, then the end of its pools, then the end of MPI.
fn run_master<R: Termination>(runtime: &'static Runtime, body: fn() -> R) -> ExitCode {
    warn_of_thread_level(runtime.started.level);
    // A panic must not unwind out of here: MPI would be left as it is, and the other processes with it.
    let (status, failure) = match panic::catch_unwind(AssertUnwindSafe(|| body().report())) {
        // The end of a process that main has forked: MPI and the pools are its parent's.
        Ok(status) if runtime.is_elsewhere() => return status,
        Err(_) if runtime.is_elsewhere() => return ExitCode::from(PANIC_STATUS),
        Ok(status) => {
            let pools = runtime.close();
            pools.iter().for_each(|pool| pool.end());
            pools.iter().for_each(|pool| pool.join());
            (status, (status != ExitCode::SUCCESS).then_some(1))
        }
        Err(_) => {
            if !give_up(runtime, PANIC_LIMIT) {
                say("aborting the job (status 101): main panicked while tasks were running");
                sys::abort(i32::from(PANIC_STATUS));
            }
            (ExitCode::from(PANIC_STATUS), Some(PANIC_STATUS))
        }
    };
    ending::prepare();
    ending::finalize(&runtime.started, failure, Some(runtime.limit));
    if ending::launcher_waits() {
        say("exiting with status 1: MPI refused to spawn workers, and this mpiexec would hang if the program exited \
             with 0");
        return ExitCode::FAILURE;
    }
    status
}

/// Ends the pools, or the worker, when `exit` is called in `main` or in a task.
fn end_early() {
    let Some(runtime) = get() else { return };
    if matches!(runtime.role, Role::Worker) {
        link::end_help();
        return say(&format!("a worker on {} is lost: `exit` was called in it", sys::host_name()));
    }
    if !give_up(runtime, EXIT_LIMIT) {
        say("aborting the job (status 1): the program called `exit` while tasks were running");
        sys::abort(1);
    }
    // The status is only known to the system.
    ending::finalize(&runtime.started, None, Some(runtime.limit));
}

/// Stops the pools early; returns whether they have ended in time. Callbacks are not waited for: this may be called by
/// one.
fn give_up(runtime: &Runtime, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let pools = runtime.close();
    pools.iter().for_each(|pool| pool.abandon());
    pools.iter().all(|pool| pool.ends_by(Some(deadline)))
}

/// Serves the master until it says stop, or refuses to, with a reason.
fn run_worker(mut link: MpiLink, refusal: Option<&str>) -> ExitCode {
    let served = panic::catch_unwind(AssertUnwindSafe(|| {
        let place = Place { host: &sys::processor_name(), set_variable: Some(sys::set_variable_of_worker) };
        let limit = match refusal {
            None => engine::serve(&mut link, place),
            Some(reason) => engine::refuse(&mut link, reason),
        };
        // The master waits half as long for the goodbye.
        ending::flush_output(limit / 4);
        (link.finish_with_process(limit), limit)
    }));
    let mut limit = None;
    match served {
        Ok((Ok(Parting::Whole), time)) => limit = Some(time),
        // Others may still be at work, for as long as their master lives.
        Ok((Ok(Parting::Unsure), _)) => {}
        Ok((Ok(Parting::AtOnce), _)) => ending::leave_at_once(0),
        // The state of the others is unknown.
        Ok((Err(message), time)) => {
            say(&message);
            limit = Some(time);
        }
        Err(_) => {
            say("aborting the job (status 1): a worker panicked outside of a task");
            sys::abort(1);
        }
    }
    ending::prepare();
    if let Some(runtime) = get() {
        ending::finalize(&runtime.started, None, limit);
    }
    ExitCode::SUCCESS
}

/// Serves clients until one asks to end.
fn run_service(address: &Address, options: service::ServeOptions) -> ExitCode {
    let served = panic::catch_unwind(AssertUnwindSafe(|| service::serve(address, options)));
    let status = match served {
        Ok(Ok(())) => {
            ending::prepare();
            ExitCode::SUCCESS
        }
        Ok(Err(message)) => {
            say(&message);
            sys::abort(1);
        }
        Err(_) => {
            say("aborting the job (status 1): a worker panicked outside of a task");
            sys::abort(1);
        }
    };
    if let Some(runtime) = get() {
        ending::finalize(&runtime.started, None, Some(runtime.limit));
    }
    status
}
