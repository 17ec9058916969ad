//! Rules for the scheduler, which decides and does nothing: no clock, thread, I/O, hash map or randomness.

use super::Violation;
use super::code::{code_only, is_word_char, line_of, positions_of_word, without_inline_tests};
use super::sources::words;

const FORBIDDEN: [&str; 20] = [
    "std::time",
    "core::time",
    "Instant",
    "SystemTime",
    "std::thread",
    "thread_local!",
    "std::io",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::sync",
    "core::sync",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand",
    "print!",
    "println!",
    "eprintln!",
];

const IMPORTS: [&str; 11] = [
    "std::cmp",
    "std::collections",
    "std::fmt",
    "std::iter",
    "std::mem",
    "std::num",
    "std::ops",
    "core",
    "alloc",
    "crate::scheduler",
    "crate::base::ids",
];

/// The scheduler is a function of its events alone: the same events give the same actions for ever.
pub fn is_pure(path: &str, text: &str) -> Vec<Violation> {
    if module_of(path).is_none() {
        return Vec::new();
    }
    words(path, &code_only(text), &FORBIDDEN, "the scheduler has no clock, thread, I/O, hash map or randomness")
}

/// The scheduler imports its own modules and ids, and pure parts of the standard library.
/// Its test modules may import what they like.
pub fn imports_are_few(path: &str, text: &str) -> Vec<Violation> {
    let Some(module) = module_of(path).filter(|module| module.iter().all(|name| name != "tests")) else {
        return Vec::new();
    };
    let code = code_only(text);
    let code = without_inline_tests(&code);
    let imports = imports(code).into_iter().chain(crate_paths(code));
    let bad = imports.filter(|(_, import)| !is_allowed(&absolute(import, &module)));
    bad.map(|(line, import)| {
        Violation::new(path, line, format!("`{import}`: the scheduler may import only {}", IMPORTS.join(", ")))
    })
    .collect()
}

/// The module that a file of the scheduler defines, `["scheduler", "window"]` for example.
fn module_of(path: &str) -> Option<Vec<String>> {
    let module = path.strip_prefix("futures-core/src/")?.strip_suffix(".rs")?;
    let mut names: Vec<String> = module.split('/').map(str::to_owned).collect();
    names.pop_if(|name| name == "mod");
    names.first().is_some_and(|name| name == "scheduler").then_some(names)
}

/// Every path that is imported, with its line; groups in braces are written out.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut imports = Vec::new();
    for at in positions_of_word(code, "use") {
        // `use<'a>` in a type is no import.
        let tree = code[at + "use".len()..].split(';').next().unwrap_or_default();
        if !tree.trim_start().starts_with('<') {
            let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
            write_out("", &tree, &mut |path| imports.push((line_of(code, at), path)));
        }
    }
    imports
}

/// Every `crate::...` that is used without an import.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let places = positions_of_word(code, "crate::").into_iter();
    let path = |at: usize| code[at..].split(|c: char| !is_word_char(c) && c != ':').next().unwrap_or_default();
    // Braces after `crate::` belong to an import and are looked at there.
    places.map(|at| (line_of(code, at), path(at).to_owned())).filter(|(_, path)| path != "crate::").collect()
}

fn write_out(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let tree = tree.trim();
    let Some((start, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        if !name.is_empty() {
            found(format!("{prefix}{name}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", start.trim());
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let mut depth = 0;
    let branches = group.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for branch in branches {
        write_out(&prefix, branch, found);
    }
}

/// The path with `super` and `self` at its beginning resolved.
fn absolute(import: &str, module: &[String]) -> String {
    let mut parts: Vec<&str> = import.trim_start_matches("::").split("::").collect();
    let mut base: Vec<&str> = module.iter().map(String::as_str).collect();
    let relative = parts.first().is_some_and(|part| ["self", "super"].contains(part));
    while let Some(&part @ ("self" | "super")) = parts.first() {
        if part == "super" {
            base.pop();
        }
        parts.remove(0);
    }
    if !relative {
        return parts.join("::");
    }
    ["crate"].into_iter().chain(base).chain(parts).collect::<Vec<_>>().join("::")
}

fn is_allowed(path: &str) -> bool {
    // `Phase::*` is an enum of the same file or of an import that is looked at itself.
    path.starts_with(|c: char| c.is_uppercase())
        || IMPORTS
            .iter()
            .any(|start| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")))
}
