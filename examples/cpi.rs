//! Computes pi in a parallel task: the workers sum up their shares and reduce them over their own communicator.
//!
//! usage: `cpi [INTERVALS]`, 256 if not given; with spawned workers (`FUTURES_MPI_MAX_WORKERS=4 mpiexec -n 1 cpi 128`),
//! in command line mode (`mpiexec -n 5 cpi 128`), or as an ordinary MPI program (`mpiexec -n 5 cpi 128 --comm`)

#[path = "shared/modes.rs"]
mod modes;

use clap::Parser;
use futures_mpi::mpi::collective::SystemOperation;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, Executor, MpiPoolExecutor, ReturnWhen, get_comm_workers, remote_task, wait};
use std::f64::consts::PI;
use std::num::NonZeroU64;
use std::process::ExitCode;

/// Computes pi by the midpoint rule, in a parallel task of all workers.
#[derive(Parser)]
struct Options {
    /// The number of intervals.
    #[arg(default_value = "256")]
    intervals: NonZeroU64,

    #[command(flatten)]
    _mode: modes::Mode,
}

/// The integral of 4 / (1 + x²) from 0 to 1, cut into `intervals`. Each worker sums up its share, and all get the sum.
#[remote_task]
fn compute_pi(intervals: u64) -> Result<f64, Error> {
    let comm = get_comm_workers()?;
    // When it is passed, every worker is here, once.
    comm.barrier();
    let (rank, size) = (comm.rank() as u64, comm.size() as u64);
    let width = 1.0 / intervals as f64;
    let mut share = 0.0;
    let mut i = rank + 1;
    while i <= intervals {
        let x = width * (i as f64 - 0.5);
        share += 4.0 / (1.0 + x * x);
        i += size;
    }
    let mut pi = 0.0;
    comm.all_reduce_into(&(share * width), &mut pi, SystemOperation::sum());
    Ok(pi)
}

fn main() -> ExitCode {
    modes::start(in_pool, run)
}

#[futures_mpi::main]
fn in_pool() -> Result<(), Box<dyn std::error::Error>> {
    let executor = MpiPoolExecutor::new()?;
    run(&executor)
}

/// Lets the workers compute, and prints the result.
fn run(executor: &Executor) -> Result<(), Box<dyn std::error::Error>> {
    let intervals = Options::parse().intervals.get();
    // Exactly one call for each worker.
    let workers = executor.num_workers()?;
    let futures: Vec<_> = (0..workers).map(|_| executor.submit(compute_pi::ID, intervals)).collect();
    wait(&futures, ReturnWhen::AllCompleted, None);
    // All of them hold the same value.
    let pi = futures[0].result()?;
    let error = scientific((pi - PI).abs());
    println!("pi: {pi:.16}, error: {error} ({intervals} intervals, {workers} workers)");
    Ok(())
}

/// Three decimals and an exponent of at least two digits, as C's `%.3e`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}
