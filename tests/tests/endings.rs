//! The program ends before its work is done, by whatever means: every process ends with it, and the status says so.

use futures_mpi_tests::harness::{self, End, Kind, Launch, Outcome, Running};
use std::thread;
use std::time::Duration;

const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// Long enough for every scene; whoever needs it has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program says when it is in the middle of its work.
const READY: &str = "main comes to harm";

/// The scene in each mode that this MPI has: command line mode, spawned workers under `mpiexec`, and alone.
fn in_every_mode(means: &str, work: &str) -> Vec<Launch> {
    if harness::mpiexec_or_skip().is_none() {
        return Vec::new();
    }
    let mut launches = vec![Launch::mpiexec(3)];
    if harness::spawn_or_skip().is_some() {
        launches.extend([Launch::mpiexec(1), Launch::alone().clean_environment()]);
    }
    let complete = |launch: Launch| {
        launch.env("FUTURES_MPI_MAX_WORKERS", "2").program(FAULTY).args(["main", means, work]).limit(LIMIT)
    };
    launches.into_iter().map(complete).collect()
}

/// The program itself: not its launcher, not a worker.
fn master(running: &Running) -> u32 {
    let processes = running.processes();
    let program = processes.iter().find(|process| process.command.starts_with(FAULTY));
    program.expect("the program runs").pid
}

#[test]
fn exit_between_tasks_ends_every_process_with_its_status() {
    for launch in in_every_mode("exit0", "idle") {
        launch.run().expect_success().expect_not_said("aborting the job");
    }
    for launch in in_every_mode("exit3", "idle") {
        let outcome = launch.run();
        outcome.expect_failure();
        assert_eq!(outcome.end, End::Code(3));
    }
}

#[test]
fn exit_while_tasks_run_is_no_success() {
    for means in ["exit0", "exit3"] {
        for launch in in_every_mode(means, "busy") {
            launch.run().expect_failure().expect_said("the program called `exit` while tasks were running");
        }
    }
}

/// In threads, alone and in command line mode.
fn forking(scene: &str) -> Vec<Launch> {
    if harness::mpiexec_or_skip().is_none() {
        return Vec::new();
    }
    let complete = |launch: Launch| launch.program(env!("CARGO_BIN_EXE_forks")).arg(scene);
    let mut launches = vec![complete(Launch::alone()).arg("threads"), complete(Launch::mpiexec(3)).arg("mpi")];
    if harness::spawn_or_skip().is_some() {
        launches.push(complete(Launch::alone()).arg("mpi").env("FUTURES_MPI_MAX_WORKERS", "2"));
    }
    launches
}

#[test]
fn a_forked_process_ends_by_itself_and_leaves_pools_alone() {
    for launch in forking("children") {
        let outcome = launch.run();
        let text = "square 9\nin a task 7\nin main 7\nafter main 0\nsquare 16\n";
        assert_eq!(outcome.expect_success().stdout(), text);
        outcome.expect_not_said("futures-mpi:");
    }
}

#[test]
fn a_program_that_goes_on_in_a_forked_process_is_refused_a_pool() {
    for launch in forking("daemon").into_iter().skip(2) {
        launch.run().expect_said("this process was forked from process ");
    }
}

#[test]
fn a_program_that_breaks_down_takes_its_workers_with_it() {
    for means in ["kill", "abort", "overflow", "term", "panic"] {
        for launch in in_every_mode(means, "busy") {
            launch.run().expect_failure();
        }
    }
}

/// The pool has ended, and its ranks finalise MPI together with a master that never comes. Spawned workers, which come
/// behind command line mode, have a world of their own.
#[test]
fn ranks_do_not_wait_for_ever_for_one_that_does_not_finalise_mpi() {
    for launch in in_every_mode("hang", "idle").into_iter().take(1) {
        let outcome = launch.env("FUTURES_MPI_SHUTDOWN_LIMIT", "0.5").run();
        outcome.expect_failure().expect_said("MPI_Finalize did not return within 1s on rank ");
    }
}

