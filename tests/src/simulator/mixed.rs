//! How long a load takes in which a few calls take very much longer than the others.

use super::plan::{Plan, Step, Terms};
use super::run::run;
use super::tasks::Ending;

const SHORT_NANOS: u64 = 10_000;

/// One call in a hundred takes a thousand times as long.
const LONG_NANOS: u64 = 1_000 * SHORT_NANOS;

/// The virtual time in nanoseconds that a mixed load takes on so many workers, and the time that the best schedule
/// would take. The long calls are those of a function of their own, or of the same function as the short ones.
///
/// # Errors
///
/// What is wrong with the run.
pub fn mixed_load(workers: u32, calls: u64, own_function: bool) -> Result<(u64, u64), String> {
    let takes_long = |call: u64| ((call + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(100);
    let nanos = |call| if takes_long(call) { LONG_NANOS } else { SHORT_NANOS };
    let step = |call| Step::Submit {
        client: 0,
        long: own_function && takes_long(call),
        nanos: nanos(call),
        ending: Ending::Value,
        terms: Terms::default(),
    };
    let plan = Plan::undisturbed(workers, 1, (0..calls).map(|call| (0, step(call))).collect());
    let report = run(&plan).map_err(|fault| fault.message)?;
    let last = (0..calls).map(|call| report.trace.resolved_at(call as usize)).max().flatten();
    let best = ((0..calls).map(nanos).sum::<u64>() / u64::from(workers)).max(LONG_NANOS);
    last.map(|last| (last, best)).ok_or_else(|| "the calls are not done".to_owned())
}
