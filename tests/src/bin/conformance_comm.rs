//! Checks the promises of executors on a communicator, in a program that runs on all its ranks.
//!
//! usage: `conformance_comm first|last [PART_OF_A_NAME...]`, which is the rank of the root; the status is 0 if every
//! promise is kept.

use futures_mpi::mpi::{self, Threading, traits::*};
use futures_mpi_tests::conformance::{self, Kind, Setting};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((place, parts)) = arguments.split_first() else {
        eprintln!("usage: conformance_comm first|last [PART_OF_A_NAME...]");
        return ExitCode::from(2);
    };
    let (universe, level) = mpi::initialize_with_threading(Threading::Multiple).expect("MPI starts once");
    assert_eq!(level, Threading::Multiple, "several executors at once need it");
    let world = universe.world();
    let others = world.size() - 1;
    let root = if place == "last" { others } else { 0 };
    if world.rank() != root {
        conformance::follow(root);
        return ExitCode::SUCCESS;
    }
    let workers = usize::try_from(others.max(1)).expect("it is above zero");
    let (kept, broken) = conformance::run(&Setting { kind: Kind::Communicator, workers }, parts);
    conformance::end();
    if kept > 0 && broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