/// By default, so does Ctrl-C; a test that runs in the background cannot rely on that signal.
#[test]
fn a_signal_ends_every_process() {
    for launch in in_every_mode("wait", "busy") {
        let mut running = launch.start();
        running.wait_until_said(READY);
        running.signal("TERM");
        expect_end_by_signal(&running.wait());
    }
    for launch in in_every_mode("wait", "busy") {
        let mut running = launch.start();
        running.wait_until_said(READY);
        running.signal_group("TERM");
        expect_end_by_signal(&running.wait());
    }
}

/// MPICH's launcher gives status 0 now and then when it was ended by a signal: in 13 of 40 runs of a C program that
/// does nothing but initialise MPI and sleep.
#[track_caller]
fn expect_end_by_signal(outcome: &Outcome) {
    if harness::mpi().kind == Kind::Mpich {
        outcome.expect_end()
    } else {
        outcome.expect_failure()
    };
}

#[test]
fn nothing_survives_a_killed_launcher() {
    for launch in in_every_mode("wait", "busy") {
        let mut running = launch.start();
        running.wait_until_said(READY);
        running.signal("KILL");
        running.wait().expect_failure();
    }
}

#[test]
fn workers_do_not_outlive_a_killed_master() {
    for launch in in_every_mode("wait", "busy") {
        let mut running = launch.start();
        running.wait_until_said(READY);
        assert!(harness::signal(master(&running), "KILL"));
        running.wait().expect_failure();
    }
}

/// Such a launcher lets the workers live, and its status is 0 whatever has happened: only the liveness connection ends
/// them.
#[test]
fn workers_do_not_outlive_their_master_under_a_launcher_that_goes_on() {
    for launch in launches_that_go_on(|| in_every_mode("wait", "busy")) {
        let mut running = launch.start();
        running.wait_until_said(READY);
        assert!(harness::signal(master(&running), "KILL"));
        let outcome = running.wait();
        assert!(!outcome.limit_passed, "{}", outcome.report());
        outcome.expect_nothing_left_over().expect_said("exits: the connection to its master was closed");
    }
}

/// One of two workers stands still in a task that was given up, and the master before it can answer the goodbye of the
/// other, which then waits in `MPI_Finalize` for the first.
#[test]
fn a_worker_whose_farewell_has_failed_does_not_outlive_its_master() {
    let program = |launch: Launch| launch.program(FAULTY).args(["give-up", "stop"]).limit(LIMIT);
    let settings = [("FUTURES_MPI_MAX_WORKERS", "2"), ("FUTURES_MPI_SHUTDOWN_LIMIT", "3")];
    let complete = |launch| settings.iter().fold(program(launch), |launch, (name, value)| launch.env(*name, *value));
    for launch in launches_that_go_on(|| [Launch::mpiexec(3), Launch::mpiexec(1)].map(complete).into()) {
        let mut running = launch.start();
        running.wait_until_said("main comes to its end");
        // The workers have been told to stop by then, and the master waits for two more seconds.
        thread::sleep(Duration::from_secs(1));
        let master = master(&running);
        assert!(harness::signal(master, "STOP"));
        running.wait_until_said("the master did not say goodbye in time");
        assert!(harness::signal(master, "KILL"));
        // The other worker cannot say anything.
        running.wait_until_said("exits: the connection to its master was closed");
        for process in running.processes() {
            // It may have ended meanwhile.
            harness::signal(process.pid, "CONT");
        }
        let outcome = running.wait();
        assert!(!outcome.limit_passed, "{}", outcome.report());
        outcome.expect_nothing_left_over();
    }
}

/// The first two of these launches, under a launcher that lets the workers live; none where there is none.
fn launches_that_go_on(launches: impl Fn() -> Vec<Launch>) -> Vec<Launch> {
    let Some(mpi) = harness::spawn_or_skip() else { return Vec::new() };
    if mpi.kind != Kind::OpenMpi || mpi.version.0 != 4 {
        println!("skipped: only Open MPI 4 goes on by an option");
        return Vec::new();
    }
    launches().into_iter().take(2).map(|launch| launch.launcher_arg("--enable-recovery")).collect()
}
