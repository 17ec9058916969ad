//! Spawns the workers: checks first, spawns within a limit, and explains failures.

pub(crate) mod limits;
pub(crate) mod replacing;
#[cfg(test)]
mod tests;

use crate::ending;
use crate::launch::environment;
use crate::launch::implementation::Implementation;
use crate::launch::start::{self, Started};
use crate::sys::{self, Communicator, MpiError, ThreadLevel};
use crate::transport::stream::{self, Control};
use futures_mpi_core::engine::Backoff;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long workers that start too late may take to leave again.
const HOME_LIMIT: Duration = Duration::from_secs(10);

/// The longest pause between two looks whether those workers have received the message to leave.
const HOME_BACKOFF: Duration = Duration::from_millis(1);

/// The workers to spawn.
#[derive(Debug, Clone)]
pub(crate) struct SpawnOptions {
    /// The executable.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// How many workers.
    pub(crate) count: usize,
    /// Keys and values for MPI, such as `host` or `wdir`.
    pub(crate) info: Vec<(String, String)>,
    /// How long to wait for them to start. Below `MPI_THREAD_SERIALIZED` only this thread may call MPI, and there is no
    /// limit. At `MPI_THREAD_SERIALIZED` a spawn that was given up keeps all other threads from calling MPI.
    pub(crate) limit: Duration,
}

/// Starts the workers with one `MPI_Comm_spawn` and returns the intercommunicator to them.
pub(crate) fn spawn_workers(started: &Started, options: SpawnOptions) -> Result<Communicator, String> {
    let options = checked(started, options)?;
    let asked = options.clone();
    match bounded("futures-mpi spawn", options.limit, move || spawn(&asked))? {
        Some(outcome) => outcome.map_err(|error| refused(started, &options, &error)),
        None => Err(explain_time_out(&options)),
    }
}

/// Checks what needs no MPI, and adds the keys and values that follow from the situation.
fn checked(started: &Started, mut options: SpawnOptions) -> Result<SpawnOptions, String> {
    started.plan.spawning.clone().map_err(|why| format!("{why} (asked for: {})", asked(&options)))?;
    options.info = started.plan.with_spawn_info(options.info);
    check_executable(&options)?;
    started.plan.check_hosts(&options.info)?;
    check_directory(started.plan.spawns_here(&options.info), &options.info)?;
    start::check_room(started, &options.info, options.count).map_err(|why| explain(started, &options, &why))?;
    Ok(options)
}

/// Makes a call of MPI that connects to workers and may never end, in a helper thread; `None` if it has not ended
/// within the limit. Below `MPI_THREAD_SERIALIZED`, where only this thread may call MPI, there is no limit.
pub(crate) fn bounded(
    name: &str,
    limit: Duration,
    call: impl FnOnce() -> Result<Communicator, MpiError> + Send + 'static,
) -> Result<Option<Result<Communicator, MpiError>>, String> {
    if sys::thread_level() < ThreadLevel::Serialized {
        return Ok(Some(call()));
    }
    Helper::start(name, call)?.wait(limit)
}

/// A call of MPI that connects to workers, in a helper thread. Either this thread takes the workers over, or the helper
/// learns that they are not wanted any more, and sends them home.
struct Helper(Receiver<Result<Communicator, MpiError>>);

impl Helper {
    fn start(
        name: &str,
        call: impl FnOnce() -> Result<Communicator, MpiError> + Send + 'static,
    ) -> Result<Self, String> {
        let (give, take) = mpsc::sync_channel(0);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Err(mpsc::SendError(outcome)) = give.send(call()) {
                // No thread waits for an error any more.
                let _ = outcome.map(|workers| send_home(workers, Instant::now() + HOME_LIMIT));
                ending::note_given_up_spawn_over();
            }
        });
        thread.map_err(|error| format!("cannot start a thread that spawns workers: {error}"))?;
        Ok(Helper(take))
    }

    /// The outcome of the call; `None` if it has not ended within the limit, and was given up.
    fn wait(self, limit: Duration) -> Result<Option<Result<Communicator, MpiError>>, String> {
        match self.0.recv_timeout(limit) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(RecvTimeoutError::Timeout) => {
                self.give_up();
                Ok(None)
            }
            Err(RecvTimeoutError::Disconnected) => Err(helper_panicked()),
        }
    }

    /// The outcome of the call, if it has ended.
    fn look(&self) -> Option<Result<Result<Communicator, MpiError>, String>> {
        match self.0.try_recv() {
            Ok(outcome) => Some(Ok(outcome)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(helper_panicked())),
        }
    }

    fn give_up(self) {
        // Before the channel is dropped, so that the helper can undo the note.
        ending::note_given_up_spawn();
    }
}

fn helper_panicked() -> String {
    "the thread that spawns workers panicked".to_owned()
}

/// A spawn that does not block the pool.
pub(crate) struct Spawning {
    helper: Option<Helper>,
    started: &'static Started,
    options: SpawnOptions,
    deadline: Instant,
}

