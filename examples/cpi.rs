//! Computes pi in a parallel task: the workers sum up their shares and reduce them over their own communicator.
//!
//! usage: `cpi [INTERVALS]`, 256 if not given; with spawned workers (`FUTURES_MPI_MAX_WORKERS=4 mpiexec -n 1 cpi 128`) or
//! in command line mode (`mpiexec -n 5 cpi 128`)

#[path = "shared/cpi.rs"]
mod cpi;

use clap::Parser;
use futures_mpi::MpiPoolExecutor;

#[futures_mpi::main]
fn main() -> Result<(), futures_mpi::Error> {
    let options = cpi::Options::parse();
    let executor = MpiPoolExecutor::new()?;
    cpi::run(&executor, options.intervals)
}
