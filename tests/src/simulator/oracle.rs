//! Judges a run that is over: what became of every call, against what may have become of it.

use super::calls::Expected;
use super::last;
use super::tasks::{self, Ending, Execution};
use super::world::{Mishaps, World};
use futures_mpi_core::Error;
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// So many attempts to replace a worker fail before there are no more.
const ATTEMPTS: u32 = 5;

/// How many calls ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// With the value of a sequential run.
    pub values: u64,
    /// By an `Err` or a panic of their own.
    pub failures: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// With a worker that was lost.
    pub lost: u64,
    /// By taking longer than they were allowed.
    pub late: u64,
    /// Refused by an executor that had been shut down.
    pub refused: u64,
    /// With a broken pool.
    pub broken: u64,
    /// By being dropped; nobody has asked how.
    pub dropped: u64,
    /// Executed by workers that had come in the place of lost ones, whatever became of them.
    pub replaced: u64,
    /// Sent to a worker that had not begun it when it was taken back.
    pub returned: u64,
    /// How many times a worker was in a call that waits, and replies that it held back were taken along.
    pub taken_along: u64,
}

/// Says what is wrong, if anything is, or else what became of the calls.
pub(super) fn judge(world: &mut World) -> Result<Tally, String> {
    let executions = Executions::of(world);
    let misused = world.network().lock().misused().to_vec();
    require(misused.is_empty(), || format!("workers {misused:?} were given work after they were known to be lost"))?;
    let (returned, taken_along) = (world.trace.returned(), world.trace.taken_along());
    let mut tally = Tally { replaced: executions.of_replacements, returned, taken_along, ..Tally::default() };
    for (number, call) in world.calls.calls.iter().enumerate() {
        let of_call = |wrong| format!("call {number} of client {}: {wrong}", call.client);
        if !call.future.done() {
            return Err(of_call("its future is not done".to_owned()));
        }
        if call.heard != 1 {
            return Err(of_call(format!("its future has said {} times that it is done", call.heard)));
        }
        let judge = Judge { expected: &call.expected, mishaps: &world.mishaps, executions: &executions };
        let outcome = call.future.result();
        judge.outcome(&outcome).map_err(of_call)?;
        tally.add(&outcome);
    }
    for (number, map) in world.calls.maps.iter_mut().enumerate() {
        let Some(outcomes) = map.outcomes() else {
            tally.dropped += map.items.len() as u64;
            continue;
        };
        let of_map = |wrong| format!("map {number} of client {}: {wrong}", map.client);
        if outcomes.len() != map.items.len() {
            return Err(of_map(format!("{} results for {} items", outcomes.len(), map.items.len())));
        }
        for (expected, outcome) in map.items.iter().zip(&outcomes) {
            Judge { expected, mishaps: &world.mishaps, executions: &executions }.outcome(outcome).map_err(of_map)?;
            tally.add(outcome);
        }
    }
    last::judge(world)?;
    Ok(tally)
}

impl Tally {
    fn add(&mut self, outcome: &Result<u64, Error>) {
        *match outcome {
            Ok(_) => &mut self.values,
            Err(error) if error.is_task_error() || error.is_panic() => &mut self.failures,
            Err(error) if error.is_cancelled() => &mut self.cancelled,
            Err(error) if error.is_worker_lost() => &mut self.lost,
            Err(error) if error.is_timeout() => &mut self.late,
            Err(error) if error.is_shutdown() => &mut self.refused,
            Err(_) => &mut self.broken,
        } += 1;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.values += other.values;
        self.failures += other.failures;
        self.cancelled += other.cancelled;
        self.lost += other.lost;
        self.late += other.late;
        self.refused += other.refused;
        self.broken += other.broken;
        self.dropped += other.dropped;
        self.replaced += other.replaced;
        self.returned += other.returned;
        self.taken_along += other.taken_along;
    }
}

/// How each call was begun, by its token.
struct Executions {
    by_token: BTreeMap<u64, Vec<Execution>>,
    /// How many were by workers that had come in the place of others.
    of_replacements: u64,
}