impl Spawning {
    /// Begins it; MPI must provide `MPI_THREAD_MULTIPLE`.
    pub(crate) fn begin(started: &'static Started, options: SpawnOptions) -> Result<Self, String> {
        let options = checked(started, options)?;
        let asked = options.clone();
        let helper = Helper::start("futures-mpi spawn", move || spawn(&asked))?;
        let deadline = Instant::now() + options.limit;
        Ok(Spawning { helper: Some(helper), started, options, deadline })
    }

    /// The outcome, if the spawn has ended; it is given up when the limit has passed.
    pub(crate) fn look(&mut self) -> Option<Result<Communicator, String>> {
        if let Some(met) = self.helper.as_ref()?.look() {
            self.helper = None;
            return Some(met.and_then(|outcome| self.judge(outcome)));
        }
        if Instant::now() < self.deadline {
            return None;
        }
        self.helper.take().into_iter().for_each(Helper::give_up);
        Some(Err(explain_time_out(&self.options)))
    }

    /// Waits for the spawn within the limit, and sends its workers home, because the pool ends.
    pub(crate) fn settle(mut self, limit: Duration) -> Result<(), String> {
        let Some(helper) = self.helper.take() else { return Ok(()) };
        let deadline = Instant::now() + limit;
        match helper.wait(limit)? {
            Some(Ok(workers)) => send_home(workers, deadline),
            // There are no workers to send home.
            Some(Err(_)) => Ok(()),
            None => Err(explain_time_out(&SpawnOptions { limit, ..self.options.clone() })),
        }
    }

    fn judge(&self, outcome: Result<Communicator, MpiError>) -> Result<Communicator, String> {
        outcome.map_err(|error| refused(self.started, &self.options, &error))
    }
}

impl Drop for Spawning {
    /// Gives the spawn up without waiting for it.
    fn drop(&mut self) {
        self.helper.take().into_iter().for_each(Helper::give_up);
    }
}

/// Whether a worker that is lost can be replaced, as this program was started; if not, what to do.
pub(crate) fn can_replace(started: &Started) -> Result<(), String> {
    let plan = &started.plan;
    match &plan.implementation {
        // The start of the workers reports that they cannot be spawned at all.
        _ if plan.spawning.is_err() => Ok(()),
        Implementation::OpenMpi { major: ..=4, .. } if !environment::lets_workers_live() => Err(
            "Open MPI ends the whole job when a worker is lost; start the program with mpiexec --enable-recovery -n 1"
                .to_owned(),
        ),
        Implementation::OpenMpi { major: 5.., .. } if !environment::tolerates_faults() => Err(
            "Open MPI ends the whole job when a worker is lost; start the program with mpiexec --with-ft ulfm -n 1, or \
             set OMPI_MCA_mpi_ft_enable=1"
                .to_owned(),
        ),
        Implementation::Mpich { .. } => Err(format!("{} ends the whole job when a worker is lost", plan.implementation)),
        _ => Ok(()),
    }
}

/// Spawns from a communicator of this library: its errors return, and the program's error handlers stay.
fn spawn(options: &SpawnOptions) -> Result<Communicator, MpiError> {
    ending::note_spawn();
    let own = Communicator::this_process().duplicate()?;
    let count = i32::try_from(options.count).unwrap_or(i32::MAX);
    let spawned = own.spawn(options.program.as_os_str(), &options.arguments, count, &options.info);
    // A failure is not worth losing the workers.
    let _ = own.free();
    spawned
}

/// Tells workers that are not wanted any more to leave, and disconnects from them.
fn send_home(workers: Communicator, deadline: Instant) -> Result<(), String> {
    let ranks = 0..workers.remote_size().unwrap_or(0);
    let mut sending = Vec::new();
    for rank in ranks {
        // If a worker does not get it, disconnecting fails below.
        let _ = stream::send_word(workers, rank, Control::Disconnect, |under_way| sending.push(under_way));
    }
    let mut backoff = Backoff::new(HOME_BACKOFF, true);
    // A pending send would not advance while this side disconnects.
    while !sending.is_empty() && Instant::now() < deadline {
        sending.retain_mut(|sending| !matches!(sending.test(), Ok(true)));
        backoff.wait();
    }
    if !sending.is_empty() {
        return Err("workers that were spawned too late do not answer".to_owned());
    }
    ending::disconnect(vec![workers], deadline)
}

