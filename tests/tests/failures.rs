//! What users see when something goes wrong: a message that says what and what to do, and an end of every process.

use futures_mpi_tests::harness::{self, Launch, Outcome};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ACTOR: &str = env!("CARGO_BIN_EXE_actor");
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

/// Long enough for every scene; whoever needs it has hung.
const LIMIT: Duration = Duration::from_secs(60);

fn alone(scene: &str) -> Option<Launch> {
    harness::spawn_or_skip()?;
    Some(Launch::alone().clean_environment().program(ACTOR).arg(scene).limit(LIMIT))
}

fn under_mpiexec(ranks: u32, scene: &str) -> Option<Launch> {
    harness::mpiexec_or_skip()?;
    Some(Launch::mpiexec(ranks).program(ACTOR).arg(scene).limit(LIMIT))
}

/// The scene in each mode that this MPI has.
fn launches(scene: &str) -> impl Iterator<Item = Launch> {
    let spawned = harness::spawn_or_skip().and_then(|_| under_mpiexec(1, scene));
    [alone(scene), spawned, under_mpiexec(3, scene)].into_iter().flatten()
}

fn in_every_mode(scene: &str) -> Vec<Outcome> {
    launches(scene).map(Launch::run).collect()
}

#[test]
fn the_exit_status_of_main_is_respected() {
    for outcome in in_every_mode("square") {
        outcome.expect_success().expect_said("square 49");
    }
    for scene in ["status", "error"] {
        for outcome in in_every_mode(scene) {
            outcome.expect_failure();
        }
    }
}

#[test]
fn a_callback_may_call_exit() {
    for outcome in in_every_mode("exit-in-callback") {
        outcome.expect_success().expect_not_said("aborting the job");
    }
}

#[test]
fn an_error_of_main_is_printed() {
    for outcome in in_every_mode("error") {
        outcome.expect_failure().expect_said("main has had enough");
    }
}

#[test]
fn a_panic_of_main_ends_every_process() {
    for scene in ["panic", "panic-while-busy"] {
        for outcome in in_every_mode(scene) {
            outcome.expect_failure().expect_said("main panics");
        }
    }
}

#[test]
fn a_panic_of_a_task_says_where_and_leaves_the_pool() {
    for outcome in in_every_mode("task-error") {
        outcome
            .expect_success()
            .expect_said("attempt to divide by zero, panicked at tests/src/bin/actor.rs:")
            .expect_said("task actor::divide)")
            .expect_said("square 49");
    }
}

#[test]
fn a_forgotten_executor_finishes_its_work() {
    for outcome in in_every_mode("forget") {
        outcome.expect_success().expect_said("done true");
    }
}

#[test]
fn a_submission_in_an_exit_handler_fails() {
    for outcome in in_every_mode("submit-at-exit") {
        outcome.expect_success().expect_said("square 49 64").expect_said("at exit pool: shut down true: ");
        outcome.expect_said("at exit threads: 64");
    }
}

/// MPI waits for it to initialise MPI, for ever.
#[test]
fn a_program_that_is_no_worker_fails_the_futures_at_the_limit() {
    if let Some(launch) = alone("not-a-worker") {
        let outcome = launch.env("FUTURES_MPI_BOOT_LIMIT", "1").run();
        outcome.expect_success().expect_said("broken true: spawning 1 worker of /bin/true");
        outcome.expect_said(" timed out after 1s").expect_said("the program goes on");
    }
}

#[test]
fn a_worker_may_not_have_a_pool() {
    for outcome in in_every_mode("recursive") {
        outcome.expect_success().expect_said("refused: this process is a worker").expect_said("square 49");
    }
}

