//! The folder of one launch: what every process said, removed when all is well, kept when something failed.

use std::cell::Cell;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    name: String,
    keep: Cell<bool>,
}

impl Folder {
    /// A new folder whose name is unique on this machine.
    pub(super) fn create() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let name = format!("launch-{}-{number}-{time}", process::id());
        let path = parent().join(&name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        Folder { path, name, keep: Cell::new(false) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The unique name, which also marks the processes of the launch.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Keeps the folder for people to look at.
    pub(super) fn keep(&self) {
        self.keep.set(true);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keep.get()
    }

    /// What a file in the folder says; empty where there is none.
    pub(super) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path.join(name)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep.get() && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn parent() -> PathBuf {
    let chosen = ["FUTURES_MPI_TEST_DIR", "CARGO_TARGET_TMPDIR"].into_iter().find_map(env::var_os);
    chosen.map(PathBuf::from).or_else(target_tmp).unwrap_or_else(env::temp_dir)
}

/// Cargo tells CARGO_TARGET_TMPDIR to the compiler of a test only; the test itself finds it from `target/debug/deps`.
fn target_tmp() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let deps = program.parent().filter(|folder| folder.ends_with("deps"))?;
    Some(deps.parent()?.parent()?.join("tmp"))
}
