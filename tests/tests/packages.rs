//! Packages of users that lie outside of this workspace: a program, and a library of tasks that needs no MPI.

use futures_mpi_tests::harness::{self, Launch};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// A Cargo command for the packages of the fixture, which takes the library's packages from this workspace.
fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg(command).args(["--offline", "--quiet", "--config", "profile.dev.opt-level=1"]);
    for (name, path) in
        [("futures-mpi", "futures-mpi"), ("futures-mpi-core", "futures-core"), ("futures-mpi-macros", "futures-macros")]
    {
        cargo.arg("--config").arg(format!("patch.crates-io.{name}.path={:?}", workspace().join(path)));
    }
    cargo.current_dir(copied()).env("CARGO_TARGET_DIR", target());
    cargo
}

/// The fixture's copy, which lies outside of this workspace's sources.
fn copied() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let fixture = workspace().join("tests/fixtures/packages");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        for package in ["program", "tasks"] {
            fs::create_dir_all(folder.join(package).join("src")).expect("the folder can be made");
        }
        for file in ["Cargo.toml", "program/Cargo.toml", "program/src/main.rs", "tasks/Cargo.toml", "tasks/src/lib.rs"]
        {
            fs::copy(fixture.join(file), folder.join(file)).expect("the fixture can be copied");
        }
        // The same versions as in this workspace, so that nothing is looked for in the registry.
        fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).expect("Cargo.lock can be copied");
        folder
    })
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a package of the workspace")
}

/// The folder in which this test was built; what the packages depend on is there already.
fn target() -> PathBuf {
    let test = env::current_exe().expect("this test has a path");
    test.ancestors().nth(3).expect("it lies deep in the target folder").to_owned()
}

#[test]
fn a_library_of_tasks_needs_no_mpi() {
    let tree = cargo("tree").args(["--package", "fixture-tasks", "--prefix", "none"]).output().expect("cargo starts");
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"futures-mpi-core") && !names.contains(&"futures-mpi"), "{tree}");
    assert!(!names.iter().any(|name| ["mpi", "mpi-sys", "bindgen"].contains(name)), "{tree}");

    let mut own_tests = cargo("test");
    own_tests.args(["--package", "fixture-tasks"]).env("MPICC", "/nonexistent").env("LIBCLANG_PATH", "/nonexistent");
    let output = own_tests.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the library's own test has run");
}

#[test]
fn a_program_runs_the_tasks_of_a_library_on_threads_and_on_processes() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let status = cargo("build").args(["--package", "fixture-program"]).status().expect("cargo starts");
    assert!(status.success(), "the program can be built");
    let program = target().join("debug/fixture-program");
    let mut launches = vec![(Launch::mpiexec(3), "processes"), (Launch::alone().clean_environment(), "threads")];
    if harness::spawn_or_skip().is_some() {
        launches.push((Launch::alone().clean_environment(), "processes"));
    }
    for (launch, mode) in launches {
        let outcome = launch.program(&program).arg(mode).run();
        let text = outcome.expect_success().stdout();
        assert_eq!(text, "2 workers, total 4950, Point { x: 2.0, y: 1.0 }, Point { x: 2.0, y: 1.0 }\n");
    }
}
