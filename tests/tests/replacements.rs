//! Lost workers are replaced where the option asks for it: again and again, but not for ever.

use futures_mpi_tests::harness::{self, Kind, Launch, Outcome};
use std::fs;
use std::path::Path;
use std::time::Duration;

const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

fn prepared(launch: Launch, arguments: &[&str]) -> Launch {
    let launch = launch.env("FUTURES_MPI_MAX_WORKERS", "2").limit(Duration::from_secs(60));
    launch.program(FAULTY).args(arguments)
}

/// The launches in which this MPI lets the others live when a worker dies.
fn launches(arguments: &[&str]) -> Vec<Launch> {
    let recovers = |mpi: &harness::Mpi| mpi.kind == Kind::OpenMpi && mpi.version.0 == 4;
    if !harness::spawn_or_skip().is_some_and(recovers) {
        return Vec::new();
    }
    let alone = prepared(Launch::alone().clean_environment(), arguments);
    vec![alone, prepared(Launch::mpiexec(1).launcher_arg("--enable-recovery"), arguments)]
}

#[track_caller]
fn expect_clean_end(outcome: &Outcome) -> &Outcome {
    outcome.expect_success().expect_nothing_left_over()
}

#[test]
fn a_pool_keeps_its_size_whatever_is_lost() {
    for launch in launches(&["replace", "again-and-again"]) {
        let outcome = launch.run();
        expect_clean_end(&outcome).expect_said("lost true: the worker was lost while it held the task");
        outcome.expect_said("it held the task faulty::fall; it will be replaced");
        outcome.expect_said("joined as a replacement");
        outcome.expect_said("all others are done: 328350").expect_said("as many as before: true");
        outcome.expect_not_said("as many as before: false");
        outcome.expect_said("tried again: there is a mark: true");
        outcome.expect_said("no communicator: the workers of this pool no longer have a communicator");
        outcome.expect_said("the program ends while a worker is on its way");
    }
}

#[test]
fn workers_that_die_at_once_are_not_replaced_for_ever() {
    for launch in launches(&["replace", "endlessly"]).into_iter().take(1) {
        let outcome = launch.run();
        expect_clean_end(&outcome).expect_said("after 5 failed attempts in a row, lost workers are no longer replaced");
        outcome.expect_said("broken after 6: all workers are lost (last: worker 5: its process has ended");
        outcome.expect_said("replacing them failed (last attempt: worker 5 was lost before it");
    }
}

#[test]
fn a_worker_that_cannot_be_spawned_again_is_done_without() {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faulty-copy");
    let arguments = ["replace", "missing", &program.to_string_lossy()];
    for launch in launches(&arguments).into_iter().take(1) {
        fs::copy(FAULTY, &program).expect("there is room for a copy");
        let outcome = launch.run();
        expect_clean_end(&outcome).expect_said("2 workers").expect_said("square 49");
        outcome.expect_said("an attempt to replace a lost worker failed: cannot spawn workers: the executable ");
        outcome.expect_said("broken: all workers are lost").expect_said("faulty-copy cannot be found");
    }
}

#[test]
fn where_nothing_can_be_replaced_this_is_said() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let arguments = ["main", "nothing", "idle"];
    let wanted = |launch: Launch| launch.env("FUTURES_MPI_REPLACE_LOST_WORKERS", "yes").run();
    let outcome = wanted(prepared(Launch::mpiexec(2), &arguments));
    outcome.expect_success().expect_said("lost workers are not replaced here");
    outcome.expect_said("in command line mode the workers are ranks of the job");
    if !mpi.can_spawn || mpi.kind != Kind::OpenMpi {
        return;
    }
    let outcome = wanted(prepared(Launch::mpiexec(1), &arguments));
    outcome.expect_success().expect_said("start the program with mpiexec --enable-recovery -n 1");
    let alone = || prepared(Launch::alone().clean_environment(), &arguments);
    let outcome = wanted(alone().env("FUTURES_MPI_LIVENESS", "0"));
    outcome.expect_success().expect_said("without liveness connections a lost worker goes unnoticed");
    let outcome = wanted(alone().env("FUTURES_MPI_THREAD_LEVEL", "serialized"));
    outcome.expect_failure().expect_said("lost workers can be replaced only if MPI provides MPI_THREAD_MULTIPLE");
    let outcome = alone().env("FUTURES_MPI_REPLACE_LOST_WORKERS", "maybe").run();
    outcome.expect_failure().expect_said("FUTURES_MPI_REPLACE_LOST_WORKERS is \"maybe\", which is not accepted");
}