impl Executions {
    fn of(world: &World) -> Self {
        let mut by_token: BTreeMap<u64, Vec<Execution>> = BTreeMap::new();
        for execution in world.workers().iter().flat_map(|worker| worker.executions()) {
            by_token.entry(execution.token).or_default().push(*execution);
        }
        let of_replacements = world.replacements().map(|worker| worker.executions().len() as u64).sum();
        Executions { by_token, of_replacements }
    }

    fn of_token(&self, token: u64) -> &[Execution] {
        self.by_token.get(&token).map_or(&[], Vec::as_slice)
    }
}

struct Judge<'a> {
    expected: &'a Expected,
    mishaps: &'a Mishaps,
    executions: &'a Executions,
}

impl Judge<'_> {
    fn outcome(&self, outcome: &Result<u64, Error>) -> Result<(), String> {
        let executions = self.executions.of_token(self.expected.token);
        if let Some(execution) = executions.iter().find(|execution| execution.seen != self.expected.prepared) {
            return Err(format!("it was to find {:?} prepared: {execution:?}", self.expected.prepared));
        }
        let only_on = self.expected.only_on;
        let elsewhere = executions.iter().find(|execution| only_on.is_some_and(|worker| worker != execution.worker));
        require(elsewhere.is_none(), || format!("only worker {only_on:?} may execute it: {elsewhere:?}"))?;
        let terms = &self.expected.terms;
        require(executions.len() <= 1 + terms.retries as usize, || {
            format!("it was executed more often than it may be: {executions:?}")
        })?;
        let executed = !executions.is_empty();
        let after = executions.iter().any(|execution| execution.begin > self.expected.cancelled_at);
        if self.expected.cancelled && executed && (after || terms.retries == 0) {
            return Err("it was cancelled in time, and executed".to_owned());
        }
        let ending = self.expected.ending;
        match outcome {
            Ok(value) => {
                let right = tasks::value(self.expected.token);
                require(*value == right, || format!("its value is {value} instead of {right}"))?;
                let ends_well = matches!(ending, Ending::Value | Ending::Meeting | Ending::Following);
                require(ends_well && executed, || format!("it has a value, executed: {executed}"))?;
                require(!self.expected.cancelled, || "it was cancelled, and has a value".to_owned())
            }
            Err(error) if error.is_task_error() => require(ending == Ending::Failure && executed, || told(error)),
            Err(error) if error.is_panic() => require(ending == Ending::Panic && executed, || told(error)),
            Err(error) => {
                require(self.may_fail_by(error), || told(error))?;
                let timed_out = error.is_timeout() && terms.limit_nanos > 0;
                let may_have_begun = error.is_worker_lost() || error.is_broken() || timed_out;
                let tried = error.is_cancelled() && terms.retries > 0;
                require(!executed || may_have_begun || tried, || {
                    format!("it was executed, and failed all the same: {}", told(error))
                })
            }
        }
    }

    fn may_be_on(&self, worker: usize) -> bool {
        self.expected.only_on.is_none_or(|only_on| only_on as usize == worker)
    }

    /// Whether there was a reason for a call to fail like this, other than itself.
    fn may_fail_by(&self, error: &Error) -> bool {
        let lost = |worker: usize| self.mishaps.workers.iter().any(|lost| lost.index() == worker);
        if error.is_cancelled() {
            self.expected.cancelled || self.expected.given_up
        } else if error.is_worker_lost() {
            error.worker().is_some_and(|worker| lost(worker) && self.may_be_on(worker))
        } else if error.is_timeout() {
            // Or it was for a worker that was in a task which has timed out.
            let bound = self.expected.only_on.is_some_and(|only_on| error.worker() == Some(only_on as usize));
            self.expected.terms.limit_nanos > 0 || bound
        } else if error.is_shutdown() {
            self.expected.refused
        } else {
            let Mishaps { boot, abandoned, all, attempts_failed, .. } = *self.mishaps;
            let deserted = all && attempts_failed.is_none_or(|failed| failed >= ATTEMPTS);
            (error.is_broken() || error.is_mpi()) && (boot || abandoned || deserted || self.expected.unfit)
        }
    }
}

fn told(error: &Error) -> String {
    format!("nothing has happened that would explain its error: {error}")
}

fn require(condition: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(wrong()) }
}
