//! Rules for the page that names, for each test of the reference, the test of this project that holds it.

use super::Violation;
use std::fmt;

/// The page.
pub const PAGE: &str = "docs/reference-tests.md";

/// How many tests of the reference are held, do not apply, and are not held yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    held: usize,
    apart: usize,
    open: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { held, apart, open } = self;
        write!(f, "{} tests: {held} held, {apart} do not apply, {open} not yet held.", held + apart + open)
    }
}

/// A row names tests of this project, or says `–: ` and the reason why there is none, or `not yet`; and the sentence
/// that counts the rows counts them well, at the top of the page and of each chapter.
pub fn rows_are_complete_and_counted(text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (mut all, mut chapter) = (Counts::default(), Counts::default());
    // The line of the sentence that counts, and what it must say; the first is that of the page.
    let mut sentences: Vec<(usize, &str)> = Vec::new();
    let mut chapters = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("## ") {
            chapters.push(std::mem::take(&mut chapter));
        }
        if line.ends_with(" not yet held.") {
            sentences.push((number, line));
        }
        let Some(holder) = holder(line) else { continue };
        let is_named = !names(holder).is_empty();
        let counts = [&mut all, &mut chapter];
        match (holder.strip_prefix("–: "), holder) {
            (Some(reason), _) if !reason.trim().is_empty() => counts.into_iter().for_each(|counts| counts.apart += 1),
            (None, "not yet") => counts.into_iter().for_each(|counts| counts.open += 1),
            (None, _) if is_named => counts.into_iter().for_each(|counts| counts.held += 1),
            _ => violations.push(Violation::new(PAGE, number, "this row names no test and gives no reason")),
        }
    }
    chapters.push(chapter);
    // What stands before the first chapter has no rows, and its sentence is that of the page.
    chapters[0] = all;
    let expected: Vec<String> = chapters.iter().map(ToString::to_string).collect();
    if sentences.len() != expected.len() {
        violations.push(Violation::new(PAGE, 0, "the page and each chapter need one sentence that counts"));
    }
    for ((number, line), expected) in sentences.iter().zip(expected) {
        if !line.ends_with(&expected) {
            violations.push(Violation::new(PAGE, *number, format!("it must say: {expected}")));
        }
    }
    violations
}

/// The tests of this project that the page names, each with its line, its file, and its function.
pub fn tests_named(text: &str) -> Vec<(usize, &str, &str)> {
    let rows = (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, holder(line)?)));
    rows.flat_map(|(number, holder)| names(holder).into_iter().map(move |(file, function)| (number, file, function)))
        .collect()
}

/// Whether a source defines this test.
pub fn defines_test(source: &str, function: &str) -> bool {
    let definition = format!("fn {function}(");
    let mut lines = source.lines().map(str::trim);
    let mut attributes = Vec::new();
    lines.any(|line| {
        if line.starts_with('#') || line.starts_with("//") {
            attributes.push(line);
            return false;
        }
        let found = line.starts_with(&definition) && attributes.contains(&"#[test]");
        attributes.clear();
        found
    })
}

/// The last cell of a row for a test of the reference.
fn holder(line: &str) -> Option<&str> {
    let row = line.strip_prefix("| `")?.strip_suffix(" |")?;
    let (test, rest) = row.split_once("` | ")?;
    test.contains("test_").then(|| rest.rsplit_once(" | ").map_or("", |(_, holder)| holder))
}

/// The names in a cell, if it holds nothing else.
fn names(holder: &str) -> Vec<(&str, &str)> {
    holder.split(", ").map(name).collect::<Option<_>>().unwrap_or_default()
}

fn name(word: &str) -> Option<(&str, &str)> {
    word.strip_prefix('`')?.strip_suffix('`')?.split_once("::")
}
