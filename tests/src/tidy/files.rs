//! The files of the repository: those that git tracks, or all of them where there is no git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file with a text in it.
#[derive(Clone, Debug)]
pub struct Text {
    /// From the root of the repository, with `/` between its parts.
    pub path: String,
    /// The whole content.
    pub text: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository").to_owned()
}

/// The paths of all files, sorted.
pub fn paths() -> Vec<String> {
    let mut paths = tracked(&root()).unwrap_or_else(|| walked(&root()));
    paths.sort_unstable();
    assert!(paths.iter().any(|path| path == "tests/src/tidy/files.rs"), "this file is missing among {paths:?}");
    paths
}

/// The files whose names end in `ending`, `.rs` for example.
pub fn texts(ending: &str) -> Vec<Text> {
    let paths = paths().into_iter().filter(|path| path.ends_with(ending));
    // A file that is tracked but has just been removed is no concern of the style.
    paths.filter_map(|path| Some(Text { text: fs::read_to_string(root().join(&path)).ok()?, path })).collect()
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let names = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn walked(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be read").flatten() {
            let name = entry.file_name();
            let built = name == "target" || name.to_string_lossy().starts_with('.');
            let path = entry.path();
            if path.is_dir() && !built {
                folders.push(path);
            } else if path.is_file() {
                let path = path.strip_prefix(root).expect("it was found below the root");
                paths.push(path.to_string_lossy().into_owned());
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walking_finds_the_files_that_git_tracks() {
        let walked = walked(&root());
        for path in tracked(&root()).unwrap_or_default() {
            let hidden = path.split('/').any(|part| part.starts_with('.'));
            assert!(hidden || !root().join(&path).exists() || walked.contains(&path), "{path}");
        }
        assert!(walked.contains(&"tests/src/tidy/files.rs".to_owned()));
    }
}
