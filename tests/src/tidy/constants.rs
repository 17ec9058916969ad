//! Rules for the page of the tuning constants: what it says is what the sources say.

use super::Violation;
use super::code::{code_only, without_inline_tests};
use super::files::Text;
use super::pages::cells;

/// The page.
pub const PAGE: &str = "docs/tuning-constants.md";

/// The units that the page writes behind a number; behind others it is the number of the source.
const UNITS: [(&str, u128); 6] =
    [("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A row of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    line: usize,
    name: &'a str,
    file: &'a str,
    value: &'a str,
}

/// A constant of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Constant<'a> {
    line: usize,
    name: &'a str,
    of_type: &'a str,
    value: &'a str,
}

/// The rows of the page's tables.
pub fn rows(page: &str) -> Vec<Row<'_>> {
    let row = |(line, text)| match cells(text)[..] {
        [name, file, value, ..] => {
            let [name, file] = [name, file].map(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
            Some(Row { line, name: name?, file: file?, value })
        }
        _ => None,
    };
    (1..).zip(page.lines()).filter(|(_, text)| text.starts_with("| `")).filter_map(row).collect()
}

/// Each row names a constant of its file, with its value.
pub fn rows_are_true(page: &str, sources: &[Text]) -> Vec<Violation> {
    let wrong = |row: Row<'_>| {
        let Some(source) = sources.iter().find(|source| source.path == row.file) else {
            return Some(format!("there is no file {}", row.file));
        };
        let code = code_only(&source.text);
        let Some(constant) = constants(&code).into_iter().find(|constant| constant.name == row.name) else {
            return Some(format!("{} has no constant {}", row.file, row.name));
        };
        let number = said(row.value);
        let same = number.is_some() && number == written(constant.of_type, constant.value);
        (!same).then(|| format!("{} is {}, and not {}", row.name, constant.value, row.value))
    };
    let rows = rows(page).into_iter();
    rows.filter_map(|row| Some(Violation::new(PAGE, row.line, wrong(row)?))).collect()
}

/// Each duration that is a constant of the library has a row: it is there to be tuned, or its reason is worth a row.
pub fn durations_have_rows(page: &str, sources: &[Text]) -> Vec<Violation> {
    let rows = rows(page);
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| is_of_the_library(&source.path)) {
        let code = code_only(&source.text);
        let durations = constants(without_inline_tests(&code)).into_iter().filter(|it| it.of_type == "Duration");
        let missing =
            durations.filter(|it| !rows.iter().any(|row| (row.name, row.file) == (it.name, source.path.as_str())));
        violations.extend(missing.map(|it| {
            let message = format!("{} needs a row in {PAGE}, with its unit and what it trades", it.name);
            Violation::new(&source.path, it.line, message)
        }));
    }
    violations
}

/// Whether a file belongs to one of the three crates, and neither to its tests nor to the program for measurements.
fn is_of_the_library(path: &str) -> bool {
    let of_a_crate = path.split_once('/').is_some_and(|(folder, rest)| {
        ["futures-core", "futures-macros", "futures-mpi"].contains(&folder) && rest.starts_with("src/")
    });
    of_a_crate && !path.contains("/src/bin/") && !path.ends_with("/tests.rs") && !path.contains("/tests/")
}

/// The constants that a source defines in one line each.
fn constants(code: &str) -> Vec<Constant<'_>> {
    (1..).zip(code.lines()).filter_map(|(line, text)| constant(line, text)).collect()
}

fn constant(line: usize, text: &str) -> Option<Constant<'_>> {
    let (before, rest) = text.split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (of_type, value) = rest.split_once(" = ")?;
    let value = value.strip_suffix(';')?;
    let before = before.trim();
    (before.is_empty() || before.starts_with("pub")).then_some(Constant { line, name, of_type, value })
}

/// The number that a source writes: of nanoseconds if it is a duration.
fn written(of_type: &str, value: &str) -> Option<u128> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u128>().ok();
    let product = |text: &str| text.split('*').map(number).product::<Option<u128>>();
    if of_type != "Duration" {
        let (value, shift) = value.split_once("<<").unwrap_or((value, "0"));
        return Some(product(value)? << number(shift)?);
    }
    let (unit, value) = value.strip_prefix("Duration::from_")?.strip_suffix(')')?.split_once('(')?;
    let nanos = match unit {
        "secs" => 1_000_000_000,
        "millis" => 1_000_000,
        "micros" => 1_000,
        "nanos" => 1,
        _ => return None,
    };
    Some(product(value)? * nanos)
}

/// The number that the page writes, by its unit.
fn said(value: &str) -> Option<u128> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map_or(1, |(_, factor)| *factor);
    Some(number.replace(',', "").parse::<u128>().ok()? * factor)
}
