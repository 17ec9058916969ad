//! A program that is linked with two versions of one package of tasks, built by Cargo itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn two_versions_of_a_package_are_named_with_both_functions() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("two_versions");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder");
    let core = format!("futures-mpi-core = {{ path = {:?} }}\n", workspace.join("futures-core"));
    for version in ["0.1.0", "0.2.0"] {
        let tasks = "#[futures_mpi_core::remote_task]\npub fn double(n: u64) -> u64 {\n    2 * n\n}\n";
        write(&folder.join(version), "tasks", version, &core, ("lib.rs", tasks));
    }
    let both =
        "old = { package = \"tasks\", path = \"../0.1.0\" }\nnew = { package = \"tasks\", path = \"../0.2.0\" }\n";
    let program = r"
fn main() {
    let executor = futures_mpi_core::ThreadPoolExecutor::builder().max_workers(1).build();
    let error = executor.and_then(|executor| executor.submit(new::double::ID, 1).result()).unwrap_err();
    assert!(error.is_registry());
    println!(`{}`, error.message());
    assert_eq!(old::double::ID.name(), new::double::ID.name());
}
"
    .replace('`', "\"");
    let package = folder.join("program");
    write(&package, "program", "0.1.0", &format!("{core}{both}"), ("main.rs", &program));
    // The same versions as in this workspace, so that nothing is looked for in the registry.
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("Cargo.lock is copied");

    let output = Command::new(env!("CARGO"))
        .args(["run", "--offline", "--quiet", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .expect("cargo starts");

    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let message = String::from_utf8_lossy(&output.stdout);
    for part in ["two versions of the package `tasks` are linked, 0.1.0 and 0.2.0", "`tasks::double`", "lib.rs:1"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

fn write(folder: &Path, name: &str, version: &str, dependencies: &str, (file, source): (&str, &str)) {
    let manifest = format!(
        "[package]\nname = {name:?}\nversion = {version:?}\nedition = \"2024\"\n\n\
         [dependencies]\n{dependencies}\n[workspace]\n"
    );
    fs::create_dir_all(folder.join("src")).expect("a folder for the package");
    fs::write(folder.join("Cargo.toml"), manifest).expect("Cargo.toml is written");
    fs::write(folder.join("src").join(file), source).expect("the source is written");
}
