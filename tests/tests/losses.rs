//! A worker is lost, by whatever means: it is named, with its task, and nothing hangs and nothing is left behind.

use futures_mpi_tests::harness::{self, Kind, Launch, Outcome};
use std::time::Duration;

const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// Long enough for every scene; whoever needs it has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// How a task can take its worker with it.
const MEANS: [&str; 6] = ["kill", "term", "abort", "overflow", "exit0", "exit3"];

fn alone(arguments: &[&str]) -> Launch {
    Launch::alone().clean_environment().env("FUTURES_MPI_MAX_WORKERS", "3").program(FAULTY).args(arguments).limit(LIMIT)
}

fn under_mpiexec(ranks: u32, arguments: &[&str]) -> Launch {
    Launch::mpiexec(ranks).env("FUTURES_MPI_MAX_WORKERS", "3").program(FAULTY).args(arguments).limit(LIMIT)
}

/// Whether this MPI lets the others live when a worker dies, if it is asked to.
fn recovers() -> bool {
    harness::mpiexec_or_skip().is_some_and(|mpi| mpi.kind == Kind::OpenMpi && mpi.version.0 == 4)
}

/// The launches under `mpiexec` that this MPI has.
fn launches(arguments: &[&str]) -> Vec<Launch> {
    let mut launches = Vec::new();
    if harness::mpiexec_or_skip().is_some() {
        launches.push(under_mpiexec(4, arguments));
        if harness::spawn_or_skip().is_some() {
            launches.push(under_mpiexec(1, arguments));
        }
    }
    launches
}

/// What the master says of a worker that was lost with its task.
const NAMED: &str = "is lost: its process has ended; it held the task faulty::fall";

#[track_caller]
fn expect_named(outcome: &Outcome) {
    outcome.expect_said(NAMED);
}

#[test]
fn a_lost_worker_is_named_and_the_others_go_on_where_the_program_started_alone() {
    if !recovers() {
        return;
    }
    for means in MEANS {
        let outcome = alone(&["task", means]).run();
        outcome.expect_success().expect_said("lost true: the worker was lost while it held the task");
        outcome.expect_said("the others go on: 328350");
        expect_named(&outcome);
    }
}

#[test]
fn workers_that_are_lost_on_the_way_of_values_and_at_the_end_hold_up_nothing() {
    if !recovers() {
        return;
    }
    let outcome = alone(&["on-the-way"]).run();
    outcome.expect_success().expect_said("square 49");
    for means in ["abort", "exit3"] {
        outcome.expect_said(&format!("at its arrival by {means}: true"));
        outcome.expect_said(&format!("at its departure by {means}: true"));
    }
    outcome.expect_said("after the shutdown: true").expect_said("large ones: 0 are done, 10 are not");
}

/// That nothing can be said about it, because the disk is full, changes nothing.
#[test]
fn a_lost_worker_stops_nobody_where_standard_error_cannot_be_written() {
    if !recovers() {
        return;
    }
    let silenced = ["-c", r#"exec "$0" "$@" 2>/dev/full"#, FAULTY, "task", "kill"];
    let outcome = alone(&silenced).program("/bin/sh").run();
    outcome.expect_success().expect_said("the others go on: 328350");
}

#[test]
fn the_others_go_on_under_an_mpiexec_that_recovers() {
    if !recovers() {
        return;
    }
    for launch in launches(&["task", "kill"]) {
        let outcome = launch.launcher_arg("--enable-recovery").run();
        outcome.expect_success().expect_said("the others go on: 328350");
        expect_named(&outcome);
    }
}

/// How often the launcher may be faster with its SIGKILL for the master than the master with its last words.
const TRIES: usize = 5;

/// What is no failure for MPI, a worker that ends with status 0, the others survive; and what MPICH notices only when
/// they have come to their end, whatever it was.
#[test]
fn where_mpi_ends_the_job_the_last_words_name_the_worker_and_the_task() {
    for means in MEANS {
        for mode in 0..launches(&["task", means]).len() {
            let mut tries = (0..TRIES).map(|_| {
                let outcome = launches(&["task", means]).swap_remove(mode).run();
                let is_mpich = harness::mpi().kind == Kind::Mpich;
                let overlooks = means.starts_with("exit") || is_mpich;
                let went_on = "the others go on: 328350";
                match outcome.end {
                    // MPICH's launcher gives status 0 now and then to a job that it has ended.
                    harness::End::Code(0) if is_mpich && !outcome.said(went_on) => outcome.expect_nothing_left_over(),
                    harness::End::Code(0) if overlooks => outcome.expect_success().expect_said(went_on),
                    _ => outcome.expect_failure(),
                };
                outcome
            });
            let named = tries.find(|outcome| outcome.said(NAMED));
            assert!(named.is_some(), "in {TRIES} tries nobody said {NAMED:?} of a worker that ended by {means}");
        }
    }
}

#[test]
fn without_a_life_line_everything_works_and_mpi_ends_the_job() {
    for launch in launches(&["task", "kill"]) {
        launch.env("FUTURES_MPI_LIVENESS", "0").run().expect_failure().expect_not_said("is lost");
    }
    // An address of no interface here, of the range that is kept free for documentation.
    for launch in launches(&["main", "nothing", "idle"]) {
        let outcome = launch.env("FUTURES_MPI_LIVENESS", "192.0.2.1").run();
        outcome.expect_success().expect_said("this pool has no liveness connections");
    }
    for launch in launches(&["main", "nothing", "idle"]) {
        let outcome = launch.env("FUTURES_MPI_LIVENESS", "eth0").run();
        outcome.expect_failure().expect_said("FUTURES_MPI_LIVENESS is \"eth0\", which is not accepted");
    }
}
