//! Lets this package's own programs find an MPI library that the system's linker does not know.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=MPICC");
    if env::var("CARGO_CFG_UNIX").is_err() {
        return;
    }
    // The same question as the `mpi` crate asks, which links the library but leaves the search path out. Without an
    // answer there is nothing to add: that crate then reports what is missing.
    let compiler = env::var("MPICC").unwrap_or_else(|_| "mpicc".to_owned());
    let Ok(answer) = Command::new(compiler).arg("-show").output() else { return };
    for word in String::from_utf8_lossy(&answer.stdout).split_whitespace() {
        if let Some(directory) = word.strip_prefix("-L").filter(|directory| !is_known(directory)) {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{directory}");
        }
    }
}

/// Whether the system looks there anyway.
fn is_known(directory: &str) -> bool {
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].contains(&directory) || directory.starts_with("/usr/lib/")
}
