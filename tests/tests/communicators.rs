//! Executors on communicators of the program's own, and what workers do together on theirs.

use futures_mpi_tests::harness::{self, Kind, Launch, Outcome};
use std::time::Duration;

const RANKS: &str = env!("CARGO_BIN_EXE_ranks");
const ACTOR: &str = env!("CARGO_BIN_EXE_actor");

/// Long enough for every scene; whoever needs it has hung.
const LIMIT: Duration = Duration::from_secs(60);

fn launch(ranks: u32, scene: &str) -> Option<Launch> {
    harness::mpiexec_or_skip()?;
    Some(Launch::mpiexec(ranks).program(RANKS).arg(scene).limit(LIMIT))
}

fn run(ranks: u32, scene: &str) -> Option<Outcome> {
    launch(ranks, scene).map(Launch::run)
}

/// Expects success, and that every rank said `text`.
fn expect_of_all(ranks: u32, scene: &str, text: &str) {
    let Some(outcome) = run(ranks, scene) else { return };
    outcome.expect_success();
    for rank in 0..ranks {
        let said = outcome.rank(rank);
        assert!(said.stdout.contains(text), "rank {rank} says {said:?} and not {text:?}");
    }
}

#[test]
fn the_programs_own_messages_pass_by_the_pool() {
    for ranks in [2, 3] {
        expect_of_all(ranks, "beside", &format!("after {}", ranks * (ranks - 1) / 2));
        let Some(outcome) = run(ranks, "beside") else { return };
        assert!(outcome.expect_success().rank(ranks - 1).stdout.contains("sum 328350"));
    }
}

#[test]
fn communicators_without_common_workers_have_executors_at_once() {
    if let Some(outcome) = run(5, "halves") {
        outcome.expect_success().expect_said("half 9 of 2 workers").expect_said("half 9 of 1 workers");
    }
    expect_of_all(4, "halves", "together");
}

#[test]
fn executors_follow_one_another_with_any_root() {
    for ranks in [1, 3] {
        expect_of_all(ranks, "in-turn", "all turns taken");
    }
}

/// Without that, every rank would wait in `MPI_Finalize` for ever.
#[test]
fn an_executor_that_is_there_when_mpi_is_finalised_ends_with_a_word() {
    for (scene, text) in [("leaked", "then on"), ("universe-first", "and on")] {
        for ranks in [1, 3] {
            let Some(outcome) = run(ranks, scene) else { return };
            outcome.expect_success().expect_said("MPI is being finalised while an MpiCommExecutor is still alive");
            for rank in 0..ranks {
                assert!(outcome.rank(rank).stdout.contains(text), "{}", outcome.report());
            }
            assert_eq!(outcome.said("then Some(Err("), scene == "universe-first");
        }
    }
}

/// How often the launcher may be faster with its SIGKILL for the root than the root with its last words.
const TRIES: usize = 5;

/// Launches in which this MPI lets the others live when a process dies, if it can be told to.
fn recovering(ranks: u32, scene: &str) -> Option<Launch> {
    let recovers = harness::mpi().kind == Kind::OpenMpi && harness::mpi().version.0 == 4;
    launch(ranks, scene).filter(|_| recovers).map(|launch| launch.launcher_arg("--enable-recovery"))
}

#[test]
fn a_lost_rank_is_named_with_its_task() {
    const NAMED: &str = "is lost: its process has ended; it held the task ranks::abort";
    if launch(3, "lost").is_none() {
        return;
    }
    let mut tries = (0..TRIES).filter_map(|_| launch(3, "lost")).map(|launch| launch.run());
    let named = tries.find(|outcome| outcome.expect_failure().said(NAMED));
    assert!(named.is_some(), "in {TRIES} tries nobody said {NAMED:?}");
    // An executor goes on where MPI does.
    if let Some(launch) = recovering(3, "lost") {
        let outcome = launch.run();
        outcome.expect_nothing_left_over().expect_said(NAMED).expect_said("lost true: ").expect_said("square 49");
        outcome.expect_said("a worker hears: another worker of the pool is lost");
    }
}

#[test]
fn workers_do_not_outlive_their_root() {
    if let Some(launch) = launch(3, "lost-root") {
        launch.run().expect_failure().expect_said("square 49").expect_not_said("a worker goes on");
    }
    if let Some(launch) = recovering(3, "lost-root") {
        let outcome = launch.run();
        outcome.expect_nothing_left_over().expect_said("exits: the connection to its master was closed");
        outcome.expect_not_said("a worker goes on");
    }
}

