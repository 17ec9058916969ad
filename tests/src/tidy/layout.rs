//! Rules about which folders there are, and about texts that are not Rust.

use super::Violation;
use super::code::is_word_char;
use std::collections::BTreeSet;

const REQUIRED: [&str; 5] = ["examples", "futures-core", "futures-macros", "futures-mpi", "tests"];
const ALLOWED: [&str; 3] = ["docs", "scripts", "target"];

/// The top-level folders are the five packages; `docs`, `scripts` and folders with a dot may be there as well.
pub fn folders<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Violation> {
    let found: BTreeSet<&str> =
        paths.into_iter().filter_map(|path| path.split_once('/')).map(|(folder, _)| folder).collect();
    let known = |folder: &str| folder.starts_with('.') || REQUIRED.contains(&folder) || ALLOWED.contains(&folder);
    let strange = found.iter().filter(|folder| !known(folder));
    let strange = strange.map(|folder| Violation::new(folder, 0, "this top-level folder is not part of the layout"));
    let missing = REQUIRED.iter().filter(|folder| !found.contains(*folder));
    let missing = missing.map(|folder| Violation::new(folder, 0, "this top-level folder of the layout is missing"));
    strange.chain(missing).collect()
}

/// No text names a path of the machine on which it was written.
pub fn no_absolute_paths(path: &str, text: &str) -> Vec<Violation> {
    let bad = ["/work", "/home", "/root", "/Users"];
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for start in bad.iter().filter(|start| begins_path(line, start)) {
            violations.push(Violation::new(path, index + 1, format!("`{start}` is a path of one machine only")));
        }
    }
    violations
}

/// futures-core does not depend on the crate `mpi`.
pub fn core_does_not_depend_on_mpi(path: &str, text: &str) -> Vec<Violation> {
    if path != "futures-core/Cargo.toml" {
        return Vec::new();
    }
    let names = |line: &str| {
        let key = line.trim().trim_start_matches("[dependencies.").trim_start_matches('"');
        key.strip_prefix("mpi").is_some_and(|rest| !rest.starts_with(|c| is_word_char(c) || c == '-'))
            || line.replace(' ', "").contains("package=\"mpi\"")
    };
    let lines = text.lines().enumerate().filter(|(_, line)| names(line));
    lines.map(|(index, _)| Violation::new(path, index + 1, "futures-core must build without MPI")).collect()
}

/// Whether an absolute path begins with `start` in this line: not a part of a longer path or address.
fn begins_path(line: &str, start: &str) -> bool {
    let part = |c: char| is_word_char(c) || "-.~/}>$".contains(c);
    line.match_indices(start).any(|(at, _)| {
        let after = &line[at + start.len()..];
        !line[..at].ends_with(part) && !after.starts_with(|c: char| is_word_char(c) || c == '-')
    })
}
