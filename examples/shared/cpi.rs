//! The parallel task of the examples `cpi` and `cpi_comm`: all workers compute pi together.

use clap::Parser;
use futures_mpi::mpi::collective::SystemOperation;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, Executor, ReturnWhen, get_comm_workers, remote_task, wait};
use std::f64::consts::PI;
use std::num::NonZeroU64;

/// Computes pi by the midpoint rule, in a parallel task of all workers.
#[derive(Parser)]
pub(crate) struct Options {
    /// The number of intervals.
    #[arg(default_value = "256")]
    pub(crate) intervals: NonZeroU64,
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

/// Lets the workers compute, and prints the result.
pub(crate) fn run(executor: &Executor, intervals: NonZeroU64) -> Result<(), Error> {
    // Exactly one call for each worker.
    let workers = executor.num_workers()?;
    let futures: Vec<_> = (0..workers).map(|_| executor.submit(compute_pi::ID, intervals.get())).collect();
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
