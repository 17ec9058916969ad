//! The text of a panic of a task is in its future's error or on standard error, however the panic ends.

use futures_mpi_tests::harness::{self, Launch, Outcome};

/// In threads of the program, and in workers where this MPI can spawn them.
fn run(scene: &str) -> Vec<Outcome> {
    if harness::mpiexec_or_skip().is_none() {
        return Vec::new();
    }
    let launch = || Launch::alone().program(env!("CARGO_BIN_EXE_panics")).arg(scene);
    let mut launches = vec![launch().arg("threads")];
    if harness::spawn_or_skip().is_some() {
        launches.push(launch().arg("mpi").env("FUTURES_MPI_MAX_WORKERS", "1"));
    }
    launches.into_iter().map(Launch::run).collect()
}

#[test]
fn a_panic_that_cannot_unwind_is_printed() {
    for outcome in run("through-c") {
        outcome.expect_said("called back with 0").expect_said("panics.rs");
        outcome.expect_said("panic in a function that cannot unwind");
    }
}

#[test]
fn a_panic_within_another_is_printed_with_it() {
    for outcome in run("twice") {
        outcome.expect_said("the first panic").expect_said("the second panic");
    }
}

#[test]
fn a_panic_that_the_task_catches_is_printed() {
    for outcome in run("caught") {
        outcome.expect_success().expect_said("Ok(true)").expect_said("a panic that is caught");
    }
    for outcome in run("exits") {
        outcome.expect_said("a panic before the exit");
    }
}

#[test]
fn a_panic_does_not_lend_its_place_to_another() {
    for outcome in run("given-on") {
        outcome.expect_success().expect_said("a panic of another thread at None");
        outcome.expect_said("a panic that is caught");
    }
}

#[test]
fn a_hook_that_the_program_sets_later_is_called_and_takes_no_places_away() {
    for outcome in run("hook") {
        outcome.expect_success().expect_said("place true").expect_said("place behind a hook true");
        if outcome.command_line.ends_with("threads") {
            outcome.expect_said("the program's own hook: ");
        }
    }
}
