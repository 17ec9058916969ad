//! The end of MPI in this process, and what stands in its way.

use crate::launch::environment;
use crate::launch::start::Started;
use crate::liveness::Departure;
use crate::sys::{self, Communicator, MpiError, ThreadLevel};
use futures_mpi_core::engine::say;
use futures_mpi_core::options::DEFAULT_SHUTDOWN_LIMIT;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{panic, thread};

/// Whether a process of this one's own world is gone, for which `MPI_Finalize` would wait.
static WORLD_MAIMED: AtomicBool = AtomicBool::new(false);

/// Whether a process of this one's own world hangs, for which `MPI_Finalize`, and its launcher, would wait.
static WORLD_HANGS: AtomicBool = AtomicBool::new(false);

/// Whether the end of this process is under way: from then on a call of `exit` is nothing special.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Ends the pools that were opened on communicators and are left.
static END_OPEN_POOLS: OnceLock<fn()> = OnceLock::new();

/// Spawned workers that are on their way out.
static DEPARTURES: Mutex<Vec<Departure>> = Mutex::new(Vec::new());

/// How many spawns were given up and may still be under way.
static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

/// How many spawns there have been.
static SPAWNS: AtomicU32 = AtomicU32::new(0);

/// How much longer MPI may take to be finalised for each spawn: Open MPI 4 goes through what it keeps of them.
const FINALIZE_TIME: Duration = Duration::from_millis(100);

/// Whether the launcher has refused to spawn and will therefore never end by itself.
static LAUNCHER_WAITS: AtomicBool = AtomicBool::new(false);

fn departures() -> MutexGuard<'static, Vec<Departure>> {
    DEPARTURES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has workers that are on their way out waited for, before MPI ends in this process.
pub(crate) fn see_off(departure: Departure) {
    let now = Instant::now();
    let mut departures = departures();
    departures.retain(|other| !other.is_over(now));
    departures.push(departure);
}

/// Waits until all released spawned workers have ended: the end of MPI here may be the end of the daemon that passes
/// their output on, and that kills those that are still there.
fn wait_for_workers(limit: Option<Duration>) {
    let limit = limit.unwrap_or(DEFAULT_SHUTDOWN_LIMIT);
    let deadline = Instant::now() + limit;
    let departures = std::mem::take(&mut *departures());
    if !departures.iter().all(|departure| departure.is_over(deadline)) {
        say(&format!(
            "workers have not exited within {limit:?} after the pool released them; what they still write, such as \
             output of their exit handlers, may be lost"
        ));
    }
}

/// Writes out what is left in the buffers of standard output, Rust's and C's, before a worker says goodbye: later
/// output may be lost. Another thread may hold a buffer forever, so this waits only up to the limit.
pub(crate) fn flush_output(limit: Duration) {
    let (done, wait) = mpsc::channel::<()>();
    let flush = move || {
        let _done = done;
        if let Err(error) = io::stdout().flush() {
            say(&format!("a worker on {} cannot flush the output of its tasks: {error}", sys::host_name()));
        }
        sys::flush_c_output();
    };
    if thread::Builder::new().name("futures-mpi flush".to_owned()).spawn(flush).is_ok() {
        let _ = wait.recv_timeout(limit);
    }
}

/// Calls `early` when this process ends by `exit`, unless its end was [prepared](prepare) before. A process that is
/// forked from it ends by itself: MPI and its pools are not its own.
pub(crate) fn watch_exit(early: fn()) {
    static EARLY: OnceLock<(fn(), u32)> = OnceLock::new();
    extern "C" fn handler() {
        if let Some((early, process)) = EARLY.get()
            && *process == std::process::id()
            && !PREPARED.swap(true, Ordering::AcqRel)
        {
            // There is nothing to unwind to.
            let _ = panic::catch_unwind(early);
        }
    }
    if EARLY.set((early, std::process::id())).is_ok() {
        sys::at_exit(handler);
    }
}

/// Says that this process ends as it should.
pub(crate) fn prepare() {
    PREPARED.store(true, Ordering::Release);
}

/// Takes note that a process of this one's own world is gone.
pub(crate) fn note_lost_rank() {
    WORLD_MAIMED.store(true, Ordering::Release);
}

/// Takes note that a process of this one's own world hangs: it has not disconnected within the shutdown limit.
pub(crate) fn note_silent_rank() {
    WORLD_HANGS.store(true, Ordering::Release);
}

/// Has `end` called when MPI is about to be finalised: by this process, or by a program that does it itself.
///
/// # Errors
///
/// Those of MPI.
pub(crate) fn before_finalize(end: fn()) -> Result<(), MpiError> {
    let _ = END_OPEN_POOLS.set(end);
    sys::before_finalize(end)
}

/// Takes note that workers are spawned.
pub(crate) fn note_spawn() {
    SPAWNS.fetch_add(1, Ordering::Relaxed);
}

/// Takes note that a spawn was given up, which may still be under way.
pub(crate) fn note_given_up_spawn() {
    GIVEN_UP.fetch_add(1, Ordering::AcqRel);
}

/// Takes note that a spawn that was given up is over.
pub(crate) fn note_given_up_spawn_over() {
    GIVEN_UP.fetch_sub(1, Ordering::AcqRel);
}

