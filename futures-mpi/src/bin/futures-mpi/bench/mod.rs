//! `futures-mpi bench`: what calls cost, each figure beside plain MPI between the same processes in the same run.

mod chunks;
mod report;
mod rows;
mod tasks;

use clap::Args;
use futures_mpi::{__raw, MpiPoolExecutor};
use report::Report;
use rows::{Row, Setting};
use std::error::Error;
use std::time::Duration;

/// The subcommand of a process that only starts and ends MPI.
pub(crate) const BARE: &str = "bench-bare-process";

/// Measure what calls cost, each figure beside plain MPI calls between the same processes.
///
/// Start it alone to measure spawned workers, and with `mpiexec -n 2` to measure ranks of one world. Every figure is
/// the median of repeats, between which the reference is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,

    /// Measure this row only; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<Row>,

    /// About how long to measure each row, in seconds.
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,

    /// The number of workers to spawn instead of what FUTURES_MPI_MAX_WORKERS says, by default 1; under mpiexec there
    /// are as many as it has started.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let builder = MpiPoolExecutor::builder();
    let executor = match options.workers {
        Some(workers) => builder.max_workers(workers.into()).build()?,
        None => builder.build()?,
    };
    let workers = executor.num_workers()?;
    let spawned = __raw::is_spawning();
    let setting = Setting { executor: &executor, workers, seconds: options.seconds, spawned };
    let mut report = Report::new(options.json, workers, spawned);
    let mut failed = Vec::new();
    for row in rows::ALL.into_iter().filter(|row| options.only.is_empty() || options.only.contains(row)) {
        match row.measure(&setting) {
            Ok(figures) if figures.is_empty() => report.skip(row, "only with spawned workers"),
            Ok(figures) => figures.iter().for_each(|figure| report.add(figure)),
            // The others are worth having: the start of a second pool needs more room than there may be.
            Err(error) => failed.push(format!("{}: {error}", row.name())),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join("; ")).into()) }
}
