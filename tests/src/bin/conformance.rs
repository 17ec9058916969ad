//! Checks the promises of executors in this process: on its threads, on workers that it spawns, or in command line mode.
//!
//! usage: `conformance threads|mpi WORKERS [PART_OF_A_NAME]`; the status is 0 if every promise is kept.

use futures_mpi_tests::conformance::{self, Kind, Setting};
use std::process::ExitCode;

#[futures_mpi::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, workers, filter) = match arguments[..] {
        ["threads", workers] => (Kind::Threads, workers, ""),
        ["mpi", workers] => (Kind::Mpi, workers, ""),
        ["threads", workers, filter] => (Kind::Threads, workers, filter),
        ["mpi", workers, filter] => (Kind::Mpi, workers, filter),
        _ => return usage(),
    };
    let Ok(workers) = workers.parse() else { return usage() };
    let (kept, broken) = conformance::run(&Setting { kind, workers }, filter);
    if kept > 0 && broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("usage: conformance threads|mpi WORKERS [PART_OF_A_NAME]");
    ExitCode::from(2)
}
