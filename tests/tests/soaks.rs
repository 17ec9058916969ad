//! The same for long: nothing hangs, every future is done, and a process does not hold more and more.
//!
//! A little in every run; `FUTURES_MPI_TEST_SOAK=1` does it for long.

use futures_mpi_tests::harness::{self, Launch, Outcome};
use std::env;
use std::time::Duration;

const ON_THREADS: &str = env!("CARGO_BIN_EXE_soak_threads");
const ON_MPI: &str = env!("CARGO_BIN_EXE_soak");

/// How much memory a process with ten million queued tasks may take: 200 bytes for each, and some for itself.
const QUEUE_LIMIT_MIB: u64 = 1920;

/// The first number in every run, the second if it may take long.
fn count(short: u32, long: u32) -> String {
    if is_long() { long.to_string() } else { short.to_string() }
}

fn is_long() -> bool {
    env::var("FUTURES_MPI_TEST_SOAK").is_ok_and(|value| value == "1")
}

/// Runs a scene to its end, and shows what it held.
fn soak(launch: Launch, scene: &str, count: &str) -> Outcome {
    let limit = Duration::from_secs(if is_long() { 3600 } else { 120 });
    let launch = launch.env("FUTURES_MPI_MAX_WORKERS", "2").args([scene, count]);
    let outcome = launch.limit(limit).run();
    outcome.expect_success();
    println!("{scene} {count}:\n{}", outcome.stdout());
    outcome
}

fn on_threads() -> Launch {
    Launch::plain().program(ON_THREADS)
}

fn in_command_line_mode() -> Launch {
    Launch::mpiexec(3).program(ON_MPI)
}

#[test]
fn thread_pools_one_after_the_other() {
    soak(on_threads(), "pools", &count(100, 1000));
}

#[test]
fn thread_pools_at_once() {
    soak(on_threads(), "side-by-side", &count(20, 100));
}

#[test]
fn thread_pools_shut_down_in_the_middle() {
    soak(on_threads(), "shutdowns", &count(10_000, 1_000_000));
}

#[test]
fn many_tasks_queued_for_threads() {
    let count = count(100_000, 10_000_000);
    let outcome = soak(on_threads(), "queue", &count);
    let said = outcome.stdout();
    let peaks = said.lines().filter_map(|line| line.strip_prefix("at most ")?.split(' ').next()?.parse::<u64>().ok());
    let peak = peaks.max().expect("it says its memory");
    assert!(peak < QUEUE_LIMIT_MIB, "{count} queued tasks took {peak} MiB");
}

#[test]
fn an_endless_map_on_threads() {
    soak(on_threads(), "endless", &count(100_000, 10_000_000));
}

#[test]
fn an_endless_map_on_the_shared_pool() {
    if harness::mpiexec_or_skip().is_some() {
        soak(in_command_line_mode(), "endless", &count(100_000, 10_000_000));
    }
}

#[test]
fn spawned_pools_one_after_the_other() {
    if harness::spawn_or_skip().is_some() {
        soak(Launch::alone().clean_environment().program(ON_MPI), "pools", &count(5, 1000));
    }
}

#[test]
fn executors_at_once_on_the_shared_pool() {
    if harness::mpiexec_or_skip().is_some() {
        soak(in_command_line_mode(), "side-by-side", &count(100, 100));
    }
}

#[test]
fn executors_one_after_the_other_on_the_shared_pool() {
    if harness::mpiexec_or_skip().is_some() {
        soak(in_command_line_mode(), "pools", &count(100, 1000));
    }
}

#[test]
fn executors_shut_down_in_the_middle_on_the_shared_pool() {
    if harness::mpiexec_or_skip().is_some() {
        soak(in_command_line_mode(), "shutdowns", &count(10_000, 1_000_000));
    }
}

#[test]
fn many_tasks_queued_for_the_shared_pool() {
    if harness::mpiexec_or_skip().is_some() {
        soak(in_command_line_mode(), "queue", &count(100_000, 10_000_000));
    }
}
