//! Groups of workers that are started on their own, and the clients that come to them.

use futures_mpi_tests::harness::{self, Kind, Launch, Running};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

const ACTOR: &str = env!("CARGO_BIN_EXE_actor");

/// Long enough for every scene; whoever needs it has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("service-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The server by which Open MPI connects programs that were started apart, if it is there and needed.
struct NameServer {
    process: Running,
    options: [String; 2],
}

impl NameServer {
    /// `None` where programs that were started apart cannot be connected, which is said.
    fn start(folder: &Path) -> Option<Self> {
        let mpi = harness::mpiexec_or_skip()?;
        if mpi.kind != Kind::OpenMpi || mpi.version.0 > 4 {
            println!("skipped: only Open MPI 4 is known to connect programs that were started apart");
            return None;
        }
        let file = folder.join("server");
        let found = std::process::Command::new("ompi-server").arg("--help").output();
        if found.is_err() {
            println!("skipped: there is no ompi-server");
            return None;
        }
        let launch = Launch::plain().program("ompi-server").args(["--no-daemonize", "--report-uri"]).arg(&file);
        let root = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"];
        let process = root.iter().fold(launch, |launch, name| launch.env(name, "1")).limit(3 * LIMIT).start();
        let begin = Instant::now();
        while fs::read_to_string(&file).unwrap_or_default().trim().is_empty() {
            assert!(begin.elapsed() < LIMIT, "ompi-server says where it is");
            thread::sleep(Duration::from_millis(20));
        }
        Some(NameServer { process, options: ["--ompi-server".to_owned(), format!("file:{}", file.display())] })
    }

    fn launch(&self, ranks: u32) -> Launch {
        self.options.iter().fold(Launch::mpiexec(ranks), |launch, option| launch.launcher_arg(option)).limit(LIMIT)
    }

    fn group(&self, ranks: u32, address: &str) -> Running {
        self.serve(self.launch(ranks), address)
    }

    fn serve(&self, launch: Launch, address: &str) -> Running {
        let mut group = launch.program(ACTOR).arg(format!("--futures-mpi-serve={address}")).start();
        group.wait_until_said("futures-mpi: serving at");
        group
    }

    fn client(&self, group: &Running, scene: &str, address: &str) -> Launch {
        self.launch(1).beside(group).program(ACTOR).args([scene, address])
    }

    fn end(self) {
        self.process.signal("TERM");
        drop(self.process.wait());
    }
}

#[test]
fn clients_come_one_after_the_other_by_file_name_or_socket() {
    let folder = folder("clients");
    let Some(server) = NameServer::start(&folder) else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let socket = format!("127.0.0.1:{}", free.expect("a port is free").port());
    let file = folder.join("place").display().to_string();
    for (address, ranks) in [(file.as_str(), 3), ("weather", 1), (&socket, 2)] {
        let group = server.group(ranks, address);
        for _ in 0..2 {
            let outcome = server.client(&group, "service", address).run();
            outcome.expect_success().expect_said("square 49").expect_said(&format!("workers {ranks}"));
        }
        server.client(&group, "service-end", address).run().expect_success().expect_said("the group ends");
        group.wait().expect_success().expect_not_said("is lost");
        assert!(!Path::new(&file).exists(), "the file goes with the group");
        let outcome = server.launch(1).program(ACTOR).args(["service", address]).run();
        outcome.expect_failure().expect_said("no service at");
    }
    server.end();
}

#[test]
fn a_group_goes_on_after_a_client_that_gave_up_while_it_queued() {
    let folder = folder("queue");
    let Some(server) = NameServer::start(&folder) else { return };
    let (file, release) = (folder.join("place").display().to_string(), folder.join("release"));
    let group = server.group(2, &file);
    let mut first = server.client(&group, "service-stays", &file).arg(&release).start();
    first.wait_until_said("it is served");
    for _ in 0..2 {
        let outcome = server.client(&group, "service-impatient", &file).run();
        outcome.expect_success().expect_said("did not answer in time; it may be serving another client");
    }
    fs::write(&release, "").expect("the file can be made");
    first.wait().expect_success();
    server.client(&group, "service", &file).run().expect_success().expect_said("square 49");
    server.client(&group, "service-end", &file).run().expect_success();
    group.wait().expect_success();
    server.end();
}

