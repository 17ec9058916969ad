//! Says hello from every worker: the first program to try on a new machine.
//!
//! Start it alone, and its workers are spawned (`FUTURES_MPI_MAX_WORKERS=4 cargo run --example hello`), or by mpiexec
//! with several processes, and all but the first are the workers (`mpiexec -n 5 target/debug/examples/hello`).

#[path = "shared/modes.rs"]
mod modes;

use clap::Parser;
use futures_mpi::{Executor, MpiPoolExecutor, remote_task};
use std::error::Error;
use std::process::ExitCode;

/// Says hello from every worker.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    _mode: modes::Mode,
}

#[remote_task]
fn greet(name: &str) -> String {
    format!("hello {name}, this is process {}", std::process::id())
}

fn main() -> ExitCode {
    modes::start(in_pool, run)
}

#[futures_mpi::main]
fn in_pool() -> Result<(), Box<dyn Error>> {
    let executor = MpiPoolExecutor::new()?;
    run(&executor)
}

fn run(executor: &Executor) -> Result<(), Box<dyn Error>> {
    Options::parse();
    let workers = executor.num_workers()?;
    println!("{workers} workers");
    for greeting in executor.map(greet::ID, ["world", "moon", "sun"]) {
        println!("{}", greeting?);
    }
    Ok(())
}