#[test]
fn bad_options_name_the_value_and_its_origin() {
    if let Some(launch) = under_mpiexec(1, "bad-options") {
        let outcome = launch.env("FUTURES_MPI_MAX_WORKERS", "many").run();
        outcome
            .expect_success()
            .expect_said("max_workers is \"0\", which is not accepted: it must be a whole number from 1")
            .expect_said("FUTURES_MPI_MAX_WORKERS is \"many\", which is not accepted");
        // What would end the program, or would be waited for in vain, if MPI were asked.
        let refused = "configuration true: ";
        for text in [
            "mpi_info host is \"\", which is not accepted: it must be a value of 1 to ",
            "a key of mpi_info is \"\"",
            "write the hosts into a file, one in a line, and name the file by the key hostfile",
            "args is \"a\\0b\", which is not accepted: it must be text without a zero byte",
            "shorter than 131072 bytes, the system's limit for an argument, and has 140000",
            "args is \"400 arguments of 40003600 bytes\"",
            "exe is \"a\\0b\"",
        ] {
            outcome.expect_said(text);
        }
        assert_eq!(outcome.stdout().matches(refused).count(), 7);
    }
}

/// It is a part of what a master tells its workers, which would not know what they are if they could not read it.
#[test]
fn a_backoff_may_be_as_long_as_it_likes() {
    for outcome in in_every_mode("longest-backoff") {
        outcome.expect_success().expect_said("square 49");
    }
    for launch in launches("square") {
        launch.env("FUTURES_MPI_BACKOFF", "1e11").run().expect_success().expect_said("square 49");
    }
}

/// It would run `main`, which spawns workers that would do the same, and so on.
#[test]
fn a_worker_that_does_not_know_what_it_is_or_whose_does_not_run_main() {
    let Some(launch) = alone("square") else { return };
    let outcome = launch.arg("--futures-mpi-worker=soon").run();
    outcome.expect_failure().expect_not_said("scene square");
    outcome.expect_said("cannot parse \"--futures-mpi-worker=soon\", the argument by which a master");
    if let Some(launch) = alone("square") {
        let outcome = launch.arg("--futures-mpi-worker=0.001,false,60.0,false").run();
        outcome.expect_failure().expect_not_said("scene square");
        outcome.expect_said("its MPI knows no master that spawned it");
    }
}