/// MPI would hang, or end the whole job, on an executable that cannot be started.
fn check_executable(options: &SpawnOptions) -> Result<(), String> {
    let path = options.program.display();
    let metadata = fs::metadata(&options.program).map_err(|error| {
        missing_program(&options.program)
            .unwrap_or_else(|| format!("cannot spawn workers: the executable {path} cannot be found ({error})"))
    })?;
    if !metadata.is_file() {
        return Err(format!("cannot spawn workers: {path} is not a file"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("cannot spawn workers: {path} is not executable"));
    }
    check_script(&options.program)?;
    if options.count == 0 {
        return Err("cannot spawn workers: their number is 0".to_owned());
    }
    Ok(())
}

/// The suffix that the system gives to the path of a running program whose file was removed.
const DELETED: &str = " (deleted)";

/// The error for a program whose file was deleted or replaced, if `path` names one.
fn missing_program(path: &Path) -> Option<String> {
    let name = path.to_str()?.strip_suffix(DELETED)?;
    let fate = if Path::new(name).exists() { "replaced" } else { "deleted" };
    Some(format!(
        "cannot spawn workers: the executable {name} has been {fate} since this program was started from it, as a \
         rebuild does; restart the program, or name an executable by `exe`"
    ))
}

/// Refuses a script that a shell would run but the system cannot execute.
fn check_script(path: &Path) -> Result<(), String> {
    let mut beginning = Vec::new();
    // A file that cannot be read may still be executable.
    let Ok(_) = File::open(path).and_then(|file| file.take(256).read_to_end(&mut beginning)) else { return Ok(()) };
    if beginning.contains(&0) {
        return Ok(());
    }
    let first = String::from_utf8_lossy(beginning.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
    let path = path.display();
    let Some(command) = first.strip_prefix("#!") else {
        return Err(format!(
            "cannot spawn workers: {path} is a script without a first line such as #!/bin/sh, which the system cannot \
             execute"
        ));
    };
    let interpreter = command.split_whitespace().next().unwrap_or_default();
    if !Path::new(interpreter).exists() {
        return Err(format!(
            "cannot spawn workers: {interpreter:?}, which {path} names in its first line, does not exist"
        ));
    }
    Ok(())
}

/// Refuses a working directory that does not exist. Without this program's own, MPI fails and gives no reason, even if
/// the workers start in another one. Without the one that the user names, workers would start elsewhere; that can be
/// checked only if they are on this host.
fn check_directory(here: bool, info: &[(String, String)]) -> Result<(), String> {
    if env::current_dir().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(
            "cannot spawn workers: the working directory of this program has been deleted; enter another one before \
             the first use of the executor"
                .to_owned(),
        );
    }
    match info.iter().rev().find(|(key, _)| key == "wdir") {
        Some((_, path)) if here && !Path::new(path).is_dir() => Err(format!(
            "cannot spawn workers: {path}, which mpi_info names as their working directory (wdir), is not a directory"
        )),
        _ => Ok(()),
    }
}

/// The workers that MPI was asked for, in words.
fn asked(options: &SpawnOptions) -> String {
    let plural = if options.count == 1 { "worker" } else { "workers" };
    let mut text = format!("{} {plural} of {}", options.count, options.program.display());
    if !options.info.is_empty() {
        let pairs: Vec<String> = options.info.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let _ = write!(text, " with the info {}", pairs.join(", "));
    }
    text
}

/// The message for a spawn that MPI refused.
fn refused(started: &Started, options: &SpawnOptions, error: &MpiError) -> String {
    if environment::launcher_waits_after_refusal(&started.plan) {
        ending::note_refusal();
    }
    explain(started, options, &error.to_string())
}

/// The message for a spawn that did not take place.
fn explain(started: &Started, options: &SpawnOptions, why: &str) -> String {
    let advice = match (&started.plan.implementation, started.plan.singleton) {
        (Implementation::OpenMpi { major: 5.., .. }, false) => {
            "ask for fewer workers, or start the program with mpiexec --map-by :OVERSUBSCRIBE -n 1, or set the info \
             key map_by to slot:oversubscribe"
        }
        (Implementation::OpenMpi { .. }, false) => {
            "ask for fewer workers, or start the program with mpiexec --oversubscribe -n 1, with \
             OMPI_MCA_rmaps_base_oversubscribe=1 in the environment of mpiexec, or with mpiexec -host localhost:N -n 1"
        }
        (Implementation::OpenMpi { .. }, true) => {
            "ask for fewer workers, or set OMPI_MCA_rmaps_base_oversubscribe=1 (Open MPI 4) or \
             PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe (Open MPI 5)"
        }
        _ => "ask for fewer workers",
    };
    format!(
        "{} could not spawn {}: {why}. What to try: {advice}; or start the program with its workers by mpiexec -n N \
         PROGRAM",
        started.plan.implementation,
        asked(options)
    )
}

/// The message for a spawn that did not end.
fn explain_time_out(options: &SpawnOptions) -> String {
    format!(
        "spawning {} timed out after {:?}: MPI waits until each of them has initialised MPI. Either one of them exited \
         or hangs before that, or the hosts cannot reach each other{}. What to try: fewer workers, a longer limit, or \
         mpiexec -n N PROGRAM. Because the spawn may still be under way, MPI will not be finalised",
        asked(options),
        options.limit,
        little_shared_memory(sys::free_bytes(Path::new(environment::SHARED_MEMORY)), options.count)
    )
}

/// A further possible reason, if there is little room for the shared memory of this many workers.
fn little_shared_memory(free: Option<u64>, count: usize) -> String {
    let needed = (count as u64 + 1).saturating_mul(environment::SHARED_MEMORY_OF_PROCESS);
    let Some(free) = free.filter(|free| *free < needed) else { return String::new() };
    format!(
        ", or MPI needs more shared memory than there is: {} has {} MiB left, and {count} workers may need {} (a \
         container gets more by --shm-size)",
        environment::SHARED_MEMORY,
        free >> 20,
        needed >> 20
    )
}
