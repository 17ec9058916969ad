//! What can be said without playing it: a master is never busier than always, and a worker waits for its next task.

use super::{Costs, WANTED};

/// Tasks that are expected to be shorter are sent ahead of their execution, in nanoseconds.
const SENT_AHEAD: f64 = 200_000.0;

/// Replies of so much work travel together, and so do the tasks that are sent for them.
const TOGETHER: f64 = 100_000.0;

/// The shortest tasks, in nanoseconds, with which one master keeps workers busy.
pub(super) fn of_one_master(workers: u32, costs: &Costs) -> f64 {
    let of_all = WANTED * f64::from(workers);
    let (task, frames) = (costs.of_task(workers) as f64, 2.0 * costs.frame as f64);
    // How many travel together depends on how long they are.
    let mut streamed = SENT_AHEAD;
    for _ in 0..50 {
        let own = task + frames / (TOGETHER / streamed).max(1.0);
        streamed = (of_all * own).max(idle_share(costs.worker as f64));
    }
    if streamed < SENT_AHEAD / 2.0 {
        return streamed;
    }
    let own = task + frames;
    (of_all * own).max(idle_share(2.0 * costs.latency as f64 + own + costs.worker as f64))
}

/// The same with masters of `fan_out` workers below another, which sends them batches.
pub(super) fn of_a_tree(workers: u32, fan_out: u32, costs: &Costs) -> f64 {
    let root = WANTED * f64::from(workers) * costs.call as f64;
    let own = of_one_master(fan_out, costs) + WANTED * f64::from(fan_out) * costs.call as f64;
    root.max(own)
}

/// How long tasks must be for a wait of so many nanoseconds between two of them.
fn idle_share(nanos: f64) -> f64 {
    nanos * WANTED / (1.0 - WANTED)
}
