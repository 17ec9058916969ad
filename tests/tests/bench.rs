//! `futures-mpi bench` measures every figure, in both modes.

use futures_mpi_tests::harness::{self, Launch, Outcome, tool};
use std::time::Duration;

const NAMES: [&str; 28] = [
    "latency",
    "throughput_submit",
    "throughput_map",
    "throughput_map_chunksize_100",
    "echo_1_MiB",
    "echo_8_MiB",
    "echo_8_MiB_vec",
    "echo_64_MiB",
    "compute_640_loop",
    "compute_640_rayon",
    "compute_1280_loop",
    "compute_1280_rayon",
    "compute_2400_loop",
    "compute_2400_rayon",
    "compute_8000_loop",
    "compute_8000_rayon",
    "chunks_constant",
    "chunks_exponential",
    "chunks_two_peaks",
    "chunks_sorted",
    "chunks_slow_at_last",
    "chunks_10_us_loop",
    "chunks_10_us_rayon",
    "chunks_100_us_loop",
    "chunks_100_us_rayon",
    "boot",
    "idle_cpu",
    "wake_up",
];

fn bench(launch: Launch, arguments: &[&str]) -> Outcome {
    let launch = launch.program(tool()).args(["bench", "--seconds", "0.01"]).args(arguments.iter().copied());
    // Without optimisation, and on a busy machine, all rows take a minute.
    launch.env("FUTURES_MPI_MAX_WORKERS", "1").limit(Duration::from_secs(300)).run()
}

/// Of each line of JSON the name, and whether the other fields are there and agree.
fn figures(outcome: &Outcome) -> Vec<(String, bool)> {
    let field = |line: &str, name: &str| -> Option<String> {
        let rest = line.split_once(&format!("\"{name}\": "))?.1;
        Some(rest.split([',', '}']).next()?.trim_matches('"').to_owned())
    };
    let stdout = outcome.expect_success().stdout();
    let figure = |line: &str| {
        let number = |name| field(line, name)?.parse::<f64>().ok();
        let [value, reference, ratio] = ["value", "reference", "ratio"].map(|name| number(name).unwrap_or(f64::NAN));
        let agree = value > 0.0 && (ratio - value / reference).abs() <= 0.01 * ratio + 0.001;
        (field(line, "name").unwrap_or_default(), agree && field(line, "unit").is_some_and(|unit| !unit.is_empty()))
    };
    stdout.lines().map(figure).collect()
}

fn expected(is_spawned: bool) -> Vec<(String, bool)> {
    NAMES.into_iter().filter(|name| is_spawned || *name != "boot").map(|name| (name.to_owned(), true)).collect()
}

#[test]
fn every_figure_is_measured_in_one_world() {
    if harness::mpiexec_or_skip().is_some() {
        assert_eq!(figures(&bench(Launch::mpiexec(2), &["--json"])), expected(false));
    }
}

#[test]
fn every_figure_is_measured_with_spawned_workers() {
    if harness::spawn_or_skip().is_some() {
        assert_eq!(figures(&bench(Launch::alone().clean_environment(), &["--json"])), expected(true));
    }
}

#[test]
fn people_get_a_table_of_what_they_ask_for() {
    if harness::mpiexec_or_skip().is_some() {
        let outcome = bench(Launch::mpiexec(2), &["--only", "latency", "--only", "boot"]);
        let table = outcome.expect_success().stdout();
        let rows: Vec<&str> = table.lines().filter(|line| NAMES.iter().any(|name| line.starts_with(name))).collect();
        assert!(table.starts_with("1 worker of one world") && rows.len() == 2, "{table}");
        assert!(rows[1].ends_with("only with spawned workers"), "{table}");
        bench(Launch::mpiexec(2), &["--only", "latenz"]).expect_failure().expect_said("wake_up");
    }
}

#[test]
fn the_number_of_workers_is_chosen_as_in_every_program() {
    if harness::spawn_or_skip().is_some() {
        let launch = || Launch::alone().clean_environment().program(tool()).env("FUTURES_MPI_MAX_WORKERS", "2");
        let arguments = ["bench", "--seconds", "0.01", "--only", "latency"];
        let chosen = launch().args(arguments).run();
        assert!(chosen.expect_success().stdout().starts_with("2 workers spawned"), "{}", chosen.stdout());
        let overridden = launch().args(arguments).args(["--workers", "1"]).run();
        assert!(overridden.expect_success().stdout().starts_with("1 worker spawned"), "{}", overridden.stdout());
    }
}

/// The row boot starts a second pool beside the first, which takes more slots than there may be.
#[test]
fn a_row_that_cannot_be_measured_leaves_the_others() {
    if !harness::spawn_or_skip().is_some_and(|mpi| mpi.kind == harness::Kind::OpenMpi) {
        println!("skipped: only Open MPI counts slots");
        return;
    }
    let launch = Launch::mpiexec(1).launcher_arg("-host").launcher_arg("localhost:2").oversubscribe(false);
    let launch = launch.env("HYDRA_HOST_FILE", "/dev/null");
    let outcome = bench(launch, &["--only", "boot", "--only", "wake_up"]);
    outcome.expect_failure().expect_said("not measured: boot: ").expect_said("wake_up   ");
}