/// Takes note that the launcher has refused to spawn and waits forever.
pub(crate) fn note_refusal() {
    LAUNCHER_WAITS.store(true, Ordering::Release);
}

/// Whether only a non-zero exit status of this process ends its launcher: up to Open MPI 4, `mpiexec` waits forever
/// after it has refused to spawn.
pub(crate) fn launcher_waits() -> bool {
    LAUNCHER_WAITS.load(Ordering::Acquire)
}

/// Whether MPI can be finalised: not while a spawn that was given up may still be under way, which would be waited for.
fn can_finalize() -> bool {
    GIVEN_UP.load(Ordering::Acquire) == 0
}

/// How much longer MPI may take to be finalised for what was spawned.
fn time_to_finalize() -> Duration {
    FINALIZE_TIME * SPAWNS.load(Ordering::Relaxed)
}

/// Finalises MPI, unless it belongs to somebody else or would wait for what does not come. `failure`: the status with
/// which this process is going to end, if that is no success. When the limit passes, because a process of the job is
/// gone or hangs, this process ends by force.
pub(crate) fn finalize(started: &Started, failure: Option<u8>, limit: Option<Duration>) {
    if started.owned && WORLD_HANGS.load(Ordering::Acquire) {
        say("aborting the job (status 1): some workers are still stuck in an initializer or in a timed-out task");
        sys::abort(1);
    }
    wait_for_workers(limit);
    let degraded = WORLD_MAIMED.load(Ordering::Acquire);
    let ends_with_job = started.owned && degraded && !environment::lets_workers_live();
    if let (true, Some(status)) = (ends_with_job, failure) {
        // MPICH's launcher may overlook the status of a process that ends without MPI while it is ending the others.
        let _ = io::stdout().flush();
        sys::abort(i32::from(status));
    }
    let may_finalize = started.owned && !degraded && can_finalize() && !sys::is_finalized();
    if !may_finalize {
        return;
    }
    let world = Communicator::world();
    let (rank, size) = (world.rank().unwrap_or(0), world.size().unwrap_or(1));
    let late = move |limit: Duration| {
        say(&format!(
            "MPI_Finalize did not return within {limit:?} on rank {rank} of {size}: it waits for the other processes \
             of the job, and one of them is gone or hangs; this process exits with status 1"
        ));
        leave_at_once(1);
    };
    let limit = limit.map(|limit| limit + time_to_finalize());
    // Before the call in which MPI would have them ended, and in which other threads may not call it at every level.
    if let Some(end) = END_OPEN_POOLS.get() {
        end();
    }
    if let Err(error) = within(limit, sys::finalize, late) {
        say(&format!("MPI did not end cleanly: {error}"));
    }
}

/// Makes a call that cannot be interrupted; `late` is called, in another thread, if it has not ended within the limit.
fn within<T>(limit: Option<Duration>, call: impl FnOnce() -> T, late: impl FnOnce(Duration) + Send + 'static) -> T {
    let (done, wait) = mpsc::channel::<()>();
    if let Some(limit) = limit {
        let watch = thread::Builder::new().name("futures-mpi limit".to_owned()).spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(limit) {
                late(limit);
            }
        });
        // Without a thread there is no limit.
        drop(watch);
    }
    let result = call();
    drop(done);
    result
}

/// Ends this process without MPI's part in it.
pub(crate) fn leave_at_once(status: i32) -> ! {
    let _ = io::stdout().flush();
    sys::exit_now(status)
}

/// Disconnects from workers that are about to do the same; on a thread of its own where MPI allows that, because
/// nothing else limits the time.
pub(crate) fn disconnect(communicators: Vec<Communicator>, deadline: Instant) -> Result<(), String> {
    if communicators.is_empty() {
        return Ok(());
    }
    let all = move || {
        communicators.into_iter().try_for_each(|communicator| {
            communicator.disconnect().map_err(|error| format!("disconnecting from the workers failed: {error}"))
        })
    };
    if sys::thread_level() < ThreadLevel::Serialized {
        return all();
    }
    let begin = Instant::now();
    let (done, outcome) = mpsc::channel();
    let helper = thread::Builder::new().name("futures-mpi disconnect".to_owned());
    let started = helper.spawn(move || drop(done.send(all())));
    started.map_err(|error| format!("cannot start a thread that disconnects from the workers: {error}"))?;
    let time = deadline.saturating_duration_since(Instant::now());
    outcome.recv_timeout(time).unwrap_or_else(|_| {
        let waited = begin.elapsed().as_secs_f64();
        Err(format!("the workers have said goodbye, but MPI did not disconnect from them within {waited:.3} s"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_takes_too_long_is_told() {
        let (told, heard) = mpsc::channel();
        let limit = Duration::from_millis(1);
        let call = move || heard.recv_timeout(Duration::from_secs(60)).expect("the limit passes");
        let late = move |limit: Duration| told.send(limit).expect("the call waits for it");
        assert_eq!(within(Some(limit), call, late), limit);
    }

    #[test]
    fn a_call_that_ends_in_time_is_not() {
        let (told, heard) = mpsc::channel::<Duration>();
        let late = move |limit: Duration| told.send(limit).expect("somebody listens");
        assert_eq!(within(Some(Duration::from_secs(60)), || 7, late), 7);
        // The watching thread has ended without a word, and its end of the channel with it.
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Err(RecvTimeoutError::Disconnected));
    }
}
