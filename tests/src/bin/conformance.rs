//! Checks the promises of executors in this process: on its threads, on workers that it spawns, or in command line
//! mode.
//!
//! usage: `conformance threads|mpi|mpi-beside WORKERS [PART_OF_A_NAME...]`; the status is 0 if every promise is kept.
//! With `mpi-beside` another executor is busy meanwhile, which in command line mode shares the pool.

use futures_mpi_tests::conformance::{self, Kind, Setting};
use std::process::ExitCode;

#[futures_mpi::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = arguments.iter().map(String::as_str);
    let (kind, beside) = match arguments.next() {
        Some("threads") => (Kind::Threads, false),
        Some("mpi") => (Kind::Mpi, false),
        Some("mpi-beside") => (Kind::Mpi, true),
        _ => return usage(),
    };
    let Some(Ok(workers)) = arguments.next().map(str::parse) else { return usage() };
    let setting = Setting { kind, workers };
    let parts: Vec<_> = arguments.collect();
    let (kept, broken) = if beside {
        conformance::beside(&setting, || conformance::run(&setting, &parts))
    } else {
        conformance::run(&setting, &parts)
    };
    if kept > 0 && broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("usage: conformance threads|mpi|mpi-beside WORKERS [PART_OF_A_NAME...]");
    ExitCode::from(2)
}
