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
}

/// What surrounds the calls of this thread.
#[derive(Debug)]
struct Stage {
    worker: u32,
    /// How many times longer calls take on this worker.
    slowness: u64,
    executions: Vec<Execution>,
}

thread_local! {
    static STAGE: RefCell<Stage> = const { RefCell::new(Stage { worker: 0, slowness: 1, executions: Vec::new() }) };
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

/// What a call with this token returns.
pub(super) fn value(token: u64) -> u64 {
    Random::new(token).number()
}

/// Says on which worker the next calls run.
pub(super) fn enter(worker: u32, slowness: u64) {
    STAGE.with_borrow_mut(|stage| (stage.worker, stage.slowness) = (worker, slowness));
}

/// The calls since the last time that somebody asked.
pub(super) fn take_executions() -> Vec<Execution> {
    STAGE.with_borrow_mut(|stage| std::mem::take(&mut stage.executions))
}

fn play(token: u64, nanos: u64, ending: u8) -> Result<u64, String> {
    STAGE.with_borrow_mut(|stage| {
        let begin = clock::now();
        let end = begin + nanos * stage.slowness;
        clock::set(end);
        stage.executions.push(Execution { token, worker: stage.worker, begin, end });
    });
    if ending == Ending::Panic as u8 {
        panic!("this panic is part of a simulation");
    }
    if ending == Ending::Failure as u8 { Err(format!("call {token} fails")) } else { Ok(value(token)) }
}
