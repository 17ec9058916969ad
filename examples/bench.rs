//! Measures empty calls: how many a second, and how long one takes.
//!
//! The same figures as other pools are measured by, one JSON object a line. Start it alone for spawned workers, with
//! `mpiexec -n N` for command line mode, with `--threads N` for threads of this process.

use clap::Parser;
use futures_mpi::{Error, Executor, MpiPoolExecutor, ThreadPoolExecutor, remote_task};
use std::time::{Duration, Instant};

/// Measures empty calls and prints one JSON object a line.
#[derive(Parser)]
struct Options {
    /// Use this many threads of this process instead of MPI processes.
    #[arg(long)]
    threads: Option<usize>,

    /// How often each throughput is measured; the median is printed.
    #[arg(long, default_value = "5")]
    repeats: usize,
}

#[remote_task]
fn empty(x: i64) -> i64 {
    x
}

#[futures_mpi::main]
fn main() -> Result<(), Error> {
    let options = Options::parse();
    let repeats = options.repeats.max(1);
    if let Some(count) = options.threads {
        let executor = ThreadPoolExecutor::builder().max_workers(count).build()?;
        measure(&executor, "threads", repeats)
    } else {
        let executor = MpiPoolExecutor::new()?;
        measure(&executor, "mpi", repeats)
    }
}

fn measure(executor: &Executor, kind: &str, repeats: usize) -> Result<(), Error> {
    let workers = executor.num_workers()?;
    let emit = |name: &str, value: f64, unit: &str| {
        println!(
            r#"{{"kind": "{kind}", "workers": {workers}, "name": "{name}", "value": {value:.1}, "unit": "{unit}"}}"#
        );
    };
    // The first calls open the window of tasks that are sent ahead.
    executor.map(empty::ID, 0..10_000).into_iter().try_for_each(|result| result.map(drop))?;

    let count = 200_000;
    let seconds = median(repeats, || {
        let futures: Vec<_> = (0..count).map(|n| executor.submit(empty::ID, n)).collect();
        futures.iter().try_for_each(|future| future.result().map(drop))
    })?;
    emit("throughput_submit", count as f64 / seconds, "tasks/s");

    let seconds = median(repeats, || sum(executor, count, 1))?;
    emit("throughput_map", count as f64 / seconds, "tasks/s");

    let count = 5_000_000;
    let seconds = median(repeats, || sum(executor, count, 100))?;
    emit("throughput_map_chunksize_100", count as f64 / seconds, "items/s");

    let seconds = median(2000, || executor.submit(empty::ID, 1).result().map(drop))?;
    emit("latency", seconds * 1e6, "us");
    Ok(())
}

/// Maps over so many numbers and checks their sum.
fn sum(executor: &Executor, count: i64, chunksize: usize) -> Result<(), Error> {
    let mut sum = 0;
    for number in executor.map(empty::ID, 0..count).chunksize(chunksize) {
        sum += number?;
    }
    assert_eq!(sum, count * (count - 1) / 2, "every number has come back");
    Ok(())
}

/// The median time that `run` takes, in seconds.
fn median(repeats: usize, mut run: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut times = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64))
}