/// A script of this text, which can be executed.
fn script(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("the script can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    path
}

/// What workers say and do that are started by a script of this text, in the modes in which they are spawned.
fn through_wrapper(name: &str, text: &str) -> impl Iterator<Item = Outcome> {
    let path = script(name, text);
    let spawned = harness::spawn_or_skip().and_then(|_| under_mpiexec(1, "through-wrapper"));
    let launches = [alone("through-wrapper"), spawned].into_iter().flatten();
    launches.map(move |launch| launch.arg(path.to_str().expect("the path is text")).run())
}

#[test]
fn a_wrapper_may_add_arguments_and_stay() {
    let texts = [
        ("added.sh", format!("#!/bin/sh\nexec {ACTOR} \"$@\" --verbose\n"), "[\"one\", \"t w o\", \"--verbose\"]"),
        ("stays.sh", format!("#!/bin/sh\n{ACTOR} -q \"$@\"\n"), "[\"-q\", \"one\", \"t w o\"]"),
    ];
    for (name, text, arguments) in texts {
        for outcome in through_wrapper(name, &text) {
            outcome.expect_success().expect_said(&format!("arguments {arguments}"));
        }
    }
}

/// The workers would run `main`, which spawns workers that would do the same, and so on.
#[test]
fn a_wrapper_that_drops_the_arguments_is_named_and_no_worker_runs_main() {
    for outcome in through_wrapper("dropped.sh", &format!("#!/bin/sh\nexec {ACTOR}\n")) {
        outcome.expect_success().expect_said("broken true: worker ");
        outcome.expect_said("was started without the argument by which its master tells it what it is");
        outcome.expect_said("exec PROGRAM \"$@\"").expect_said("the program goes on");
        let scenes = outcome.stdout().lines().filter(|line| line.starts_with("scene")).count();
        assert_eq!(scenes, 1, "main has run once: {}", outcome.stdout());
    }
}

/// Without liveness connections nobody would notice a loss where MPI lets the others live: in a program that Open MPI 4
/// has started alone.
#[test]
fn a_program_that_would_not_notice_a_loss_is_refused() {
    let Some(launch) = alone("no-liveness") else { return };
    let (outcome, mpi) = (launch.run(), harness::mpi());
    let said = if mpi.kind == harness::Kind::OpenMpi && mpi.version.0 == 4 {
        "configuration true: liveness(false) comes too late"
    } else {
        "square 49"
    };
    outcome.expect_success().expect_said(said);
    let advised = alone("no-liveness").map(|launch| launch.env("FUTURES_MPI_LIVENESS", "0").run());
    advised.iter().for_each(|outcome| _ = outcome.expect_success().expect_said("square 49"));
    if let Some(launch) = under_mpiexec(1, "no-liveness") {
        launch.run().expect_success().expect_said("square 49");
    }
}

#[test]
fn every_bad_variable_is_named_and_what_the_program_says_comes_first() {
    let table = [
        ("FUTURES_MPI_BACKOFF", "-1", "a number of seconds that is not negative"),
        ("FUTURES_MPI_OUT_OF_BAND", "perhaps", "0 or 1, or one of yes, no"),
        ("FUTURES_MPI_BOOT_LIMIT", "0", "a number of seconds that is larger than 0"),
        ("FUTURES_MPI_SHUTDOWN_LIMIT", "soon", "a number of seconds that is larger than 0"),
    ];
    for (name, value, accepted) in table {
        let Some(launch) = alone("variables") else { return };
        let outcome = launch.env(name, value).run();
        // At its start the program reads the variables that decide about a pool that is shared.
        outcome.expect_said(&format!("{name} is \"{value}\", which is not accepted: it must be {accepted}"));
        if outcome.said("default: ") {
            outcome.expect_success().expect_said("given: good");
        }
    }
    if let Some(launch) = alone("variables") {
        let launch = launch.env("FUTURES_MPI_BACKOFF", "0").env("FUTURES_MPI_OUT_OF_BAND", "Off");
        let outcome = launch.env("FUTURES_MPI_BOOT_LIMIT", "60.5").run();
        outcome.expect_success().expect_said("default: good").expect_said("given: good");
    }
}

#[test]
fn a_program_does_not_end_before_its_futures_are_done() {
    for outcome in in_every_mode("no-waiting") {
        outcome.expect_success().expect_said("done true");
    }
}

#[test]
fn a_hanging_initializer_ends_at_the_limit_and_the_program_ends_too() {
    if let Some(launch) = under_mpiexec(3, "initializer-hangs") {
        let outcome = launch.env("FUTURES_MPI_SHUTDOWN_LIMIT", "2").run();
        outcome
            .expect_failure()
            .expect_said("broken true: the initializer actor::sleep did not finish on workers 0 (host ");
        outcome
            .expect_said("the program goes on")
            .expect_said("some workers are still stuck in an initializer or in a");
    }
    let spawned = [alone("initializer-hangs"), under_mpiexec(1, "initializer-hangs")];
    for launch in spawned.into_iter().flatten().filter(|_| harness::spawn_or_skip().is_some()) {
        let outcome = launch.run();
        outcome.expect_said("broken true: the initializer actor::sleep did not finish on worker");
        outcome.expect_said("bootup true").expect_said("the program goes on");
    }
}

#[test]
fn a_missing_executable_fails_the_futures_and_the_program_goes_on() {
    for launch in [alone("missing-executable"), under_mpiexec(1, "missing-executable")].into_iter().flatten() {
        if harness::spawn_or_skip().is_some() {
            let outcome = launch.run();
            outcome.expect_success().expect_said("broken true: ").expect_said("no/such/program");
            outcome.expect_said("bootup true").expect_said("the program goes on");
        }
    }
}

#[test]
fn a_deleted_directory_or_executable_is_named_and_the_program_goes_on() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("actor-to-be-deleted");
    let launches = |scene| [alone(scene), under_mpiexec(1, scene)].into_iter().flatten();
    if harness::spawn_or_skip().is_none() {
        return;
    }
    for launch in launches("no-directory") {
        let outcome = launch.run();
        outcome
            .expect_success()
            .expect_said("broken true: cannot spawn workers: the working directory of this program");
        outcome.expect_said("the program goes on");
    }
    for launch in launches("no-executable") {
        fs::copy(ACTOR, &copy).expect("the program can be copied");
        let outcome = launch.program(&copy).run();
        outcome.expect_success().expect_said("actor-to-be-deleted has been deleted since this program was started");
        outcome.expect_said("the program goes on");
    }
}

