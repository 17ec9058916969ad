//! The harness, tested with small shell programs: plain ones, and under `mpiexec` where there is one.

use futures_mpi_tests::harness::{self, End, Kind, Launch, Running};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

const TERM: i32 = 15;
const KILL: i32 = 9;

#[test]
fn a_program_that_ends_well_is_a_success_and_leaves_nothing() {
    let outcome = sh("echo out; echo err >&2; echo \"$1 $KEY\"").arg("an argument").env("KEY", "a value").run();
    assert_eq!(outcome.expect_success().stdout(), "out\nan argument a value\n");
    assert_eq!(outcome.stderr(), "err\n");
    let folder = outcome.folder().to_owned();
    assert!(folder.exists());
    drop(outcome);
    assert!(!folder.exists(), "the outputs of a success are removed");
}

#[test]
fn the_exit_status_is_told() {
    let outcome = sh("exit 7").run();
    assert_eq!(outcome.expect_failure().end, End::Code(7));
    let outcome = sh("kill -s KILL $$").run();
    assert_eq!(outcome.expect_failure().end, End::Signal(KILL));
    let outcome = Launch::plain().program("/nonexistent/program").run();
    assert!(outcome.expect_failure().stderr().contains("/nonexistent/program"));
}

#[test]
fn success_where_a_failure_is_expected_fails() {
    let report = message_of_panic(|| {
        sh("exit 0").run().expect_failure();
    });
    assert!(report.starts_with("expected a failure"), "{report}");
}

#[test]
fn a_violated_expectation_reports_everything_and_keeps_the_outputs() {
    let report = message_and_outputs(|| {
        let outcome = sh("seq 100; echo oh no >&2; exit 3").env("A_KEY", "a value").run();
        outcome.expect_success();
    });
    let expected = [
        "expected success",
        "A_KEY='a value' sh -c 'seq 100; echo oh no >&2; exit 3'",
        "status 3",
        " s of 60.00 s",
        "the program, stdout: the last 25 of 100 lines",
        "\n    100\n",
        "the program, stderr:\n    oh no\n",
    ];
    for text in expected {
        assert!(report.contains(text), "{text:?} is missing in:\n{report}");
    }
    assert!(!report.contains("\n    75\n"), "{report}");
    let folder = kept_folder(&report).expect("the folder is named");
    let said = std::fs::read_to_string(folder.join("launcher.out")).expect("the outputs are kept");
    assert!(said.starts_with("1\n2\n"), "{said}");
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}

#[test]
fn the_command_line_of_the_report_repeats_the_launch() {
    let first = sh("echo \"$0 $1 $KEY\"; pwd").arg("it's").arg("$x \"y\"").env("KEY", "a 'b' c").current_dir("/").run();
    let line = &first.expect_success().command_line;
    let again = Launch::plain().program("sh").arg("-c").arg(line).run();
    assert_eq!(again.expect_success().stdout(), first.stdout());
    assert!(first.stdout().ends_with("a 'b' c\n/\n"));
}

#[test]
fn at_the_limit_the_whole_tree_is_ended_though_it_ignores_term() {
    // A grandchild that ignores TERM, one that does so in a session of its own, and the program itself.
    let script = "trap '' TERM; (sh -c 'trap \"\" TERM; sleep 1001') & setsid sh -c 'sleep 1002; true' & \
        echo begun; sleep 1003; true";
    let begin = Instant::now();
    let running = sh(script).limit(Duration::from_millis(500)).start();
    let tree = seen(&running, 5);
    let outcome = running.wait();
    assert!(outcome.limit_passed);
    assert_eq!(outcome.end, End::Signal(KILL));
    assert_eq!(outcome.stdout(), "begun\n");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    for pid in tree {
        assert!(!is_alive(pid), "process {pid} outlived the limit");
    }
    assert!(message_of_panic(|| outcome.expect_success()).contains("its time was over"));
    assert!(message_of_panic(|| outcome.expect_failure()).contains("its time was over"));
}