#[test]
fn every_rank_refuses_a_bad_root_with_the_same_words_and_goes_on() {
    let not_accepted = |root, highest| {
        format!(
            "refused: root is {root}, which is not accepted: it must be a rank of the communicator, from 0 to {highest}"
        )
    };
    expect_of_all(3, "bad-root", &not_accepted(7, 2));
    expect_of_all(1, "bad-root", &not_accepted(7, 0));
    expect_of_all(2, "negative-root", &not_accepted(-1, 1));
    expect_of_all(3, "different-roots", "name different roots, from 0 to 2");
    if let Some(outcome) = run(3, "bad-root") {
        outcome.expect_success().expect_said("configuration true").expect_said("square 49");
    }
}

#[test]
fn an_intercommunicator_is_refused() {
    if harness::spawn_or_skip().is_some()
        && let Some(outcome) = run(1, "intercommunicator")
    {
        outcome.expect_success().expect_said("an intercommunicator has two groups of processes");
    }
}

#[test]
fn what_one_rank_cannot_do_all_refuse() {
    if let Some(launch) = launch(2, "bad-backoff") {
        let outcome = launch.env("FUTURES_MPI_BACKOFF", "soon").run();
        outcome.expect_success().expect_said("refused: FUTURES_MPI_BACKOFF is \"soon\", which is not accepted");
    }
}

#[test]
fn programs_without_mpi_or_without_the_attribute_are_told() {
    if let Some(outcome) = run(1, "uninitialised") {
        outcome.expect_success().expect_said("MPI is not initialised: call `mpi::initialize_with_threading");
    }
    expect_of_all(2, "other-executors", "an MpiPoolExecutor needs `#[futures_mpi::main]`");
}

#[test]
fn lower_thread_levels_work_and_the_lowest_are_warned_of_once() {
    for level in ["single", "funneled", "serialized"] {
        let Some(launch) = launch(3, "levels") else { return };
        let outcome = launch.arg(level).run();
        outcome.expect_success().expect_said("sum 332833500");
        let all: String = outcome.ranks.iter().map(|rank| rank.stderr.as_str()).collect();
        let warnings = all.matches("futures-mpi: MPI provides only MPI_THREAD_").count();
        assert_eq!(warnings, usize::from(level != "serialized"), "{level}: {all}");
    }
}

#[test]
fn a_panic_of_the_root_lets_the_workers_go() {
    for ranks in [1, 3] {
        if let Some(outcome) = run(ranks, "panic") {
            outcome.expect_success().expect_said("panicked true");
        }
    }
    if let Some(outcome) = run(3, "panic-through") {
        outcome.expect_failure().expect_said("the root has had enough").expect_said("a worker goes on");
    }
}

#[test]
fn parallel_tasks_may_follow_one_another_without_waiting() {
    for ranks in [1, 2, 4] {
        expect_of_all(ranks, "parallel", "outside: there is no communicator of workers here");
        if let Some(outcome) = run(ranks, "parallel") {
            outcome.expect_success().expect_said(&format!("parallel tasks of {} workers", ranks.max(2) - 1));
            outcome.expect_said("on a thread: there is no communicator of workers here");
        }
    }
}

#[test]
fn the_workers_of_a_pool_may_make_a_pool_among_themselves() {
    for ranks in [2, 4] {
        if let Some(outcome) = run(ranks, "nested") {
            outcome.expect_success().expect_said("squares 81").expect_said(&format!("workers {}", ranks - 1));
        }
    }
}

#[test]
fn command_line_mode_refuses_an_executor_on_the_world() {
    if harness::mpiexec_or_skip().is_some() {
        let outcome = Launch::mpiexec(3).program(ACTOR).arg("communicators").limit(LIMIT).run();
        outcome.expect_success().expect_said("world: the processes of this job already serve the pool");
        outcome.expect_said("task: the processes of this job already serve the pool").expect_said("self 49");
        outcome.expect_said("workers 2");
    }
    if harness::spawn_or_skip().is_some() {
        let outcome = Launch::alone().clean_environment().program(ACTOR).arg("communicators").limit(LIMIT);
        outcome
            .env("FUTURES_MPI_MAX_WORKERS", "2")
            .run()
            .expect_success()
            .expect_said("self 49")
            .expect_said("workers 2");
    }
}
