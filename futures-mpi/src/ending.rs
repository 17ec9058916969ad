//! The end of MPI in this process, and what stands in its way.

use crate::spawn;
use crate::start::Started;
use crate::sys::{self, Communicator, ThreadLevel};
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Instant;

/// Whether a process of this one's own world is gone, for which `MPI_Finalize` would wait.
static WORLD_MAIMED: AtomicBool = AtomicBool::new(false);

/// Whether a process of this one's own world hangs, for which `MPI_Finalize`, and its launcher, would wait.
static WORLD_HANGS: AtomicBool = AtomicBool::new(false);

/// Whether the end of this process is under way: from then on a call of `exit` is nothing special.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Calls `early` when this process ends by `exit`, unless its end was [prepared](prepare) before.
pub(crate) fn watch_exit(early: fn()) {
    static EARLY: OnceLock<fn()> = OnceLock::new();
    extern "C" fn handler() {
        if !PREPARED.swap(true, Ordering::AcqRel)
            && let Some(early) = EARLY.get()
        {
            // There is nothing to unwind to.
            let _ = panic::catch_unwind(early);
        }
    }
    if EARLY.set(early).is_ok() {
        sys::at_exit(handler);
    }
}

/// Says that this process ends as it should.
pub(crate) fn prepare() {
    PREPARED.store(true, Ordering::Release);
}

/// Says something on standard error in one piece, so that what other processes say does not come between.
pub(crate) fn say(text: &str) {
    let line = format!("futures-mpi: {text}\n");
    eprint!("{line}");
}

/// Takes note that a process of this one's own world is gone.
pub(crate) fn note_lost_rank() {
    WORLD_MAIMED.store(true, Ordering::Release);
}

/// Takes note that a process of this one's own world hangs: it has not let go of the pool within the shutdown limit.
pub(crate) fn note_silent_rank() {
    WORLD_HANGS.store(true, Ordering::Release);
}

/// Finalises MPI, unless it belongs to somebody else or would wait for what does not come.
pub(crate) fn finalize(started: &Started) {
    if started.owned && WORLD_HANGS.load(Ordering::Acquire) {
        say(
            "workers hang in an initializer or in a task that was given up, and would never let the job end; it is ended, \
             with status 1",
        );
        sys::abort(1);
    }
    let waits_in_vain = WORLD_MAIMED.load(Ordering::Acquire) || !spawn::can_finalize();
    let may_finalize = started.owned && !waits_in_vain && !sys::is_finalized();
    if may_finalize && let Err(error) = sys::finalize() {
        eprintln!("futures-mpi: MPI did not end cleanly: {error}");
    }
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
    let (done, outcome) = mpsc::channel();
    let helper = thread::Builder::new().name("futures-mpi disconnect".to_owned());
    let started = helper.spawn(move || drop(done.send(all())));
    started.map_err(|error| format!("no thread could be started to disconnect from the workers: {error}"))?;
    let time = deadline.saturating_duration_since(Instant::now());
    outcome.recv_timeout(time).unwrap_or_else(|_| Err("disconnecting from the workers did not end in time".to_owned()))
}
