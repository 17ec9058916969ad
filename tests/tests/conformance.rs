//! Every promise on every executor: threads, spawned workers, command line mode, communicators.
//!
//! Each promise is a test of its own in each run: `cargo test --test conformance command_line_2::a_map`. A run checks
//! all promises that are asked for, in one process, which the first of its tests starts.

use futures_mpi_tests::conformance::{self, Run, WELL};
use futures_mpi_tests::harness::{self, Launch};
use libtest_mimic::{Arguments, Completion, Failed, FormatSetting, Trial};
use std::process::ExitCode;
use std::sync::Arc;

const PROGRAM: &str = env!("CARGO_BIN_EXE_conformance");
const ON_COMMUNICATORS: &str = env!("CARGO_BIN_EXE_conformance_comm");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if !arguments.quiet {
        // Thousands of lines would hide those that matter.
        arguments.format.get_or_insert(FormatSetting::Terse);
    }
    // A thread mostly waits for a run, which mostly waits.
    arguments.test_threads.get_or_insert(3);
    let is_asked = |name: &str| !arguments.is_filtered_out(&Trial::test(name, || Ok(())));
    let runs: Vec<_> = runs().into_iter().map(|run| Arc::new(run.asking(is_asked))).collect();
    // Promise by promise: so the threads of the test runner do not all wait for the same run.
    let names = conformance::all().map(|promise| promise.name);
    let mut trials: Vec<_> =
        names.flat_map(|name| runs.iter().map(move |run| trial(run, name, move |run| run.verdict(name)))).collect();
    trials.extend(runs.iter().map(|run| trial(run, WELL, Run::end)));
    trials.push(Trial::ignorable_test("an_unknown_thread_level_is_refused", an_unknown_thread_level_is_refused));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(
    run: &Arc<Run>,
    name: &str,
    verdict: impl FnOnce(&Run) -> Option<Result<(), String>> + Send + 'static,
) -> Trial {
    let asked = Arc::clone(run);
    Trial::ignorable_test(run.test(name), move || match verdict(&asked) {
        Some(Ok(())) => Ok(Completion::Completed),
        Some(Err(reason)) => Err(Failed::from(reason)),
        None => Ok(Completion::ignored_with("it cannot be run here")),
    })
}

/// Every way in which the suite is run.
fn runs() -> Vec<Run> {
    vec![
        Run::new("threads_1", || Some(program(Launch::plain(), "threads", 1))),
        Run::new("threads_3", || Some(program(Launch::plain(), "threads", 3))),
        Run::new("spawned_1", || spawned(1)),
        // With two, they are spawned under mpiexec.
        Run::new("spawned_4", || spawned(4).map(dozing)),
        Run::new("spawned_under_mpiexec_2", || harness::spawn_or_skip().map(|_| program(Launch::mpiexec(1), "mpi", 2))),
        Run::new("command_line_1", || command_line(1).map(unfetched)),
        Run::new("command_line_2", || command_line(2)),
        Run::new("command_line_4", || command_line(4)),
        Run::new("executors_that_share_a_pool_2", || {
            harness::mpiexec_or_skip().map(|_| program(Launch::mpiexec(3), "mpi-beside", 2))
        }),
        Run::new("communicator_of_1", || communicator(1, "first")),
        Run::new("communicator_of_2", || communicator(2, "last").map(dozing)),
        Run::new("communicator_of_5", || communicator(5, "first")),
        Run::new("communicator_of_5_rooted_at_the_last", || communicator(5, "last")),
        // Frames that are larger than MPI's count of bytes are sent in parts; here every frame is, that is longer than
        // 1000 bytes.
        Run::new("frames_in_parts_2", || Some(dozing(command_line(2)?.env("FUTURES_MPI_TEST_SEGMENT_BYTES", "1000")))),
        Run::new("serialized_2", || Some(command_line(2)?.env("FUTURES_MPI_THREAD_LEVEL", "serialized")))
            .not_saying("MPI provides only"),
        Run::new("funneled_2", || Some(command_line(2)?.env("FUTURES_MPI_THREAD_LEVEL", "funneled")))
            .saying("MPI provides only MPI_THREAD_FUNNELED"),
    ]
}

fn program(launch: Launch, kind: &str, workers: u32) -> Launch {
    launch.program(PROGRAM).args([kind.to_owned(), workers.to_string()])
}

fn spawned(workers: u32) -> Option<Launch> {
    harness::spawn_or_skip().map(|_| program(Launch::alone().clean_environment(), "mpi", workers))
}

fn command_line(workers: u32) -> Option<Launch> {
    harness::mpiexec_or_skip().map(|_| program(Launch::mpiexec(workers + 1), "mpi", workers))
}

fn communicator(ranks: u32, root: &str) -> Option<Launch> {
    harness::mpiexec_or_skip().map(|_| Launch::mpiexec(ranks).program(ON_COMMUNICATORS).arg(root))
}

/// Processes that wait sleep deeply after milliseconds, and for longer than any test waits: a call that is missing is a
/// broken promise.
fn dozing(launch: Launch) -> Launch {
    launch.env("FUTURES_MPI_TEST_DEEP_SLEEP", "120")
}

/// As in containers that let no process read another's memory: then Open MPI's messages of more than some kilobytes
/// move only while both processes call MPI.
fn unfetched(launch: Launch) -> Launch {
    launch.env("OMPI_MCA_btl_vader_single_copy_mechanism", "none").env("OMPI_MCA_smsc", "^cma,knem,xpmem")
}

fn an_unknown_thread_level_is_refused() -> Result<Completion, Failed> {
    let Some(launch) = command_line(2) else { return Ok(Completion::ignored_with("it cannot be run here")) };
    let outcome = launch.env("FUTURES_MPI_THREAD_LEVEL", "some").run();
    outcome.expect_failure().expect_said("FUTURES_MPI_THREAD_LEVEL is \"some\"");
    Ok(Completion::Completed)
}
