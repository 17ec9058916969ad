//! The task functions that modelled workers run: they take virtual time and leave a record of having run.

use super::clock;
use super::random::Random;
use futures_mpi::remote_task;
use std::cell::RefCell;

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    Value,
    Failure,
    Panic,
    /// With a value, when as many calls that end like this are in progress as there are workers.
    Meeting,
    /// With a value, when the call with the token before its own is done.
    Following,
}

/// The arguments of a call: its token, how long it takes in nanoseconds, and how it ends, as a number.
pub(super) type Arguments = (u64, u64, u8);

/// That a call was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Execution {
    pub(super) token: u64,
    pub(super) worker: u32,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// The client whose preparations it has found; `None` if it has found none.
    pub(super) seen: Option<u32>,
}

/// What the workers do for a client before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preparations {
    /// How long its initializer takes.
    pub(super) nanos: u64,
    /// The worker on which its initializer fails, and whether by a panic.
    pub(super) failing: Option<(u32, bool)>,
}

/// The token of what the workers do last for the first client; those of the other clients follow.
pub(super) const FIRST_LAST: u64 = 1 << 40;

/// How long that takes on the fastest worker.
pub(super) const LAST_NANOS: u64 = 10_000;

/// The name of the global value that says for which client a call is executed.
pub(super) const CLIENT: &str = "client";

/// What surrounds the calls of this thread.
#[derive(Debug)]
struct Stage {
    worker: u32,
    /// How many times longer calls take on this worker.
    slowness: u64,
    executions: Vec<Execution>,
    /// Clients and workers of which the one has prepared for the other.
    prepared: Vec<(u32, u32)>,
    /// How many calls meet, and how many have come.
    together: u32,
    came: u32,
    /// Whether a call has come that waits for others.
    waits: bool,
    /// Whether the last of those that meet has come.
    met: bool,
    /// The token of the call for which one waits that has come.
    follows: Option<u64>,
}

thread_local! {
    static STAGE: RefCell<Stage> = const {
        RefCell::new(Stage {
            worker: 0,
            slowness: 1,
            executions: Vec::new(),
            prepared: Vec::new(),
            together: 0,
            came: 0,
            waits: false,
            met: false,
            follows: None,
        })
    };
}

/// The initializer of clients that have one.
#[remote_task]
pub(super) fn simulated_initializer(nanos: u64, failing: Option<(u32, bool)>) -> Result<(), String> {
    let worker = STAGE.with_borrow(|stage| stage.worker);
    clock::set(clock::now() + nanos * STAGE.with_borrow(|stage| stage.slowness));
    match failing {
        Some((failing, true)) if failing == worker => panic!("this panic is part of a simulation"),
        Some((failing, false)) if failing == worker => Err(format!("worker {worker} cannot be prepared")),
        _ => {
            let client = futures_mpi::global(CLIENT).map_err(|error| error.to_string())?;
            STAGE.with_borrow_mut(|stage| stage.prepared.push((client, worker)));
            Ok(())
        }
    }
}

/// A function whose calls are short in most plans.
#[remote_task]
pub(super) fn simulated_short(token: u64, nanos: u64, ending: u8) -> Result<u64, String> {
    play(token, nanos, ending)
}

/// A function whose calls are long in most plans.
#[remote_task]
pub(super) fn simulated_long(token: u64, nanos: u64, ending: u8) -> Result<u64, String> {
    play(token, nanos, ending)
}

/// What the workers do last for a client, if it wants that: returns the worker's number.
#[remote_task]
pub(super) fn simulated_exit() -> Result<u32, String> {
    let client: u32 = futures_mpi::global(CLIENT).map_err(|error| error.to_string())?;
    play(FIRST_LAST + u64::from(client), LAST_NANOS, Ending::Value as u8)?;
    Ok(STAGE.with_borrow(|stage| stage.worker))
}

/// What a call with this token returns.
pub(super) fn value(token: u64) -> u64 {
    Random::new(token).number()
}

/// Clears the stage for another run, with so many workers.
pub(super) fn reset(workers: u32) {
    STAGE.with_borrow_mut(|stage| {
        (stage.together, stage.came, stage.waits, stage.met) = (workers, 0, false, false);
        stage.follows = None;
        stage.executions.clear();
        stage.prepared.clear();
    });
}

/// Says on which worker the next calls run.
pub(super) fn enter(worker: u32, slowness: u64) {
    STAGE.with_borrow_mut(|stage| (stage.worker, stage.slowness) = (worker, slowness));
}

/// Whether the call that was made last waits for others that it is to meet.
pub(super) fn waits_for_others() -> bool {
    STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.waits))
}

/// Whether a call has come that waits for another one to be done.
pub(super) fn is_following() -> bool {
    STAGE.with_borrow(|stage| stage.follows.is_some())
}

/// The token of that other one; nobody waits for it on this stage any more.
pub(super) fn take_followed() -> Option<u64> {
    STAGE.with_borrow_mut(|stage| stage.follows.take())
}

/// Whether calls that waited for one another have met.
pub(super) fn have_met() -> bool {
    STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.met))
}

/// The calls since the last time that somebody asked.
pub(super) fn take_executions() -> Vec<Execution> {
    STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.executions))
}

fn play(token: u64, nanos: u64, ending: u8) -> Result<u64, String> {
    let client = futures_mpi::global::<u32>(CLIENT).ok();
    STAGE.with_borrow_mut(|stage| {
        let begin = clock::now();
        let seen = client.filter(|client| stage.prepared.contains(&(*client, stage.worker)));
        assert!(stage.follows.is_none(), "a worker is in one call at a time");
        let waits = ending == Ending::Meeting as u8 || ending == Ending::Following as u8;
        let end = if waits { begin } else { begin + nanos * stage.slowness };
        clock::set(end);
        stage.executions.push(Execution { token, worker: stage.worker, begin, end, seen });
    });
    if ending == Ending::Meeting as u8 {
        STAGE.with_borrow_mut(|stage| {
            stage.came = (stage.came + 1) % stage.together;
            (stage.waits, stage.met) = (stage.came > 0, stage.came == 0);
        });
    }
    if ending == Ending::Following as u8 {
        STAGE.with_borrow_mut(|stage| stage.follows = Some(token - 1));
    }
    if ending == Ending::Panic as u8 {
        panic!("this panic is part of a simulation");
    }
    if ending == Ending::Failure as u8 { Err(format!("call {token} fails")) } else { Ok(value(token)) }
}
