//! How long a few calls of one executor take while another executor of the same pool has queued very many.

use super::plan::{Plan, Step, Terms};
use super::run::run;
use super::tasks::Ending;

/// How many workers share the work.
const WORKERS: u32 = 4;

/// How many calls the executor that comes later makes.
const FEW: u32 = 10;

/// The virtual time in nanoseconds that ten calls take from when they are made until the last is done, while another
/// executor has `queued` calls of the same function waiting; each call takes `nanos`.
///
/// # Errors
///
/// What is wrong with the run.
pub fn few_beside_many(queued: u64, nanos: u64) -> Result<u64, String> {
    let many = Step::Submit { client: 0, long: true, nanos, ending: Ending::Value, terms: Terms::default() };
    let few = Step::Submit { client: 1, long: true, nanos, ending: Ending::Value, terms: Terms::default() };
    // Long enough after the others that their executor has all that it can have of the workers.
    let begin = 10_000_000;
    let mut steps = vec![(0, many); queued as usize];
    steps.extend((0..FEW).map(|_| (begin, few)));
    steps.push((begin + 10 * nanos.max(100_000), Step::Shutdown { client: 0, cancel: true }));
    let report = run(&Plan::undisturbed(WORKERS, 2, steps)).map_err(|fault| fault.message)?;
    if report.tally.cancelled == 0 {
        return Err("the other executor had nothing queued any more".to_owned());
    }
    let last = (queued..queued + u64::from(FEW)).map(|call| report.trace.resolved_at(call as usize)).max();
    last.flatten().map(|time| time - begin).ok_or_else(|| "the calls are not done".to_owned())
}
