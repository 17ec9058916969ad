//! The deterministic simulator: the real scheduler, driver, executors, futures and worker code, over a modelled network
//! and in virtual time, with every fault that can be thought of, all from one number.
//!
//! ```text
//!  Plan (from a seed)       World
//! +------------------+     +----------------------------------------------------------------+
//! | boot, delays     |     |  Executor, Future     Stepper (driver,      SimulatedTransport |
//! | calls, maps      | --> |                       scheduler)            Network            |
//! | cancel, shutdown |     |                                             ModelledWorker     |
//! | kill, garble     |     |                                              (the real Worker) |
//! +------------------+     +----------------------------------------------------------------+
//!          Run: a queue of events by virtual time              Oracle: judges what is left
//! ```
//!
//! A run is in one thread; its clock is a number. So a seed gives the same run for ever, as long as nobody changes what
//! the module `plan` makes of it.

mod calls;
mod clock;
mod exhaustive;
mod fairness;
mod far;
mod last;
mod limits;
mod mixed;
mod network;
mod oracle;
mod plan;
mod random;
mod run;
mod shrink;
mod tasks;
mod trace;
mod worker;
mod world;

pub use exhaustive::{Explored, Tiny, explore};
pub use fairness::few_beside_many;
pub use far::busy_share;
pub use limits::limited_load;
pub use mixed::mixed_load;
pub use oracle::Tally;
use plan::Plan;
pub use random::Random;
pub use run::Report;
use std::fmt;
pub use trace::Trace;

/// A run that went wrong, with all that is needed to look into it.
#[derive(Debug)]
pub struct Failure {
    /// The seed of the run.
    pub seed: u64,
    /// What was wrong in the end.
    pub message: String,
    /// The smallest plan that was found to fail too.
    plan: Plan,
    /// How it fails, and what happened before.
    shrunk: run::Fault,
}

/// Runs the plan of a seed.
///
/// # Errors
///
/// If the invariants did not hold at some time, or the outcome is not as it should be.
pub fn simulate(seed: u64) -> Result<Report, Box<Failure>> {
    let plan = Plan::new(seed);
    run::run(&plan).map_err(|fault| {
        let message = fault.message.clone();
        let (plan, shrunk) = shrink::shrink(&plan, fault);
        Box::new(Failure { seed, message, plan, shrunk })
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, message, plan, shrunk } = self;
        writeln!(f, "seed {seed}: {message}")?;
        writeln!(f, "replay with: SIM_SEED={seed} cargo test -p futures-mpi-tests --test simulator one_seed")?;
        writeln!(f, "a smaller plan fails so: {}\n{plan:#?}\nWhat happened:", shrunk.message)?;
        write!(f, "{}", shrunk.trace)
    }
}
