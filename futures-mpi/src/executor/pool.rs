//! An executor whose workers are MPI processes.

use crate::launch::environment;
use crate::launch::role::WorkerArgument;
use crate::liveness::{self, Reach, Setting};
use crate::runtime::{self, Role, Runtime};
use crate::service::{self, Address};
use crate::spawning::replacing::{self, Replacing};
use crate::spawning::{self, SpawnOptions, limits};
use crate::sys::ThreadLevel;
use crate::transport::{self, MpiTransport};
use futures_mpi_core::engine::{Kind, Manager, Notify, Plan, Recipe, Transport, say};
use futures_mpi_core::options::{self, CommonOptions, Decided};
use futures_mpi_core::{Error, Executor, Result};
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

/// An [`Executor`] whose workers are MPI processes.
///
/// In a program that was started as one process the workers are spawned with `MPI_Comm_spawn` at first use; they run
/// the same program, of which `#[futures_mpi::main]` keeps them from running `main`. Under `mpiexec -n N` with N larger
/// than 1 (command line mode), all executors share the N - 1 other processes, and what the builder says of their start
/// (`max_workers`, `exe`, `args`, `mpi_info`, `liveness`) has no effect; what it says of their preparation
/// (`initializer`, `global`, `env`, `wdir`) has.
///
/// Dropping the executor shuts it down and waits until its futures are done, see [`Executor`].
///
/// # Examples
///
/// ```no_run
/// use futures_mpi::{MpiPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn power(base: u64, exponent: u32) -> u64 {
///     base.pow(exponent)
/// }
///
/// #[futures_mpi::main]
/// fn main() -> Result<(), futures_mpi::Error> {
///     let executor = MpiPoolExecutor::new()?;
///     println!("{}", executor.submit(power::ID, (2, 10)).result()?);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct MpiPoolExecutor {
    executor: Executor,
}

/// The options of an [`MpiPoolExecutor`].
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct MpiPoolBuilder {
    max_workers: Option<usize>,
    common: CommonOptions,
    exe: Option<PathBuf>,
    args: Vec<String>,
    mpi_info: Vec<(String, String)>,
    liveness: Option<bool>,
    liveness_timeout: Option<Duration>,
    service: Option<String>,
}

impl MpiPoolExecutor {
    /// Makes an executor with all options at their defaults.
    ///
    /// # Errors
    ///
    /// As for [`MpiPoolBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Returns the options, to be set one by one.
    pub fn builder() -> MpiPoolBuilder {
        MpiPoolBuilder::default()
    }
}

impl MpiPoolBuilder {
    /// The number of workers to spawn; if not set the variable `FUTURES_MPI_MAX_WORKERS`, else the room that MPI's
    /// launcher has for more processes (its universe size less the processes of this program), else 1.
    pub fn max_workers(mut self, count: usize) -> Self {
        self.max_workers = Some(count);
        self
    }

    futures_mpi_core::__executor_options!();
    futures_mpi_core::__process_options!();
    futures_mpi_core::__backoff_option!();

    /// The program that the workers run; if not set, this one. It must be another build of the same task functions.
    ///
    /// It may be a script that starts the program, as long as the script hands all its arguments on (`exec PROGRAM
    /// "$@"`), to which it may add others. One that drops them breaks the executor, with an error that says so; `main`
    /// does not run in a worker.
    pub fn exe(mut self, program: impl Into<PathBuf>) -> Self {
        self.exe = Some(program.into());
        self
    }

