//! A package that depends on the library under another name, which it gives to the attribute, built by Cargo itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn a_renamed_dependency_is_named_by_a_key() {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = manifest_dir.parent().expect("the workspace's folder");
    let package = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("renamed");
    write_package(&package, workspace);

    let output = Command::new(env!("CARGO"))
        .args(["run", "--offline", "--quiet", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .expect("cargo starts");

    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "renamed::power\n");
}

fn write_package(package: &Path, workspace: &Path) {
    let core = workspace.join("futures-core");
    let manifest = format!(
        r#"[package]
name = "renamed"
edition = "2024"

[dependencies]
fm = {{ package = "futures-mpi-core", path = {core:?} }}

[workspace]
"#
    );
    let program = r"
#[fm::remote_task(crate = fm)]
fn power(base: u64, exponent: u32) -> Result<u64, String> {
    base.checked_pow(exponent).ok_or_else(|| String::from(`overflow`))
}

fn main() {
    println!(`{}`, power::ID);
    assert_eq!(fm::__private::call(power::ID, (2, 10)).ok(), Some(1024));
}
"
    .replace('`', "\"");
    fs::create_dir_all(package.join("src")).expect("a folder for the package");
    fs::write(package.join("Cargo.toml"), manifest).expect("Cargo.toml is written");
    fs::write(package.join("src/main.rs"), program).expect("main.rs is written");
    // The same versions as in this workspace, so that nothing is looked for in the registry.
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("Cargo.lock is copied");
}
