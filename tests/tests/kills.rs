//! Processes are killed at random moments while a picture is computed: nothing is left behind, and no wrong picture
//! comes with a good status.
//!
//! The moments lie between the beginning of `main` and a little after its end; before, a launcher may hang by its own
//! fault: the `mpiexec` of Open MPI 4 does so when a process is killed while it connects to it.
//!
//! A few kills in every run; `FUTURES_MPI_TEST_KILLS=200` makes 200, and `FUTURES_MPI_TEST_SEED` repeats their moments.

use fastrand::Rng;
use futures_mpi_tests::harness::{self, End, Kind, Launch, LeftOver, Outcome, Running, example};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How many kills there are for each mode and victim, unless told otherwise.
const KILLS: usize = 2;

/// How the program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Alone,
    /// The same, where lost workers are replaced.
    AloneReplacing,
    /// `mpiexec -n 1`, with spawned workers.
    One,
    /// `mpiexec -n 1` of an Open MPI that is told to go on.
    OneRecovering,
    /// `mpiexec -n 3`.
    Several,
    /// The same with the example as an ordinary MPI program.
    Communicator,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Worker,
    Master,
    Launcher,
}

/// What the killing of one victim in one mode came to.
#[derive(Debug, Default)]
struct Count {
    finished_before: usize,
    failed: usize,
    went_on: usize,
}

#[test]
fn kills_at_random_moments_leave_nothing_behind() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let mut modes = vec![Mode::Several, Mode::Communicator];
    if mpi.can_spawn {
        modes.extend([Mode::Alone, Mode::One]);
    }
    // A program with an executor on a communicator finalises MPI itself, which may wait for a worker that mpiexec lets
    // die.
    if mpi.can_spawn && mpi.kind == Kind::OpenMpi && mpi.version.0 == 4 {
        modes.extend([Mode::OneRecovering, Mode::AloneReplacing]);
    }
    let pairs: Vec<(Mode, Victim)> = modes
        .into_iter()
        .flat_map(|mode| [Victim::Worker, Victim::Master, Victim::Launcher].map(|victim| (mode, victim)))
        .filter(|pair| makes_sense(*pair))
        .collect();
    let kills = env::var("FUTURES_MPI_TEST_KILLS").ok().and_then(|text| text.parse().ok());
    let rounds = kills.map_or(KILLS, |kills: usize| kills.div_ceil(pairs.len()));
    let seed = env::var("FUTURES_MPI_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let mut random = seed.map_or_else(Rng::new, Rng::with_seed);
    println!("FUTURES_MPI_TEST_SEED={} repeats these moments", random.get_seed());
    let picture = reference();
    for pair in pairs {
        let usual = usual_duration(pair.0);
        assert!(read(&output()) == picture, "the picture of {pair:?} is right when nobody is killed");
        let mut count = Count::default();
        for _ in 0..rounds {
            let delay = usual.mul_f64(1.1 * random.f64());
            count.take(&kill_after(pair, delay), &picture, pair.0);
        }
        println!("{pair:?}: {rounds} kills, {count:?}");
    }
}

/// How long `main` takes when nobody is killed.
fn usual_duration(mode: Mode) -> Duration {
    let mut running = launch(mode).start();
    wait_for_main(&mut running);
    let begin = Instant::now();
    running.wait().expect_success();
    begin.elapsed()
}

/// The first thing that `main` does is to create the file of the picture.
fn wait_for_main(running: &mut Running) {
    while !output().exists() && running.is_running() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A program alone has no launcher; a launcher that is told to go on reports no death of a master.
fn makes_sense((mode, victim): (Mode, Victim)) -> bool {
    match (mode, victim) {
        (Mode::Alone | Mode::AloneReplacing, Victim::Launcher) => false,
        (Mode::OneRecovering, victim) => victim == Victim::Worker,
        _ => true,
    }
}

fn output() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kills.pgm")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// The picture that a process computes which nobody kills; another test compares it with the one of mpi4py.
fn reference() -> Vec<u8> {
    launch(Mode::Several).run().expect_success();
    read(&output())
}

fn launch(mode: Mode) -> Launch {
    let launch = match mode {
        Mode::Alone => Launch::alone().clean_environment(),
        Mode::AloneReplacing => Launch::alone().clean_environment().env("FUTURES_MPI_REPLACE_LOST_WORKERS", "1"),
        Mode::One => Launch::mpiexec(1),
        Mode::OneRecovering => Launch::mpiexec(1).launcher_arg("--enable-recovery"),
        Mode::Several | Mode::Communicator => Launch::mpiexec(3),
    };
    let path = output();
    let _ = fs::remove_file(&path);
    let launch = launch.program(example("julia")).arg("--output").arg(path);
    let launch = launch.args((mode == Mode::Communicator).then_some("--comm"));
    // A worker that is killed while it starts fails the spawn, after this limit.
    let launch = launch.env("FUTURES_MPI_BOOT_LIMIT", "5");
    launch.env("FUTURES_MPI_MAX_WORKERS", "2").limit(Duration::from_secs(60))
}

fn kill_after((mode, victim): (Mode, Victim), delay: Duration) -> Outcome {
    let mut running = launch(mode).start();
    wait_for_main(&mut running);
    thread::sleep(delay);
    let pid = match victim {
        Victim::Launcher => Some(running.pid()),
        Victim::Master => find(&running, |process| is_julia(process) && !is_worker(process)),
        Victim::Worker => find(&running, |process| is_julia(process) && is_worker(process)),
    };
    // It may have ended already, or not have begun.
    if let Some(pid) = pid {
        harness::signal(pid, "KILL");
    }
    running.wait()
}

fn find(running: &Running, wanted: impl Fn(&LeftOver) -> bool) -> Option<u32> {
    running.processes().iter().find(|process| wanted(process)).map(|process| process.pid)
}

/// Whether a process is one of the program's, and not its launcher or a shell.
fn is_julia(process: &LeftOver) -> bool {
    process.command.split(' ').next().is_some_and(|program| program.ends_with("/julia"))
}

/// Whether a process was spawned, or is not the first of its world.
fn is_worker(process: &LeftOver) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
    let rank = environment.split(|byte| *byte == 0).find_map(|variable| {
        ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="].iter().find_map(|name| variable.strip_prefix(name.as_bytes()))
    });
    process.command.contains("--futures-mpi-worker=") || rank.is_some_and(|rank| rank != b"0")
}

impl Count {
    fn take(&mut self, outcome: &Outcome, picture: &[u8], mode: Mode) {
        if outcome.limit_passed && !outcome.launcher_hangs {
            outcome.fail("it hangs");
        }
        outcome.expect_nothing_left_over();
        // This launcher's status is 0 whatever becomes of its processes; the program still says that it has failed.
        let failed = mode == Mode::OneRecovering && outcome.said("Error: ");
        if outcome.end != End::Code(0) || failed {
            self.failed += 1;
        } else if read(&output()) != picture {
            outcome.fail("a wrong picture has a good status");
        } else if outcome.said("is lost") {
            self.went_on += 1;
        } else {
            self.finished_before += 1;
        }
    }
}
