//! What a task costs the master in its own code: real executors, futures, driver and scheduler, over a transport in
//! memory.

use super::in_memory::Pool;
use futures_mpi_core::Future;
use futures_mpi_macros::remote_task;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[remote_task]
fn same(n: u64) -> u64 {
    n
}

/// So many frames come between two looks of the master.
const FRAMES_AT_ONCE: usize = 64;

const TASKS: u64 = 400_000;

/// Prints the costs for few and for many workers.
pub(super) fn print() {
    println!("What a task costs the master in its own code, in nanoseconds, from submission to result, when any");
    println!("worker may be the next to answer:");
    println!(" workers   long   short");
    for workers in [1, 100, 1_000, 10_000, 100_000] {
        let [long, short] = [10_000_000, 2_000].map(|nanos| cost(workers, Duration::from_nanos(nanos)));
        println!("{workers:>8}  {long:>5.0}   {short:>5.0}");
    }
}

/// The cost of a task that workers say has taken so long.
fn cost(workers: u32, task: Duration) -> f64 {
    let mut pool = Pool::new(workers, task);
    let ahead = u64::from(workers) * if task < Duration::from_millis(1) { 20 } else { 2 };
    let (mut futures, mut submitted) = (VecDeque::new(), 0);
    let (mut costs, mut done_before) = (Vec::new(), 0);
    loop {
        let done = pool.executed();
        let before = Instant::now();
        while submitted < done + ahead {
            futures.push_back(pool.executor.submit(same::ID, submitted));
            submitted += 1;
        }
        pool.step();
        while futures.front().is_some_and(Future::done) {
            let result: u64 = futures.pop_front().expect("it is there").result().expect("it succeeds");
            assert!(result < submitted);
        }
        // The workers join, and the first tasks teach the scheduler how long they are.
        if done > 2 * ahead && done > done_before {
            costs.push(before.elapsed().as_nanos() as f64 / (done - done_before) as f64);
        }
        if done > 2 * ahead + TASKS {
            break;
        }
        done_before = done;
        pool.work(FRAMES_AT_ONCE);
    }
    // A median, because now and then the system has something else to do.
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}