    /// Command line arguments for the workers, which their tasks find in [`std::env::args`]; a further argument behind
    /// them tells the program that it is a worker. More than one call adds up.
    ///
    /// One with a zero byte, one of 128 KiB or more, or more of them than the system gives to a new program, is an
    /// error of [`build`](Self::build); larger values travel by [`global`](Self::global).
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Keys and values for `MPI_Comm_spawn`, which say where and how the workers are started; which keys there are
    /// depends on the MPI, see its documentation. More than one call adds up.
    ///
    /// A key or a value that is empty, has a zero byte, or is longer than this MPI accepts is an error of
    /// [`build`](Self::build). Open MPI accepts keys of 35 bytes and values of 255, which is a list of some 30 hosts;
    /// longer lists go into a file, which the key `hostfile` names.
    ///
    /// By default Open MPI binds each worker to a core where there are few workers, and the threads of a task would
    /// share that core. The library turns that off, unless the key `bind_to` is set, or `mpiexec --bind-to`, or the
    /// variable `OMPI_MCA_hwloc_base_binding_policy`.
    pub fn mpi_info<K: Into<String>, V: Into<String>>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        self.mpi_info.extend(pairs.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Whether each worker, spawned or of a [`service`](Self::service), keeps a liveness connection to the master: a
    /// TCP connection on which little is sent (a greeting, a goodbye, and a byte that wakes the other side after a long
    /// silence). When the connection ends, each side notices within a second that the other is gone. If not set, the
    /// variable `FUTURES_MPI_LIVENESS` decides: 0 for none. It also says where the master is to be reached, whether this
    /// is set or not: by the address of its network interface (`10.0.0.1`), ports (`:4000-4100`), or both
    /// (`10.0.0.1:4000-4100`).
    ///
    /// Without them a lost worker is noticed only where MPI ends the job or reports it, and idle processes do not sleep
    /// deeply. A program that Open MPI 4 has started alone must not set `liveness(false)` itself, which
    /// [`build`](Self::build) refuses: at its start MPI was told to keep the other processes alive when one is lost,
    /// and the loss would go unnoticed. With `FUTURES_MPI_LIVENESS=0` in its environment MPI is not told so, and ends
    /// the job.
    pub fn liveness(mut self, wanted: bool) -> Self {
        self.liveness = Some(wanted);
        self
    }

    /// How long the host of a worker, or of the master, may give no answer before its processes are lost: a host that
    /// is down, or cut off, closes no connection. If not set, the variable `FUTURES_MPI_LIVENESS_TIMEOUT` in seconds,
    /// else 30 s.
    ///
    /// The operating systems of the hosts answer, not the processes, so that a task may take as long as it likes, and a
    /// process may be stopped. A short time-out takes a short failure of the network for a loss. It is at least 1 s and
    /// at most 32,767 s, else [`build`](Self::build) refuses it. The loss is noticed within this time and a sixth of it,
    /// rounded up to a second. Outside Linux the system's own times apply, which are hours.
    pub fn liveness_timeout(mut self, timeout: Duration) -> Self {
        self.liveness_timeout = Some(timeout);
        self
    }

    /// Whether a worker that is lost is replaced by a new one, so that the pool keeps its size; if not set, the
    /// variable `FUTURES_MPI_REPLACE_LOST_WORKERS` (0 or 1, `yes` or `no`, ...), else lost workers are not replaced.
    ///
    /// The tasks that the lost worker had begun fail as without this option, or are retried where the call allows it;
    /// all others wait for the new worker if there is no other. The new one runs the same program, with the same
    /// arguments and info, and before its first task the executor's preparations, such as its
    /// [`initializer`](Self::initializer). Its number is a new one. The pool is not broken while a worker is awaited.
    ///
    /// Each attempt may take as long as the [`boot_limit`](Self::boot_limit). After a pause, a failed attempt is
    /// repeated. After five in a row without a worker that finishes a task, lost workers are no longer replaced, which
    /// is printed on standard error; a pool that has no worker left is then broken, and its errors give the reason.
    ///
    /// The workers of such a pool have [no communicator](crate::get_comm_workers) once one was lost.
    ///
    /// It depends on the MPI whether anything is left to be replaced: Open MPI 4 lets the others live if the program
    /// was started alone, or by `mpiexec --enable-recovery`; Open MPI 5 by `mpiexec --with-ft ulfm`, or with
    /// `OMPI_MCA_mpi_ft_enable=1` in the environment, but there all workers of the pool's start die together; MPICH
    /// does not. Where it cannot work, in command line mode and with a [`service`](Self::service), this is printed on
    /// standard error, once, and the option has no effect. Below `MPI_THREAD_MULTIPLE` it is an error of `build`.
    pub fn replace_lost_workers(mut self, wanted: bool) -> Self {
        self.common.replace_lost_workers = Some(wanted);
        self
    }

    /// Uses the workers of a group that was started separately, instead of spawning some: by `mpiexec -n N PROGRAM
    /// --futures-mpi-serve=ADDRESS`, where the program is one with `#[futures_mpi::main]` and the same task functions
    /// as this one. `address` is the same text on both sides:
    ///
    /// - `HOST:PORT`: the group listens there;
    /// - the path of a file, with a `/` in it, which both can read: the group writes there where it listens;
    /// - a name, or nothing for the name `futures-mpi`: MPI publishes it, if it has a server for that.
    ///
    /// A group serves one client after the other. It ends when [`end_service`](crate::end_service) asks it to, and
    /// aborts when a client vanishes or cannot connect. The number of workers is that of the group, and what the
    /// builder says of how workers start has no effect.
    ///
    /// Whether programs that were started apart can be connected depends on the MPI: with Open MPI 4 if both were
    /// started by `mpiexec --ompi-server file:FILE` with the same `ompi-server`, with MPICH over libfabric if both were
    /// started by `mpiexec`, not with MPICH over UCX before 4.3. Where it does not work, an error says so within the
    /// limit for the start of workers.
    pub fn service(mut self, address: impl Into<String>) -> Self {
        self.service = Some(address.into());
        self
    }

    /// Makes the executor; its workers are started at first use.
    ///
    /// # Errors
    ///
    /// If an option or a variable has a value that is not accepted, with the value and where it came from; if the
    /// initializer's arguments or a global cannot be encoded; if the initializer is not registered; if the program's
    /// `main` is not marked with `#[futures_mpi::main]`; if this process is itself a worker, or was forked in `main`;
    /// if the program's task functions contradict one another. If workers cannot be spawned, the futures fail.
    pub fn build(self) -> Result<MpiPoolExecutor> {
        let runtime = runtime::get().ok_or_else(no_main)?;
        runtime.check_process()?;
        let count = options::MAX_WORKERS.decide(self.max_workers)?;
        let backoff = self.common.backoff()?;
        let options = self.common.decide()?;
        limits::check_info(&self.mpi_info)?;
        limits::check_command(self.exe.as_deref(), &self.args)?;
        let replaces = options.pool.replace_lost_workers;
        let liveness = Setting::decide(self.liveness, self.liveness_timeout);
        let executor = match &runtime.role {
            Role::Worker => return Err(recursive()),
            _ if self.service.is_some() => {
                if replaces {
                    warn_of_no_replacement("the workers belong to a group that was started separately");
                }
                let address = Address::parse(&self.service.unwrap_or_default())
                    .map_err(|message| Error::new(Kind::Configuration, message))?;
                let limit = options.pool.boot_limit;
                let liveness = liveness?;
                let recipe = Box::new(move |notify: &_| service::transport(&address, limit, liveness, notify));
                own_pool(runtime, recipe, (backoff, options::is_crowded(2)), options)?
            }
            Role::Master(shared) => {
                if replaces {
                    warn_of_no_replacement("in command line mode the workers are ranks of the job");
                }
                Executor::sharing(shared.clone(), options)
            }
            Role::Alone => {
                let room = || environment::default_workers(runtime.started.universe, 1);
                let count = count.unwrap_or_else(room);
                let crowded = options::is_crowded(count + 1);
                let liveness = liveness?;
                check_loss_is_noticed(self.liveness)?;
                let mut options = options;
                if replaces {
                    check_thread_level(runtime.started.level)?;
                    if let Err(why) = replacing::check(&runtime.started, liveness != Setting::Off) {
                        warn_of_no_replacement(&why);
                        options.pool.replace_lost_workers = false;
                    }
                }
                let here = runtime.started.plan.spawns_here(&self.mpi_info);
                let workers = Workers {
                    count,
                    crowded,
                    exe: self.exe,
                    args: self.args,
                    info: self.mpi_info,
                    argument: WorkerArgument {
                        backoff,
                        // Elsewhere nobody here knows how many of them share a host.
                        crowded: here.then_some(crowded),
                        start_limit: options.pool.boot_limit,
                        replaces: false,
                    },
                    liveness,
                    reach: Reach::of(here),
                    replaced: options.pool.replace_lost_workers,
                };
                let recipe = Box::new(move |notify: &_| workers.start(runtime, notify));
                own_pool(runtime, recipe, (backoff, crowded), options)?
            }
        };
        Ok(MpiPoolExecutor { executor })
    }
}

/// Refuses a program's wish for no liveness connections where MPI has been told to let the others live when a process
/// is lost: then nobody would notice it, and its futures would never be done.
fn check_loss_is_noticed(wanted: Option<bool>) -> Result<()> {
    if wanted != Some(false) || !environment::lets_workers_live() {
        return Ok(());
    }
    let message = format!(
        "liveness(false) comes too late: at its start, Open MPI was told to keep the other processes alive when a \
         worker is lost, and without liveness connections the loss would go unnoticed; set {}=0 in the program's \
         environment instead, or leave out --enable-recovery if you passed it",
        Setting::VARIABLE
    );
    Err(Error::new(Kind::Configuration, message))
}

/// An executor with a pool of its own.
fn own_pool(
    runtime: &Runtime,
    recipe: Recipe,
    (backoff, crowded): (Duration, bool),
    options: Decided,
) -> Result<Executor> {
    let only_driver = runtime.started.only_driver();
    let plan = Plan { recipe, backoff: Some(backoff), crowded, only_driver, options: options.pool };
    let manager = Manager::new(plan)?;
    runtime.remember(&manager);
    Ok(Executor::owning(manager, options))
}

/// The workers that a pool spawns.
struct Workers {
    count: usize,
    /// Whether they are more than this host has cores, with the master.
    crowded: bool,
    exe: Option<PathBuf>,
    args: Vec<String>,
    info: Vec<(String, String)>,
    argument: WorkerArgument,
    liveness: Setting,
    reach: Reach,
    replaced: bool,
}

impl Workers {
    /// Spawns them, in the manager's thread.
    fn start(self, runtime: &'static Runtime, notify: &Notify) -> Result<Box<dyn Transport>> {
        let program = self.exe.clone().map_or_else(std::env::current_exe, Ok).map_err(|error| no_program(&error))?;
        let options = self.spawn_options(program.clone(), self.argument);
        let workers = spawning::spawn_workers(&runtime.started, options);
        let workers = workers.map_err(|message| Error::new(Kind::Broken, message))?;
        runtime.set_line(workers);
        let watch = liveness::watch(self.liveness, self.reach, notify);
        let transport = MpiTransport::spawned(workers).map(MpiTransport::that_ends_workers);
        let transport = transport.map(|transport| transport.with_liveness(watch));
        if !self.replaced {
            return transport::boxed(transport);
        }
        let argument = WorkerArgument { replaces: true, crowded: Some(self.crowded), ..self.argument };
        let options = self.spawn_options(program, argument);
        transport::boxed(transport.map(|transport| transport.extended(Replacing::new(&runtime.started, options))))
    }

