//! How busy workers are that are far away from their master.

use super::plan::{Plan, Step, Terms};
use super::run::run;
use super::tasks::Ending;

/// How many workers share the work.
const WORKERS: u32 = 2;

/// The part of the time in which the workers are in a call, while they have `calls` to do that take `nanos` each, and
/// messages there and back take `round_trip_nanos`; all in virtual time. It begins when a half of the calls is done, and
/// with it the measurement of the distance, and ends with the last.
///
/// # Errors
///
/// What is wrong with the run.
pub fn busy_share(round_trip_nanos: u64, nanos: u64, calls: usize) -> Result<f64, String> {
    let step = Step::Submit { client: 0, long: false, nanos, ending: Ending::Value, terms: Terms::default() };
    let undisturbed = Plan::undisturbed(WORKERS, 1, vec![(0, step); calls]);
    let plan = Plan { distance_nanos: round_trip_nanos / 2, apart: false, ..undisturbed };
    let report = run(&plan).map_err(|fault| fault.message)?;
    let times: Vec<u64> = report.trace.resolved().collect();
    match times[..] {
        [_, .., last] if times.len() == calls => {
            let work = (calls - calls / 2) as f64 * nanos as f64 / f64::from(WORKERS);
            Ok(work / (last - times[calls / 2]) as f64)
        }
        _ => Err("the calls are not done".to_owned()),
    }
}
