//! The example programs, built for the tests that run them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Builds the examples once, in release because of the Julia set, and returns the path of one. For tests only: it
/// looks for them beside the running test.
pub fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--package", "futures-mpi-examples", "--examples"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo can be started").success(), "the examples are built");
        // This test's executable lies in TARGET/PROFILE/deps.
        let test = std::env::current_exe().expect("this test has a path");
        let target = test.ancestors().nth(3).expect("it lies deep in the target folder");
        target.join("release/examples")
    });
    folder.join(name)
}
