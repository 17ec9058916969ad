//! Makes a plan that fails smaller, as long as it still fails.

use super::plan::Plan;
use super::run::{Fault, run};

/// How many smaller plans are tried.
const ATTEMPTS: usize = 400;

/// Leaves out steps of a plan that fails; returns what is left and how it fails.
pub(super) fn shrink(plan: &Plan, fault: Fault) -> (Plan, Fault) {
    let (mut plan, mut fault) = (plan.clone(), fault);
    let mut size = plan.steps.len().div_ceil(2);
    let mut attempts = 0;
    while size > 0 {
        let mut start = 0;
        while start < plan.steps.len() && attempts < ATTEMPTS {
            attempts += 1;
            let mut smaller = plan.clone();
            smaller.steps.drain(start..(start + size).min(plan.steps.len()));
            match run(&smaller) {
                Ok(_) => start += size,
                Err(still) => (plan, fault) = (smaller, still),
            }
        }
        size /= 2;
    }
    (plan, fault)
}