    fn spawn_options(&self, program: PathBuf, argument: WorkerArgument) -> SpawnOptions {
        let arguments = self.args.iter().cloned().chain([argument.to_string()]).collect();
        SpawnOptions { program, arguments, count: self.count, info: self.info.clone(), limit: argument.start_limit }
    }
}

impl Deref for MpiPoolExecutor {
    type Target = Executor;

    fn deref(&self) -> &Executor {
        &self.executor
    }
}

/// Replacing is asked for where it is impossible; said once.
fn warn_of_no_replacement(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let name = options::REPLACE_LOST_WORKERS.name;
        say(&format!("lost workers are not replaced here ({name}, `replace_lost_workers`): {why}"));
    });
}

/// A worker is spawned while the pool goes on, which takes more than one thread that calls MPI.
fn check_thread_level(level: ThreadLevel) -> Result<()> {
    if level >= ThreadLevel::Multiple {
        return Ok(());
    }
    Err(Error::new(
        Kind::Configuration,
        format!(
            "lost workers can be replaced only if MPI provides MPI_THREAD_MULTIPLE, but it provides {level}: do not \
             set {} to a lower level, or leave out `replace_lost_workers` and {}",
            environment::THREAD_LEVEL_VARIABLE,
            options::REPLACE_LOST_WORKERS.name
        ),
    ))
}

fn no_program(error: &io::Error) -> Error {
    Error::new(Kind::Broken, format!("cannot find the path of this program, which the workers run: {error}"))
}

fn no_main() -> Error {
    Error::new(
        Kind::Configuration,
        "an MpiPoolExecutor needs `#[futures_mpi::main]` on the program's main function: without it, worker processes \
         do not know what they are",
    )
}

fn recursive() -> Error {
    Error::new(
        Kind::Configuration,
        "this process is a worker of a pool and cannot have an MpiPoolExecutor of its own: workers that spawn workers \
         would go on forever; open executors in main only, or use a ThreadPoolExecutor inside tasks",
    )
}
