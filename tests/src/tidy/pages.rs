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
            let folder = format!("{}/", target.trim_end_matches('/'));
            if !paths.iter().any(|path| *path == target || path.starts_with(&folder)) {
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
