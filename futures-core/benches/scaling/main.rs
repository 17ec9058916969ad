//! For which tasks one master keeps its workers busy, and what a tree of masters gives.
//!
//! `cargo bench -p futures-mpi-core --bench scaling` first measures what a task costs the master in its own code, then
//! plays pools of many sizes with the real scheduler in virtual time, in which every step of a master takes as long as
//! the costs below say, and searches for the shortest tasks with which the workers are busy for 95 % of the time.
//!
//! What a message costs, and how long it travels, is measured by `futures-mpi bench`.

mod formula;
#[path = "../in_memory/mod.rs"]
mod in_memory;
mod measured;
mod simulated;

use formula::{of_a_tree, of_one_master};
use simulated::{Pool, busy};

/// What the steps take, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Costs {
    /// A task, from its submission to its result, in the master's own code, for masters of up to so many workers: more
    /// workers have more memory, and each event then meets some that was not touched for a long time.
    task: [(u32, u64); 4],
    /// A call in a chunk.
    call: u64,
    /// A frame that a master sends or receives.
    frame: u64,
    /// A frame's way from one process to another.
    latency: u64,
    /// What a worker does for a task beside executing it.
    worker: u64,
}

impl Costs {
    /// A task for a master of so many workers.
    fn of_task(&self, workers: u32) -> u64 {
        let [.., largest] = self.task;
        self.task.into_iter().find(|(up_to, _)| workers <= *up_to).unwrap_or(largest).1
    }
}

/// Measured on the machine of docs/performance.md, and rounded.
const COSTS: Costs = Costs {
    task: [(100, 400), (1_000, 450), (10_000, 600), (100_000, 1_000)],
    call: 56,
    frame: 160,
    latency: 1_000,
    worker: 400,
};

/// How busy the workers are to be.
const WANTED: f64 = 0.95;

/// How far the search goes at once; it halves that twice.
const STEP: f64 = 1.15;

fn main() {
    measured::print();
    println!("\nThe table is made with {COSTS:?} (nanoseconds).\n");
    println!("The shortest tasks with which the workers are busy for 95 % of the time:");
    println!(" workers  sub-masters of  by simulation    by formula");
    for workers in [100, 1_000, 10_000, 100_000] {
        print(workers, None, of_one_master(workers, &COSTS));
        for fan_out in [32, 100, 316].into_iter().filter(|fan_out| workers / fan_out >= 10) {
            print(workers, Some(fan_out), of_a_tree(workers, fan_out, &COSTS));
        }
    }
}

fn print(workers: u32, fan_out: Option<u32>, formula: f64) {
    let shortest = shortest(Pool { workers, fan_out }, formula);
    let fan_out = fan_out.map_or("-".to_owned(), |fan_out| fan_out.to_string());
    println!("{workers:>8}  {fan_out:>14}  {:>13}  {:>12}", time(shortest), time(formula));
}

/// The shortest tasks with which this pool is as busy as wanted, to some percent; the search begins at a guess.
fn shortest(pool: Pool, guess: f64) -> f64 {
    let enough = |nanos: f64| busy(pool, nanos as u64, &COSTS) >= WANTED;
    let (mut too_short, mut long) = (guess / STEP, guess);
    if enough(guess) {
        while enough(too_short) {
            (too_short, long) = (too_short / STEP, too_short);
        }
    } else {
        (too_short, long) = (guess, guess * STEP);
        while !enough(long) {
            (too_short, long) = (long, long * STEP);
        }
    }
    for _ in 0..2 {
        let middle = (too_short * long).sqrt();
        *(if enough(middle) { &mut long } else { &mut too_short }) = middle;
    }
    long
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e9 => format!("{:.2} s ", nanos / 1e9),
        nanos if nanos >= 1e6 => format!("{:.2} ms", nanos / 1e6),
        nanos => format!("{:.1} us", nanos / 1e3),
    }
}
