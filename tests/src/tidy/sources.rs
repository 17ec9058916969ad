//! Rules for all Rust sources.

use super::Violation;
use super::code::{code_only, line_of, lines_with_word, positions_of_word};

/// The first file of the folder that alone may contain unsafe code.
pub const ISLAND: &str = "futures-mpi/src/sys/mod.rs";

/// Whether unsafe code may stand in a file.
fn is_on_the_island(path: &str) -> bool {
    path.starts_with("futures-mpi/src/sys/") && path.ends_with(".rs")
}

/// The one file that may name the format of the codec, with those in the folder of its name.
pub const CODEC: &str = "futures-core/src/wire/codec.rs";

/// The longest a file may be that is not a test.
pub const LINES_MAX: usize = 450;

/// Every file opens with one `//!` sentence that says what it is. The cases of UI tests are left out.
pub fn opens_with_a_sentence(path: &str, text: &str) -> Vec<Violation> {
    if is_ui_case(path) {
        return Vec::new();
    }
    let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let ends = |line: &&str| line.ends_with(['.', ':', '!', '?']) || line.contains(". ");
    let message = if paragraph.is_empty() {
        "the file must open with a `//!` sentence that says what it is"
    } else if !paragraph.iter().any(ends) {
        "the `//!` paragraph at the top must be a sentence, with a full stop"
    } else {
        return Vec::new();
    };
    vec![Violation::new(path, 1, message)]
}

/// `unsafe` stands in no file but the island. The cases of UI tests are left out: they show code that is refused.
pub fn no_unsafe_outside_the_island(path: &str, text: &str) -> Vec<Violation> {
    if is_on_the_island(path) || is_ui_case(path) {
        return Vec::new();
    }
    words(path, &code_only(text), &["unsafe"], "unsafe code belongs into futures-mpi/src/sys/")
}

/// On the island every `unsafe` block and impl has a `// SAFETY:` comment directly above its statement.
pub fn every_unsafe_block_is_justified(path: &str, text: &str) -> Vec<Violation> {
    if !is_on_the_island(path) {
        return Vec::new();
    }
    let code = code_only(text);
    let lines: Vec<(&str, &str)> = text.lines().zip(code.lines()).collect();
    let needs = |&at: &usize| {
        let next = code[at + "unsafe".len()..].trim_start();
        next.starts_with('{') || next.starts_with("impl")
    };
    let places = positions_of_word(&code, "unsafe").into_iter().filter(needs).map(|at| line_of(&code, at));
    let bare = places.filter(|&line| !is_justified(&lines[..line - 1]));
    bare.map(|line| Violation::new(path, line, "this `unsafe` needs a `// SAFETY:` comment directly above")).collect()
}

/// Nothing in futures-core names the crate `mpi`.
pub fn core_does_not_name_mpi(path: &str, text: &str) -> Vec<Violation> {
    if !path.starts_with("futures-core/") {
        return Vec::new();
    }
    words(path, &code_only(text), &["mpi"], "futures-core knows nothing of MPI")
}

/// Only the codec names its format, so that it can be exchanged in one file.
pub fn only_the_codec_names_its_format(path: &str, text: &str) -> Vec<Violation> {
    if path == CODEC || path.starts_with("futures-core/src/wire/codec/") {
        return Vec::new();
    }
    words(
        path,
        &code_only(text),
        &[concat!("bin", "code")],
        "only futures-core/src/wire/codec.rs and codec/ may name the format",
    )
}

/// No file but tests and the island is longer than [`LINES_MAX`].
pub fn short_enough(path: &str, text: &str) -> Vec<Violation> {
    let count = text.lines().count();
    if count <= LINES_MAX || path == ISLAND || is_test(path) {
        return Vec::new();
    }
    let message = format!("{count} lines are more than {LINES_MAX}: divide the file by its nouns");
    vec![Violation::new(path, LINES_MAX + 1, message)]
}

/// Nothing is left half done: neither by macros and attributes, nor by notes in comments.
pub fn nothing_half_done(path: &str, text: &str) -> Vec<Violation> {
    let code = code_only(text);
    let mut violations = words(path, &code, &["todo!", "unimplemented!", "dbg!"], "finish it before it is committed");
    violations.extend(words(path, &code, &["#[ignore"], "a test that is not run is not a test"));
    violations.extend(words(path, text, &[concat!("FIX", "ME"), concat!("XX", "X")], "do it or file it"));
    violations
}

fn is_ui_case(path: &str) -> bool {
    path.split('/').any(|part| part == "ui")
}

/// Whether a file is a test: those may be long.
pub fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches" || part == "tests.rs")
}

/// A violation for every line in which one of the words stands.
pub(super) fn words(path: &str, code: &str, words: &[&str], why: &str) -> Vec<Violation> {
    let found = words.iter().flat_map(|word| lines_with_word(code, word).into_iter().map(move |line| (line, word)));
    found.map(|(line, word)| Violation::new(path, line, format!("`{word}`: {why}"))).collect()
}

/// Whether the comment above the statement that goes on after `lines` begins with the word.
fn is_justified(lines: &[(&str, &str)]) -> bool {
    for (index, (text, code)) in lines.iter().enumerate().rev() {
        let (text, code) = (text.trim(), code.trim());
        if text.starts_with("//") {
            let comment = lines[..=index].iter().rev().map(|(text, _)| text.trim());
            return comment.take_while(|text| text.starts_with("//")).any(|text| text.starts_with("// SAFETY:"));
        }
        let statement_goes_on = !code.is_empty() && !code.ends_with([';', '{', '}', ',']);
        if !statement_goes_on {
            return false;
        }
    }
    false
}
