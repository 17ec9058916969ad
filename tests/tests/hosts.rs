//! Several hosts, made of network namespaces: workers on all of them, spawned or not, and the loss of one.

use futures_mpi_tests::harness::{self, Cluster, End, Kind, Launch, Outcome};
use std::path::Path;
use std::time::Duration;

const CONFORMANCE: &str = env!("CARGO_BIN_EXE_conformance");
const ON_COMMUNICATORS: &str = env!("CARGO_BIN_EXE_conformance_comm");
const HOSTS: &str = env!("CARGO_BIN_EXE_hosts");

/// For a run of the whole suite; alone it takes a tenth of that.
const LIMIT: Duration = Duration::from_secs(240);

/// Enough for a program that loses a host, and less than the systems' own time-outs.
const LOSS_LIMIT: Duration = Duration::from_secs(120);

/// What a callback says that panics, in one of the promises.
const LAST_WORDS: &str = "a callback has had enough";

/// What a host may take to be given up, in seconds.
const TIMEOUT: &str = "3";

/// So many hosts, where MPI works across them at all.
fn up(hosts: u32) -> Option<Cluster> {
    let mpi = harness::mpiexec_or_skip()?;
    if mpi.kind == Kind::Mpich && !mpi.can_spawn {
        // A C program that passes one barrier does so in a quarter of its runs.
        eprintln!("skipped: {mpi} over UCX hangs in MPI_Finalize across these hosts");
        return None;
    }
    Cluster::up(hosts)
}

fn expect_nothing_left(cluster: &Cluster, hosts: &[&str]) {
    hosts.iter().for_each(|host| cluster.expect_nothing_left_on(host));
}

#[test]
fn the_suite_passes_in_command_line_mode() {
    let Some(cluster) = up(4) else { return };
    let launch = Launch::mpiexec(5).on(&cluster, "h1:2,h2:1,h3:1,h4:1").program(CONFORMANCE).args(["mpi", "4"]);
    launch.limit(LIMIT).run().expect_success().expect_said(LAST_WORDS);
    expect_nothing_left(&cluster, &["h1", "h2", "h3", "h4"]);
}

#[test]
fn the_suite_passes_on_communicators() {
    let Some(cluster) = up(2) else { return };
    let launch = Launch::mpiexec(3).on(&cluster, "h1:1,h2:2").program(ON_COMMUNICATORS).arg("last");
    launch.limit(LIMIT).run().expect_success().expect_said(LAST_WORDS);
    expect_nothing_left(&cluster, &["h1", "h2"]);
}

#[test]
fn workers_are_spawned_on_other_hosts() {
    if harness::spawn_or_skip().is_none() {
        return;
    }
    let Some(cluster) = up(3) else { return };
    let under_mpiexec = Launch::mpiexec(1).on(&cluster, "h1:1,h2:2").env("FUTURES_MPI_MAX_WORKERS", "2");
    let outcome = under_mpiexec.program(HOSTS).arg("where").run();
    outcome.expect_success().expect_said("2 workers").expect_said("ran on h2").expect_said("it goes on, on h2");
    if harness::mpi().kind == Kind::OpenMpi {
        let alone = Launch::alone().on(&cluster, "h1").program(HOSTS).args(["where", "2", "h2:1,h3:1"]);
        alone.run().expect_success().expect_said("2 workers").expect_said("ran on h2 and h3");
    }
    expect_nothing_left(&cluster, &["h1", "h2", "h3"]);
}

#[test]
fn a_picture_is_the_same_whatever_hosts_compute_it() {
    let Some(cluster) = up(2) else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let picture = |name: &str, launch: Launch| {
        let path = folder.join(format!("hosts-{name}-{}.png", std::process::id()));
        let launch = launch.program(harness::example("julia")).args(["--width", "300", "--height", "200", "--output"]);
        launch.arg(&path).run().expect_success();
        let bytes = std::fs::read(&path).expect("the picture was written");
        let _ = std::fs::remove_file(&path);
        bytes
    };
    let here = picture("here", Launch::mpiexec(2));
    assert_eq!(picture("there", Launch::mpiexec(3).on(&cluster, "h1:2,h2:1")), here);
}

/// Starts the scene, and takes the host h2 away when it has begun.
fn lose_h2(cluster: &Cluster, launch: Launch, lose: fn(&Cluster, &str)) -> Outcome {
    let mut running = launch.env("FUTURES_MPI_LIVENESS_TIMEOUT", TIMEOUT).limit(LOSS_LIMIT).start();
    running.wait_until_said("workers");
    std::thread::sleep(Duration::from_secs(1));
    lose(cluster, "h2");
    running.wait()
}

#[test]
fn a_host_that_is_lost_is_named_before_the_launcher_ends_the_job() {
    for lose in [Cluster::pull_cable, Cluster::cut_power] {
        let Some(cluster) = up(2) else { return };
        let launch = Launch::mpiexec(4).on(&cluster, "h1:2,h2:2").program(HOSTS).arg("lost");
        let outcome = lose_h2(&cluster, launch, lose);
        outcome.expect_said("on h2").expect_said("is lost: its host gave no answer for 3s");
        assert!(!outcome.limit_passed && outcome.end != End::Code(0), "{:?} of {:?}", outcome.end, outcome.duration);
        cluster.expect_nothing_left_on("h1");
    }
}

#[test]
fn a_program_that_was_started_alone_survives_the_host_of_its_workers() {
    if harness::spawn_or_skip().is_none() || harness::mpi().kind != Kind::OpenMpi {
        return;
    }
    for lose in [Cluster::pull_cable, Cluster::cut_power] {
        let Some(cluster) = up(3) else { return };
        let launch = Launch::alone().on(&cluster, "h1").program(HOSTS).args(["lost", "2", "h2:1,h3:1"]);
        let outcome = lose_h2(&cluster, launch, lose);
        outcome.expect_said("on h2").expect_said("is lost: its host gave no answer for 3s");
        outcome.expect_said("it goes on, on h3");
        assert!(!outcome.limit_passed && outcome.end == End::Code(0), "{:?} of {:?}", outcome.end, outcome.duration);
        expect_nothing_left(&cluster, &["h1", "h3"]);
    }
}

#[test]
fn a_master_is_found_behind_interfaces_that_lead_nowhere() {
    let Some(cluster) = up(2) else { return };
    ["h1", "h2"].iter().for_each(|host| cluster.add_dead_interfaces(host, 7));
    let launch = Launch::mpiexec(3).on(&cluster, "h1:2,h2:1").program(HOSTS).arg("where");
    // MPI itself is told the right one.
    let launch = launch.env("OMPI_MCA_btl_tcp_if_include", "eth0").env("OMPI_MCA_oob_tcp_if_include", "eth0");
    let outcome = launch.env("UCX_NET_DEVICES", "eth0").run();
    outcome.expect_success().expect_said("ran on h1 and h2").expect_not_said("without a liveness connection");
    expect_nothing_left(&cluster, &["h1", "h2"]);
}
