//! The program's own input and output: main gets every byte, and what tasks and the ends of workers write arrives.

use futures_mpi_tests::harness::{self, Kind, Launch};
use std::fs;
use std::path::Path;

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");

/// The program in each mode that this MPI has: command line mode, spawned workers under `mpiexec`, and alone.
fn in_every_mode(scene: &str) -> Vec<Launch> {
    if harness::mpiexec_or_skip().is_none() {
        return Vec::new();
    }
    let mut launches = vec![Launch::mpiexec(3)];
    if harness::spawn_or_skip().is_some() {
        launches.extend([Launch::mpiexec(1), Launch::alone().clean_environment()]);
    }
    let complete = |launch: Launch| launch.env("FUTURES_MPI_MAX_WORKERS", "2").program(STREAMS).arg(scene);
    launches.into_iter().map(complete).collect()
}

/// More than the buffer of a pipe holds; but not under MPICH's launcher, which gives up a job that does not read at
/// once: "process reading stdin too slowly".
#[test]
fn main_reads_all_of_its_input_after_the_start_of_the_workers() {
    let count = if harness::mpi().kind == Kind::Mpich { 2_000 } else { 20_000 };
    let lines: String = (0..count).map(|n| format!("{n:05}\n")).collect();
    for launch in in_every_mode("read-in-main") {
        let outcome = launch.input(lines.as_str()).run();
        assert_eq!(outcome.expect_success().stdout(), format!("{count} lines, {} bytes\n", 5 * count));
    }
    for launch in in_every_mode("read-in-main") {
        assert_eq!(launch.input("a\nb\nc").run().expect_success().stdout(), "3 lines, 3 bytes\n");
    }
}

#[test]
fn tasks_find_an_empty_input_and_leave_that_of_main_alone() {
    for launch in in_every_mode("read-in-task") {
        let outcome = launch.input("abc").run();
        let text = "a task has read \"\"\na task has read \"\"\nmain has read \"abc\"\n";
        assert_eq!(outcome.expect_success().stdout(), text);
    }
}

/// As in a loop of the shell, which reads the names of its rounds there.
#[test]
fn a_program_alone_that_reads_nothing_leaves_its_input_to_others() {
    if harness::spawn_or_skip().is_none() {
        return;
    }
    let launch = Launch::alone().clean_environment().env("FUTURES_MPI_MAX_WORKERS", "1").program("sh");
    let outcome = launch.args(["-c", "\"$0\" read-nothing; cat", STREAMS]).input("left\nover\n").run();
    assert_eq!(outcome.expect_success().stdout(), "length 3\nleft\nover\n");
}

/// So often, because it is a race between the end of the workers and that of MPI's daemon.
const ROUNDS: usize = 4;

#[test]
fn what_tasks_write_arrives_whole_without_a_newline_at_the_end() {
    for _ in 0..ROUNDS {
        for launch in in_every_mode("write") {
            let outcome = launch.run();
            outcome.expect_success();
            // What ranks write stands in files of their own, what spawned workers write in that of the launcher.
            let ranks = outcome.ranks.iter().map(|rank| rank.stdout.as_str());
            let written: String = ranks.chain([outcome.launcher_stdout.as_str()]).collect();
            let letters = written.chars().filter(|letter| *letter == 'x').count();
            assert!(letters == 200_000 && written.ends_with("\n<the end>"), "{letters} letters have arrived");
        }
    }
}

#[test]
fn workers_come_to_the_end_of_what_they_do_at_their_exit() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("written-at-exit");
    for _ in 0..ROUNDS {
        for launch in in_every_mode("write-at-exit") {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("the folder can be made");
            launch.arg(&folder).run().expect_success();
            let files = fs::read_dir(&folder).expect("the folder is there");
            let lengths: Vec<u64> =
                files.map(|file| file.and_then(|file| file.metadata()).expect("the file is there").len()).collect();
            assert_eq!(lengths, [400, 400]);
        }
    }
}
