//! Every promise on every executor: threads, spawned workers, command line mode, communicators.

use futures_mpi_tests::conformance::{self, Kind, Setting};
use futures_mpi_tests::harness::{self, Launch};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_conformance");
const ON_COMMUNICATORS: &str = env!("CARGO_BIN_EXE_conformance_comm");

/// All promises take some seconds; this is for a machine that does something else as well.
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn threads_keep_every_promise() {
    for workers in [1, 3] {
        let (kept, broken) = conformance::run(&Setting { kind: Kind::Threads, workers }, "");
        assert!(kept > 50 && broken == 0, "{broken} promises are broken with {workers} threads");
    }
}

#[test]
fn spawned_workers_keep_every_promise() {
    if harness::spawn_or_skip().is_none() {
        return;
    }
    // With two, they are spawned under mpiexec, by the next test.
    for workers in ["1", "4"] {
        let launch = Launch::alone().clean_environment().program(PROGRAM).args(["mpi", workers]);
        assert_kept(if workers == "4" { dozing(launch) } else { launch });
    }
}

#[test]
fn workers_spawned_under_mpiexec_keep_every_promise() {
    if harness::spawn_or_skip().is_some() {
        assert_kept(Launch::mpiexec(1).program(PROGRAM).args(["mpi", "2"]));
    }
}

#[test]
fn command_line_mode_keeps_every_promise() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    for workers in [1, 2, 4] {
        let launch = Launch::mpiexec(workers + 1).program(PROGRAM).args(["mpi".to_owned(), workers.to_string()]);
        assert_kept(if workers == 1 { unfetched(launch) } else { launch });
    }
}

#[test]
fn executors_that_share_a_pool_keep_every_promise() {
    if harness::mpiexec_or_skip().is_some() {
        assert_kept(Launch::mpiexec(3).program(PROGRAM).args(["mpi-beside", "2"]));
    }
}

#[test]
fn communicators_keep_every_promise() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    for (ranks, root) in [(1, "first"), (2, "last"), (5, "first"), (5, "last")] {
        let launch = Launch::mpiexec(ranks).program(ON_COMMUNICATORS).arg(root);
        assert_kept(if ranks == 2 { dozing(launch) } else { launch });
    }
}

/// Frames that are larger than MPI's count of bytes are sent in parts; here every frame is, that is longer than 1000
/// bytes.
#[test]
fn frames_in_parts_keep_every_promise() {
    if harness::mpiexec_or_skip().is_some() {
        let launch = Launch::mpiexec(3).env("FUTURES_MPI_TEST_PART_BYTES", "1000");
        assert_kept(dozing(launch).program(PROGRAM).args(["mpi", "2"]));
    }
}

#[test]
fn lower_thread_levels_keep_every_promise() {
    if harness::mpiexec_or_skip().is_some() {
        let launch =
            |level| Launch::mpiexec(3).env("FUTURES_MPI_THREAD_LEVEL", level).program(PROGRAM).args(["mpi", "2"]);
        let outcome = launch("serialized").limit(LIMIT).run();
        outcome.expect_success().expect_said("promises kept, 0 broken").expect_not_said("MPI gives only");
        let outcome = launch("funneled").limit(LIMIT).run();
        outcome.expect_success().expect_said("promises kept, 0 broken");
        outcome.expect_said("MPI gives only MPI_THREAD_FUNNELED");
        let outcome = launch("some").limit(LIMIT).run();
        outcome.expect_failure().expect_said("FUTURES_MPI_THREAD_LEVEL is \"some\"");
    }
}

/// Processes that wait doze after milliseconds, and for longer than any test waits: a call that is missing is a broken
/// promise.
fn dozing(launch: Launch) -> Launch {
    launch.env("FUTURES_MPI_TEST_DOZE", "120")
}

/// As in containers that let no process read another's memory: then Open MPI's messages of more than some kilobytes move
/// only while both processes call MPI.
fn unfetched(launch: Launch) -> Launch {
    launch.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none").env("OMPI_MCA_smsc", "^cma,knem,xpmem")
}

fn assert_kept(launch: Launch) {
    let outcome = launch.limit(LIMIT).run();
    outcome.expect_success().expect_said("promises kept, 0 broken").expect_said("a callback has had enough");
}
