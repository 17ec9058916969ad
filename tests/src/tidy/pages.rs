//! Rules for the pages of documentation: short cells in tables, and links that lead somewhere.

use super::Violation;
use super::files::Text;
use std::collections::BTreeSet;

/// The most words in a cell of a table: what needs more is text below the table.
pub const WORDS_MAX: usize = 25;

/// No cell of a table has more than [`WORDS_MAX`] words.
pub fn cells_are_short(path: &str, text: &str) -> Vec<Violation> {
    let rows = prose(text).into_iter().filter(|(_, line)| line.trim_start().starts_with('|'));
    let cells = rows.flat_map(|(number, line)| cells(line).into_iter().map(move |cell| (number, cell)));
    let counted = cells.map(|(number, cell)| (number, cell, cell.split_whitespace().count()));
    let long = counted.filter(|&(.., words)| words > WORDS_MAX);
    long.map(|(number, cell, words)| {
        let message = format!("a cell of {words} words, more than {WORDS_MAX}, belongs below its table: {cell}");
        Violation::new(path, number, message)
    })
    .collect()
}

/// Every link to a file of the repository names one that exists, and every link to a heading one that its page has.
pub fn links_lead_somewhere(pages: &[Text], paths: &[String]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for page in pages {
        for (number, link) in links(&page.text) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { page.path.clone() } else { from(&page.path, file) };
            if !exists(&target, paths) {
                violations.push(Violation::new(&page.path, number, format!("`{link}` leads to no file")));
            }
            let Some(heading) = heading else { continue };
            let known = pages.iter().find(|page| page.path == target).map(|page| anchors(&page.text));
            if !known.is_some_and(|anchors| anchors.contains(heading)) {
                violations.push(Violation::new(&page.path, number, format!("`{link}` leads to no heading")));
            }
        }
    }
    violations
}

/// The folders with which the path of a file begins.
const ROOTS: [&str; 6] = ["futures-core/", "futures-mpi/", "futures-macros/", "tests/", "examples/", "docs/"];

/// The pages that name files of the reader's own program.
const ABOUT_OTHER_FILES: [&str; 2] = ["docs/first-steps.md", "docs/recipes.md"];

/// Every file and folder that a page names in code exists. Behind a whole path, the same line may have shorter ones,
/// from the folder of the former or from one around it.
pub fn named_files_exist(page: &Text, paths: &[String]) -> Vec<Violation> {
    if ABOUT_OTHER_FILES.contains(&page.path.as_str()) {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, line) in prose(&page.text) {
        let mut last = None;
        for word in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            let whole = ROOTS.iter().any(|root| word.starts_with(root));
            let found = match last {
                _ if whole => exists(word, paths),
                Some(last) => around(last).any(|folder| exists(&format!("{folder}/{word}"), paths)),
                None => continue,
            };
            if !found {
                violations.push(Violation::new(&page.path, number, format!("`{word}` is no file of the repository")));
            }
            if whole {
                last = Some(word);
            }
        }
    }
    violations
}

/// Whether a piece of code is the path of a file or folder.
fn is_path(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let ends = word.ends_with(".rs") || word.ends_with('/') || ROOTS.iter().any(|root| word.starts_with(root));
    ends && word.chars().all(is_part) && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// A folder, or the one of a file, and those around it.
fn around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(folder(path), |inner| folder(inner))
}

fn folder(path: &str) -> Option<&str> {
    path.rfind('/').map(|at| &path[..at])
}

fn exists(path: &str, paths: &[String]) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    paths.iter().any(|known| known == path || known.starts_with(&folder))
}

/// The cells of a row of a table, without the bars around them.
pub(super) fn cells(line: &str) -> Vec<&str> {
    let row = line.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row);
    let mut cells = Vec::new();
    let mut begin = 0;
    for (at, _) in row.match_indices('|') {
        if !row[..at].ends_with('\\') {
            cells.push(row[begin..at].trim());
            begin = at + 1;
        }
    }
    cells.push(row[begin..].trim());
    cells
}

/// The lines outside of programs and outputs, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        if !inside && !fence {
            lines.push((number, line));
        }
    }
    lines
}

/// The links within the repository, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.extend(targets.filter(|target| !target.contains("://")).map(|target| (number, target)));
    }
    links
}

/// The anchors that GitHub makes of the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let anchor = |title: &str| title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
    headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

/// A relative path, as seen from a page, from the root of the repository.
fn from(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
