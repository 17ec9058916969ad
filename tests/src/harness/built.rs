//! Programs of other packages, built for the tests that run them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The path of an example. For tests only, as [`tool`] is: both look for programs beside the running test.
pub fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| build(&["--package", "futures-mpi-examples", "--examples"]).join("examples")).join(name)
}

/// The path of the program `futures-mpi`.
pub fn tool() -> PathBuf {
    build(&["--package", "futures-mpi", "--features", "cli", "--bins"]).join("futures-mpi")
}

/// Builds in the profile of the running test, and returns the profile's folder.
fn build(what: &[&str]) -> PathBuf {
    // This test's executable lies in TARGET/PROFILE/deps.
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.ancestors().nth(2).expect("it lies deep in the target folder");
    let release = folder.ends_with("release").then_some("--release");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(what).args(release).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().expect("cargo can be started").success(), "{what:?} can be built");
    folder.to_path_buf()
}