/// Open MPI would bind it to one, which the threads in its tasks would share.
#[test]
fn a_spawned_worker_has_all_cores_of_the_machine() {
    let Some(launch) = alone("cores") else { return };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    launch.run().expect_success().expect_said(&format!("main {cores}, worker {cores}"));
    if let Some(launch) = under_mpiexec(1, "cores") {
        launch.run().expect_success().expect_said(&format!(", worker {cores}"));
    }
}

#[test]
fn too_few_slots_fail_the_futures_and_the_program_goes_on() {
    let Some(mpi) = harness::spawn_or_skip() else { return };
    if mpi.kind != harness::Kind::OpenMpi {
        println!("skipped: only Open MPI counts slots");
        return;
    }
    if let Some(launch) = under_mpiexec(1, "too-many") {
        // Outside of a batch system's allocation there are as many slots as one asks for.
        let outcome = launch.oversubscribe(false).env("HYDRA_HOST_FILE", "/dev/null").run();
        outcome.expect_success().expect_said("broken true: Open MPI").expect_said("could not spawn 40 workers");
        outcome.expect_said("--oversubscribe").expect_said("the program goes on");
    }
}

#[test]
fn an_mpi_that_cannot_spawn_says_so_and_the_program_goes_on() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    if mpi.can_spawn {
        println!("skipped: this MPI can spawn");
        return;
    }
    for launch in [Launch::alone().clean_environment(), Launch::mpiexec(1)] {
        let outcome = launch.program(ACTOR).arg("too-many").limit(LIMIT).run();
        outcome.expect_success().expect_said("broken true: ").expect_said("mpiexec -n N");
        outcome.expect_said("the program goes on");
    }
}

#[test]
fn another_program_is_refused_and_the_functions_are_named() {
    let Some(launch) = alone("other-program") else { return };
    let outcome = launch.arg(env!("CARGO_BIN_EXE_conformance")).run();
    outcome.expect_success().expect_said("master and worker are different programs");
    outcome.expect_said("`actor::square` is missing on the worker").expect_said("the program goes on");
}

/// A pool without work is silent, and so is a watchdog that nobody has asked for.
#[test]
fn a_watchdog_says_who_has_which_task() {
    let launches = || {
        let alone = harness::spawn_or_skip().map(|_| Launch::alone().clean_environment());
        let several = harness::mpiexec_or_skip().map(|_| Launch::mpiexec(3));
        [alone, several].into_iter().flatten().map(|launch| launch.program(FAULTY).arg("watch").limit(LIMIT))
    };
    for launch in launches() {
        let outcome = launch.env("FUTURES_MPI_MAX_WORKERS", "2").env("FUTURES_MPI_WATCHDOG", "0.5").run();
        outcome
            .expect_success()
            .expect_said("futures-mpi: no task has finished for")
            .expect_said(" has held faulty::sleep for ");
        outcome.expect_said("1 tasks pending, 1 of them on workers").expect_said("idle workers: 1");
        outcome.expect_not_said(": 0 tasks pending");
    }
    for launch in launches() {
        launch.env("FUTURES_MPI_MAX_WORKERS", "2").run().expect_success().expect_not_said("no task has finished");
    }
}
