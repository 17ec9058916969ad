//! Whether calls that are sent ahead of their execution are given the time that they are allowed.

use super::oracle::Tally;
use super::plan::{Plan, Step, Terms};
use super::run::run;
use super::tasks::Ending;

/// What becomes of calls of one worker that take `nanos` of virtual time each and are allowed `limit_nanos`.
///
/// # Errors
///
/// What is wrong with the run.
pub fn limited_load(calls: usize, nanos: u64, limit_nanos: u64) -> Result<Tally, String> {
    let terms = Terms { limit_nanos, ..Terms::default() };
    let step = Step::Submit { client: 0, long: true, nanos, ending: Ending::Value, terms };
    let report = run(&Plan::undisturbed(1, 1, vec![(0, step); calls])).map_err(|fault| fault.message)?;
    Ok(report.tally)
}
