//! The program `futures-mpi`: tools around the library, a subcommand each.

mod bench;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tools for programs that hand function calls to a pool of MPI processes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Options),
    /// What `bench` spawns to measure MPI's own part in the start of a pool.
    #[command(hide = true, name = bench::BARE)]
    Bare,
}

#[futures_mpi::main]
fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Bare => futures_mpi::__raw::leave_parent().map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("futures-mpi: {error}");
            ExitCode::FAILURE
        }
    }
}
