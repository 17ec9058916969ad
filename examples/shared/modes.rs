//! How an example comes to its executor: it opens a pool, or with `--comm` it is an ordinary MPI program.
//!
//! An ordinary MPI program runs `main` in all its processes and starts MPI itself. It has no `#[futures_mpi::main]`, so
//! that a program which can be both decides before that function is called.

use clap::Args;
use futures_mpi::mpi::{self, Threading};
use futures_mpi::{Executor, MpiCommExecutor};
use std::error::Error;
use std::process::ExitCode;

/// The option that all examples have.
#[derive(Args)]
pub(crate) struct Mode {
    /// Be an ordinary MPI program, which makes an executor of all its processes; to be started by `mpiexec -n N`.
    #[arg(long)]
    comm: bool,
}

/// Calls `in_pool`, which has the attribute, or lets `run` have an executor whose workers are the other processes.
pub(crate) fn start(in_pool: fn() -> ExitCode, run: fn(&Executor) -> Result<(), Box<dyn Error>>) -> ExitCode {
    if !std::env::args().any(|argument| argument == "--comm") {
        return in_pool();
    }
    match in_communicator(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn in_communicator(run: fn(&Executor) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let (_universe, _level) = mpi::initialize_with_threading(Threading::Multiple).ok_or("MPI is running already")?;
    // Rank 0 gets the executor; the others work for it here, and get none when it has ended.
    if let Some(executor) = MpiCommExecutor::world(0)? {
        run(&executor)?;
    }
    Ok(())
}
