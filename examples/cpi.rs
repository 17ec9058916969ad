//! Computes pi by the midpoint rule, each worker a part of the sum.
//!
//! usage: `cpi [INTERVALS]`, 256 if not given

use clap::Parser;
use futures_mpi::{MpiPoolExecutor, remote_task};
use std::f64::consts::PI;
use std::num::NonZeroU64;

/// Computes pi by the midpoint rule.
#[derive(Parser)]
struct Options {
    /// The number of intervals.
    #[arg(default_value = "256")]
    intervals: NonZeroU64,
}

/// The share of part `part` of `parts` in the integral of 4 / (1 + x²) from 0 to 1, cut into `intervals`.
#[remote_task]
fn partial_sum(part: u64, parts: u64, intervals: u64) -> f64 {
    let width = 1.0 / intervals as f64;
    let mut sum = 0.0;
    let mut i = part + 1;
    while i <= intervals {
        let x = width * (i as f64 - 0.5);
        sum += 4.0 / (1.0 + x * x);
        i += parts;
    }
    sum * width
}

#[futures_mpi::main]
fn main() -> Result<(), futures_mpi::Error> {
    let intervals = Options::parse().intervals.get();
    let executor = MpiPoolExecutor::new()?;
    let workers = executor.num_workers()?;
    let parts = workers as u64;
    let mut pi = 0.0;
    for sum in executor.starmap(partial_sum::ID, (0..parts).map(|part| (part, parts, intervals))) {
        pi += sum?;
    }
    let error = (pi - PI).abs();
    println!("pi: {pi:.16}, error: {} ({intervals} intervals, {workers} workers)", scientific(error));
    Ok(())
}

/// Three decimals and an exponent of at least two digits, as C's `%.3e`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}