#[test]
fn a_program_that_obeys_term_at_the_limit_is_not_waited_for() {
    let begin = Instant::now();
    let outcome = Launch::plain().program("sleep").arg("1004").limit(Duration::from_millis(200)).run();
    assert!(outcome.limit_passed);
    assert_eq!(outcome.end, End::Signal(TERM));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn left_over_processes_are_found_wherever_they_hide_and_ended() {
    // One in the same session without the mark in its environment, one in another session with the mark.
    let outcome = sh("env -i sleep 1005 & setsid sleep 1006 & exit 0").run();
    let mut commands: Vec<&str> = outcome.left_over.iter().map(|process| process.command.as_str()).collect();
    commands.sort_unstable();
    assert_eq!(commands, ["sleep 1005", "sleep 1006"]);
    for process in &outcome.left_over {
        assert!(!is_alive(process.pid), "{process}");
    }
    let report = message_of_panic(|| outcome.expect_success());
    assert!(report.contains("no process is left over") && report.contains("sleep 1006"), "{report}");
}

#[test]
fn processes_that_vanish_in_time_are_not_left_over() {
    sh("setsid sleep 0.5 & exit 0").run().expect_success();
}

#[test]
fn a_running_launch_can_be_watched_and_signalled() {
    let mut running = sh("trap 'echo stopped; exit 4' TERM; echo ready; while :; do sleep 0.05; done").start();
    running.wait_until_said("ready");
    running.signal("TERM");
    let outcome = running.wait();
    assert_eq!(outcome.expect_failure().end, End::Code(4));
    outcome.expect_said("stopped").expect_not_said("started");

    let mut running = sh("echo ready; sleep 1007; true").start();
    running.wait_until_said("ready");
    running.signal_group("TERM");
    running.wait().expect_failure();
}

#[test]
fn waiting_for_words_that_never_come_ends_with_the_report() {
    let report = message_of_panic(|| sh("echo something else").start().wait_until_said("ready"));
    assert!(report.contains("no process said \"ready\"") && report.contains("something else"), "{report}");
    let running = sh("sleep 1008; true").limit(Duration::from_millis(300));
    assert!(message_of_panic(|| running.start().wait_until_said("ready")).contains("its time was over"));
}

#[test]
fn dropping_a_running_launch_ends_it() {
    let running = sh("setsid sleep 1009 & sleep 1010; true").start();
    let tree = seen(&running, 3);
    drop(running);
    assert!(tree.iter().all(|&pid| !is_alive(pid)), "{tree:?}");
}

#[test]
fn a_launch_ends_when_the_test_process_is_killed() {
    let this = std::env::current_exe().expect("a test knows its own path");
    let inner = ["--exact", "helper_that_is_killed", "--nocapture"];
    let outputs = std::env::temp_dir().join(format!("futures-mpi-tests-killed-{}", std::process::id()));
    let launch = Launch::plain().program(this).args(inner).env("FUTURES_MPI_TEST_DIR", &outputs);
    let mut running = launch.env("HARNESS_HELPER", "1").start();
    running.wait_until_said("sleeper: ");
    running.signal("KILL");
    let outcome = running.wait();
    let pid = outcome.stdout().split("sleeper: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let pid = pid.unwrap_or_else(|| outcome.fail("no process id"));
    let begin = Instant::now();
    while is_alive(pid) {
        assert!(begin.elapsed() < Duration::from_secs(5), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::fs::remove_dir_all(outputs).expect("the killed process could not remove its outputs");
}

/// The process that the test above kills; without its variable it does nothing.
#[test]
fn helper_that_is_killed() {
    if std::env::var_os("HARNESS_HELPER").is_some() {
        let running = Launch::plain().program("sleep").arg("1013").start();
        println!("sleeper: {}", running.pid());
        running.wait().expect_success();
    }
}

#[test]
fn a_clean_environment_has_nothing_but_what_a_process_needs() {
    let outcome = sh("env").clean_environment().env("KEY", "value").run();
    let mut names: Vec<&str> =
        outcome.expect_success().stdout().lines().filter_map(|line| line.split('=').next()).collect();
    names.retain(|name| !["LD_LIBRARY_PATH", "PWD", "_", "SHLVL"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["FUTURES_MPI_TEST_LAUNCH", "HOME", "KEY", "PATH"]);
}

#[test]
fn every_rank_has_its_own_output() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let outcome = ranks(3, "echo out $RANK \"$1\"; echo err $RANK >&2").arg("a b").run();
    outcome.expect_success();
    assert_eq!(outcome.stdout(), "out 0 a b\n");
    for rank in 0..3 {
        assert_eq!(outcome.rank(rank).stdout, format!("out {rank} a b\n"));
        assert_eq!(outcome.rank(rank).stderr, format!("err {rank}\n"));
    }
}

#[test]
fn the_report_names_every_rank_and_the_command() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let outcome = ranks(3, "echo here is $RANK; [ $RANK != 1 ] || exit 5; sleep 0.2").run();
    outcome.expect_failure();
    let report = outcome.report();
    let ranks =
        (0..3).flat_map(|rank| [format!("--- rank {rank}, stdout"), format!("--- rank {rank}, stderr: nothing")]);
    for text in ranks.chain(["-n 3 sh -c".to_owned(), "here is 1".to_owned()]) {
        assert!(report.contains(&text), "{text:?} is missing in:\n{report}");
    }
}

#[test]
fn the_limit_ends_a_launcher_and_its_ranks() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let running = ranks(2, "trap '' TERM; echo begun; sleep 1011; true").limit(Duration::from_secs(2)).start();
    let tree = seen(&running, 5);
    let outcome = running.wait();
    assert!(outcome.limit_passed && !outcome.launcher_hangs);
    outcome.expect_said("begun");
    assert!(tree.iter().all(|&pid| !is_alive(pid)), "{tree:?}");
}

#[test]
fn a_launcher_that_hangs_alone_is_told_from_a_job_that_hangs() {
    // MPICH's starts the ranks by another process, which stays with it.
    if harness::mpiexec_or_skip().is_none_or(|mpi| mpi.kind != Kind::OpenMpi) {
        return;
    }
    // The launcher leads the session.
    let stop = "read -r id name state parent group session rest </proc/$$/stat; kill -s STOP \"$session\"; exit 3";
    let outcome = ranks(1, stop).limit(Duration::from_secs(2)).run();
    assert!(outcome.limit_passed && outcome.launcher_hangs, "{}", outcome.report());
    outcome.expect_failure();
    assert!(message_of_panic(|| outcome.expect_success()).contains("its time was over"));
}

#[test]
fn a_launcher_can_start_more_processes_than_cores_and_be_forbidden_to() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let many = u32::try_from(cores).expect("cores fit") + 1;
    ranks(many, "true").run().expect_success();
    if mpi.kind == Kind::OpenMpi {
        ranks(many, "true").oversubscribe(false).run().expect_failure();
    }
}

#[test]
fn without_a_launcher_tests_skip_themselves_unless_mpi_is_required() {
    let this = std::env::current_exe().expect("a test knows its own path");
    let script = "PATH=/nonexistent exec \"$1\" --exact every_rank_has_its_own_output";
    let without = || {
        let variables = ["FUTURES_MPI_TEST_MPIEXEC", "MPIEXEC", "MPICC", "FUTURES_MPI_TEST_REQUIRE_MPI"];
        variables.into_iter().fold(sh(script).arg(&this), Launch::env_remove)
    };
    without().run().expect_success().expect_said("skipped: no mpiexec on the PATH");
    let required = without().env("FUTURES_MPI_TEST_REQUIRE_MPI", "1").run();
    required.expect_failure().expect_said("FUTURES_MPI_TEST_REQUIRE_MPI=1 requires one");
    let wrong = without().env("MPIEXEC", "/nonexistent/mpiexec").run();
    wrong.expect_failure().expect_said("cannot run the chosen launcher /nonexistent/mpiexec");
}

#[test]
fn a_second_launch_may_run_beside_the_first() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let mut first = Launch::alone().program("sh").args(["-c", "echo ready; sleep 1012; true"]).start();
    first.wait_until_said("ready");
    Launch::alone().program("true").beside(&first).run().expect_success();
}