#[test]
fn a_group_ends_when_its_client_vanishes() {
    let folder = folder("vanish");
    let Some(server) = NameServer::start(&folder) else { return };
    let file = folder.join("place").display().to_string();
    let group = server.group(2, &file);
    server.client(&group, "service-vanish", &file).run().expect_failure().expect_said("square 49");
    group.wait().expect_failure().expect_said("its client disconnected without saying goodbye");
    assert!(!Path::new(&file).exists(), "the file goes with the group");
    server.end();
}

#[test]
fn a_client_notices_that_its_group_is_lost() {
    let folder = folder("lost");
    let Some(server) = NameServer::start(&folder) else { return };
    let file = folder.join("place").display().to_string();
    let group = server.group(2, &file);
    let outcome = server.client(&group, "service-lost", &file).run();
    outcome.expect_said("is lost: its process has ended; it held the task actor::abort");
    outcome.expect_said("lost true: the worker was lost while it held the task: ");
    outcome.expect_said("broken true: all workers are lost").expect_nothing_left_over();
    group.wait().expect_failure();
    server.end();
}

#[test]
fn the_workers_of_a_group_that_are_left_go_on_for_their_client() {
    let folder = folder("recovers");
    let Some(server) = NameServer::start(&folder) else { return };
    let file = folder.join("place").display().to_string();
    for lost in ["1", "0"] {
        for vanishes in [false, true] {
            let group = server.serve(server.launch(3).launcher_arg("--enable-recovery"), &file);
            let client = server.client(&group, "service-loses-one", &file).arg(lost);
            let outcome = if vanishes { client.arg("vanish") } else { client }.run();
            outcome.expect_said(&format!("worker {lost} on ")).expect_said("held the task actor::meet_without");
            outcome.expect_said("lost true: the worker was lost while it held the task: its process has ended");
            outcome.expect_said("the others go on: 328350").expect_nothing_left_over();
            // The status of a launcher that recovers is 0 whatever happens; that it ends is what matters.
            let group = group.wait();
            group.expect_success();
            if vanishes {
                let [first, other] = ["the connection to its master was closed", "disconnected without saying goodbye"];
                group.expect_said(if lost == "0" { first } else { other });
            } else {
                outcome.expect_success().expect_said("the program goes on");
                group.expect_said("the group of workers ends: one of them is lost");
            }
        }
    }
    server.end();
}

#[test]
fn where_mpi_does_not_connect_both_sides_say_so() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let file = folder("apart").join("place").display().to_string();
    let group = Launch::mpiexec(2).program(ACTOR).arg(format!("--futures-mpi-serve={file}")).limit(LIMIT);
    if mpi.can_spawn && mpi.kind == Kind::OpenMpi && mpi.version.0 == 4 {
        let mut group = group.start();
        group.wait_until_said("futures-mpi: serving at");
        let outcome = Launch::mpiexec(1).beside(&group).program(ACTOR).args(["service", &file]).limit(LIMIT).run();
        outcome
            .expect_failure()
            .expect_said("MPI cannot connect to the group of workers at")
            .expect_said("--ompi-server");
        group.wait().expect_failure().expect_said("its client could not connect through MPI");
    } else if !mpi.can_spawn {
        group.run().expect_failure().expect_said("this MPI cannot open a port");
    }
}

#[test]
fn bad_addresses_are_named() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let message = "the service \"node:x\" is not accepted: the port after the colon is not a number";
    for arguments in [&["--futures-mpi-serve=node:x"][..], &["service", "node:x"], &["service-end", "node:x"]] {
        let outcome = Launch::mpiexec(1).program(ACTOR).args(arguments.iter().copied()).limit(LIMIT).run();
        outcome.expect_failure().expect_said(message);
    }
    let outcome = Launch::mpiexec(1).program(ACTOR).args(["service", "no/such/place"]).limit(LIMIT).run();
    outcome.expect_failure().expect_said("no service at the file no/such/place");
}