#[test]
fn a_program_alone_in_a_clean_environment_gets_no_variables_of_its_mpi() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let alone = Launch::alone().program("env").run();
    let clean = Launch::alone().program("env").clean_environment().run();
    assert_eq!(alone.expect_success().said("OMPI_MCA_mpi_yield_when_idle="), mpi.kind == Kind::OpenMpi);
    clean.expect_success().expect_not_said("OMPI_").expect_not_said("PRTE_").expect_not_said("EVENT_");
}

/// A plain shell program; its first argument is `$1`.
fn sh(script: &str) -> Launch {
    Launch::plain().program("sh").args(["-c", script, "sh"])
}

/// A shell program under the launcher, which finds its rank in `$RANK`.
fn ranks(count: u32, script: &str) -> Launch {
    let script = format!("RANK=${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}; {script}");
    Launch::mpiexec(count).program("sh").args(["-c", &script, "sh"])
}

/// The process ids of a launch, as soon as there are `count`.
fn seen(running: &Running, count: usize) -> Vec<u32> {
    let begin = Instant::now();
    loop {
        let processes = running.processes();
        if processes.len() >= count {
            return processes.iter().map(|process| process.pid).collect();
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "only these processes came: {processes:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

fn message_of_panic<T>(function: impl FnOnce() -> T) -> String {
    let message = message_and_outputs(function);
    if let Some(folder) = kept_folder(&message) {
        // One outcome may have violated two expectations.
        let _ = std::fs::remove_dir_all(folder);
    }
    message
}

fn message_and_outputs<T>(function: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(function()))).expect_err("a panic is expected");
    panic.downcast_ref::<String>().expect("the message is a text").clone()
}

fn kept_folder(report: &str) -> Option<&Path> {
    report.lines().find_map(|line| line.trim().strip_prefix("outputs:")).map(|path| Path::new(path.trim()))
}
