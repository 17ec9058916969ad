//! Style as tests: every rule on every file, and on samples that it must refuse and accept.

use futures_mpi_tests::conformance;
use futures_mpi_tests::tidy::{
    Violation, constants, files, houses, imports, layout, pages, reference, scheduler, sources,
};

type Rule = fn(&str, &str) -> Vec<Violation>;

#[test]
fn every_file_opens_with_a_sentence() {
    check(".rs", sources::opens_with_a_sentence);
}

#[test]
fn unsafe_code_is_on_its_island() {
    check(".rs", sources::no_unsafe_outside_the_island);
}

#[test]
fn unsafe_code_is_justified() {
    check(".rs", sources::every_unsafe_block_is_justified);
}

#[test]
fn the_scheduler_is_pure() {
    check(".rs", scheduler::is_pure);
}

#[test]
fn the_scheduler_imports_little() {
    check(".rs", scheduler::imports_are_few);
}

#[test]
fn files_import_each_other_in_no_circle() {
    of_houses(imports::no_circles);
}

#[test]
fn imports_run_down_from_room_to_room() {
    of_houses(imports::runs_down);
}

#[test]
fn the_core_knows_nothing_of_mpi() {
    check(".rs", sources::core_does_not_name_mpi);
    check(".toml", layout::core_does_not_depend_on_mpi);
}

#[test]
fn the_codec_alone_knows_its_format() {
    check(".rs", sources::only_the_codec_names_its_format);
}

#[test]
fn no_file_is_too_long() {
    check(".rs", sources::short_enough);
}

#[test]
fn nothing_is_half_done() {
    check(".rs", sources::nothing_half_done);
}

#[test]
fn texts_name_no_paths_of_one_machine() {
    for ending in [".md", ".toml", ".stderr"] {
        check(ending, layout::no_absolute_paths);
    }
}

#[test]
fn cells_of_tables_are_short() {
    check(".md", pages::cells_are_short);
}

#[test]
fn links_lead_to_files_and_headings() {
    report(pages::links_lead_somewhere(&files::texts(".md"), &files::paths()));
}

#[test]
fn files_that_pages_name_exist() {
    let paths = files::paths();
    report(files::texts(".md").iter().flat_map(|page| pages::named_files_exist(page, &paths)).collect());
}

#[test]
fn the_page_of_the_tuning_constants_is_true() {
    let [page] = &files::texts(constants::PAGE)[..] else { panic!("there is one page") };
    let sources = files::texts(".rs");
    assert!(constants::rows(&page.text).len() > 80, "the page has more rows");
    report(constants::rows_are_true(&page.text, &sources));
    report(constants::durations_have_rows(&page.text, &sources));
}

#[test]
fn the_top_level_folders_are_those_of_the_layout() {
    let paths = files::paths();
    report(layout::folders(paths.iter().map(String::as_str)));
}

#[test]
fn samples_of_openings() {
    let rule = sources::opens_with_a_sentence;
    let bad =
        ["", "use std::fmt;", "\n//! Late.", "// A comment.", "//!\n//! Late.", "/// Another.", "//! no stop\nmod a;"];
    refuses(rule, "a.rs", &bad);
    accepts(rule, "a.rs", &["//! A sentence.", "//! A long\n//! sentence.\n\nmod a;", "//! A picture:\n//!\n//! x"]);
    accepts(rule, "futures-macros/tests/ui/case.rs", &["fn main() {}"]);
}

#[test]
fn samples_of_unsafe_code() {
    let rule = sources::no_unsafe_outside_the_island;
    let bad =
        ["unsafe { a() }", "unsafe impl Send for A {}", "unsafe fn a() {}", "#[unsafe(no_mangle)]", "quote!(unsafe{})"];
    refuses(rule, "futures-mpi/src/lib.rs", &bad);
    let good =
        ["#![forbid(unsafe_code)]", "// unsafe", "/// unsafe { }", "\"unsafe\"", "#![deny(unsafe_op_in_unsafe_fn)]"];
    accepts(rule, "futures-mpi/src/lib.rs", &good);
    accepts(rule, sources::ISLAND, &bad);
    accepts(rule, "futures-mpi/src/sys/groups.rs", &bad);
    refuses(rule, "futures-mpi/src/system/groups.rs", &bad);
}

#[test]
fn samples_of_justifications() {
    let rule = sources::every_unsafe_block_is_justified;
    let bad = [
        "unsafe { a() }",
        "// It is fine.\nunsafe { a() }",
        "// SAFETY: yes.\n\nunsafe { a() }",
        "// SAFETY: yes.\nlet b = 1;\nlet a = unsafe { a() };",
        "// SAFETY: yes.\nunsafe impl Send for A {}\nunsafe impl Sync for A {}",
        "\"// SAFETY: yes.\";\nunsafe { a() }",
        "match a {\n    // SAFETY: yes.\n    1 => unsafe { a() },\n    _ => unsafe { b() },\n}",
    ];
    refuses(rule, sources::ISLAND, &bad);
    refuses(rule, "futures-mpi/src/sys/groups.rs", &bad);
    let good = [
        "// SAFETY: yes.\nunsafe { a() }",
        "// SAFETY: yes, and\n// for this reason, too.\nlet a = unsafe { a() };",
        "// SAFETY: yes.\n#[expect(lint)]\nlet a =\n    unsafe { a() };",
        "// SAFETY: yes.\nunsafe impl Send for A {}\n// SAFETY: yes.\nunsafe impl Sync for A {}",
        "/// # Safety\n/// Yes.\nunsafe fn a() {}",
        "unsafe extern \"C\" { fn a(); }",
        "// unsafe { a() }",
    ];
    accepts(rule, sources::ISLAND, &good);
}

#[test]
fn samples_of_the_scheduler() {
    let file = "futures-core/src/scheduler/window.rs";
    let bad = [
        "use std::time::Duration;",
        "fn a(now: Instant) {}",
        "let a = std::thread::current();",
        "use std::collections::HashMap;",
        "let a = rand::random();",
        "println!()",
        "use std::sync::Arc;",
        "#[cfg(test)]\nmod tests { use std::fs; }",
    ];
    refuses(scheduler::is_pure, file, &bad);
    accepts(scheduler::is_pure, "futures-core/src/driver/mod.rs", &bad);
    accepts(scheduler::is_pure, file, &["// an Instant", "let operand = Instantly;", "\"println!\"", "use std::fmt;"]);
}

#[test]
fn samples_of_imports_of_the_scheduler() {
    let rule = scheduler::imports_are_few;
    let bad = [
        "use serde::Serialize;",
        "use std::{fmt, any::Any};",
        "use crate::driver::Driver;",
        "use crate::{base::ids::TaskNumber, {driver}};",
        "use super::super::driver;",
        "pub(crate) use\n    crate::error::Error;",
        "fn a(a: crate::error::Error) {}",
        "use crate::base::ids_of_others;",
    ];
    let good = [
        "use std::{collections::{BTreeMap, VecDeque}, fmt::{self, Display}};",
        "use super::{Action, queue::Queue as Other};",
        "use crate::{scheduler::Action, base::ids::TaskNumber};",
        "use super::super::base::ids::TaskNumber;",
        "use self::inner::Inner;",
        "use Phase::*;",
        "fn a(a: crate::base::ids::TaskNumber) -> impl Iterator + use<'_> {}",
        "#[cfg(test)]\nmod tests { use proptest::prelude::*; use super::super::Scheduler; }",
        "// use serde::Serialize;",
    ];
    refuses(rule, "futures-core/src/scheduler/window.rs", &bad);
    accepts(rule, "futures-core/src/scheduler/window.rs", &good);
    accepts(rule, "futures-core/src/scheduler/tests.rs", &bad);
    accepts(rule, "futures-core/src/driver/mod.rs", &bad);
    refuses(rule, "futures-core/src/scheduler/mod.rs", &["use super::driver;"]);
    accepts(rule, "futures-core/src/scheduler/mod.rs", &["use super::base::ids;"]);
    refuses(rule, "futures-core/src/scheduler.rs", &["use super::driver;"]);
}

#[test]
fn samples_of_names_that_the_core_must_not_know() {
    let bad = ["use mpi::traits::*;", "extern crate mpi;", "let a = mpi::initialize();"];
    refuses(sources::core_does_not_name_mpi, "futures-core/src/a.rs", &bad);
    accepts(sources::core_does_not_name_mpi, "futures-core/src/a.rs", &["// mpi", "futures_mpi::main", "\"mpi\""]);
    accepts(sources::core_does_not_name_mpi, "futures-mpi/src/a.rs", &bad);
    let rule = layout::core_does_not_depend_on_mpi;
    let bad = ["mpi = \"0.8\"", "mpi.workspace = true", "[dependencies.mpi]", "a = { package = \"mpi\" }"];
    refuses(rule, "futures-core/Cargo.toml", &bad);
    accepts(rule, "futures-core/Cargo.toml", &["name = \"futures-mpi-core\"", "mpi-free = 1", "# mpi"]);
    accepts(rule, "futures-mpi/Cargo.toml", &bad);
}

#[test]
fn samples_of_the_format() {
    let text = concat!("use bin", "code::config;");
    refuses(sources::only_the_codec_names_its_format, "futures-core/src/task/mod.rs", &[text]);
    accepts(sources::only_the_codec_names_its_format, sources::CODEC, &[text]);
}

#[test]
fn samples_of_lengths() {
    let (long, short) = ("a\n".repeat(sources::LINES_MAX + 1), "a\n".repeat(sources::LINES_MAX));
    refuses(sources::short_enough, "futures-mpi/src/lib.rs", &[&long]);
    accepts(sources::short_enough, "futures-mpi/src/lib.rs", &[&short]);
    for path in [sources::ISLAND, "tests/src/simulator.rs", "futures-core/src/scheduler/tests.rs"] {
        accepts(sources::short_enough, path, &[&long]);
    }
}

#[test]
fn samples_of_half_done_work() {
    let rule = sources::nothing_half_done;
    let notes = [concat!("// FIX", "ME: later"), concat!("/* XX", "X */")];
    refuses(rule, "a.rs", &["todo!()", "unimplemented!()", "dbg!(a)", "#[ignore]", "#[ignore = \"slow\"]"]);
    refuses(rule, "a.rs", &notes);
    accepts(
        rule,
        "a.rs",
        &["// todo!", "\"dbg!\"", "#[ignored]fn a() {}".trim_start_matches("#[ignored]"), "mytodo!()"],
    );
}

#[test]
fn samples_of_absolute_paths() {
    let [work, home, root] = [concat!("/wo", "rk"), concat!("/ho", "me/"), concat!("/ro", "ot")];
    let bad = [format!("in {work}/main"), format!("`{home}me`"), format!("({root})"), format!("{work}: here")];
    let good = ["https://a.org/work/x", "docs/home/a.md", "/works", "a/root", "$HOME/work", "/usr/bin", "../work/a"];
    for text in bad {
        refuses(layout::no_absolute_paths, "README.md", &[&text]);
    }
    accepts(layout::no_absolute_paths, "README.md", &good);
}

#[test]
fn samples_of_cells() {
    let (short, long) = (vec!["a"; pages::WORDS_MAX].join(" "), vec!["a"; pages::WORDS_MAX + 1].join(" "));
    refuses(
        pages::cells_are_short,
        "a.md",
        &[&format!("| b | {long} |"), &format!("|{long}|"), &format!("  | {long}")],
    );
    let good = [format!("| {short} | {short} |"), long.clone(), format!("```\n| {long} |\n```")];
    good.iter().for_each(|text| accepts(pages::cells_are_short, "a.md", &[text]));
    let half = vec!["a"; pages::WORDS_MAX / 2 + 1].join(" ");
    refuses(pages::cells_are_short, "a.md", &[&format!("| {half} \\| {half} |")]);
}

#[test]
fn samples_of_links() {
    let page = |path: &str, text: &str| files::Text { path: path.to_owned(), text: text.to_owned() };
    let found = |link: &str| {
        let a = page("docs/a.md", &format!("# A: `b`, and c\n\n```sh\n# No heading\n```\n[x]({link})"));
        let paths = ["docs/a.md", "docs/b/c.svg", "D.md"].map(str::to_owned);
        pages::links_lead_somewhere(&[a, page("D.md", "## Two  words?")], &paths).len()
    };
    for good in ["a.md", "b/c.svg", "b", "./b/", "../D.md", "#a-b-and-c", "../D.md#two--words", "https://x.y/z#1"] {
        assert_eq!(found(good), 0, "{good}");
    }
    for bad in ["b.md", "D.md", "../docs/c.svg", "#a-b", "#no-heading", "../D.md#a-b-and-c", "b/c.svg#a"] {
        assert_eq!(found(bad), 1, "{bad}");
    }
}

#[test]
fn samples_of_named_files() {
    let paths = ["tests/src/a.rs", "tests/src/b/mod.rs", "tests/c.rs"].map(str::to_owned);
    let found = |path: &str, text: &str| {
        let page = files::Text { path: path.to_owned(), text: text.to_owned() };
        pages::named_files_exist(&page, &paths).len()
    };
    for good in
        ["`tests/src/a.rs`, `b/mod.rs`", "`tests/src/b/` `a.rs` `b/` `c.rs`", "`a.rs`, `x/y`", "`tests/c.rs` `-c/`"]
    {
        assert_eq!(found("a.md", good), 0, "{good}");
    }
    for bad in ["`tests/src/c.rs`", "`tests/b/`", "`tests/c.rs`, `a.rs`", "`tests/src/b/mod.rs`: `d/`", "`docs/x`"] {
        assert_eq!(found("a.md", bad), 1, "{bad}");
    }
    assert_eq!(found("docs/recipes.md", "`tests/d.rs`"), 0);
}

#[test]
fn samples_of_the_page_of_the_tuning_constants() {
    let code = "pub(super) const A: Duration = Duration::from_millis(1_500);\n    const B: usize = 64 << 10;\n\
                pub const C: u32 = 500_000;\nconst E: Duration = Duration::from_secs(2 * 60);\n// const F: u8 = 1;\n";
    let sources = [files::Text { path: "futures-core/src/a.rs".to_owned(), text: code.to_owned() }];
    let row =
        |name: &str, file: &str, value: &str| format!("| `{name}` | `futures-core/src/{file}` | {value} | why |\n");
    let wrong = |row: &str| constants::rows_are_true(row, &sources).len();
    for (name, value) in [("A", "1,500 ms"), ("B", "64 KiB"), ("B", "65,536 B"), ("C", "500,000 ns"), ("E", "120 s")] {
        assert_eq!(wrong(&row(name, "a.rs", value)), 0, "{name} {value}");
    }
    for (name, file, value) in [
        ("A", "a.rs", "1500"),
        ("B", "a.rs", "64 MiB"),
        ("C", "a.rs", "half a million"),
        ("E", "b.rs", "120 s"),
        ("F", "a.rs", "1"),
        ("G", "a.rs", "1"),
    ] {
        assert_eq!(wrong(&row(name, file, value)), 1, "{name} {file} {value}");
    }
    let missing = |page: &str| constants::durations_have_rows(page, &sources).len();
    assert_eq!(missing(""), 2);
    assert_eq!(missing(&row("A", "a.rs", "1,500 ms")), 1);
    assert_eq!(missing(&(row("A", "a.rs", "1,500 ms") + &row("E", "a.rs", "120 s"))), 0);
    assert_eq!(missing(&(row("A", "b.rs", "1,500 ms") + &row("E", "a.rs", "120 s"))), 1);
}

#[test]
fn samples_of_folders() {
    let all = ["futures-core/a", "futures-macros/a", "futures-mpi/a", "examples/a", "tests/a/b", "README.md"];
    let also = |more: &[&'static str]| layout::folders(all.iter().chain(more).copied());
    assert_eq!(also(&[".github/workflows/ci.yml", "docs/a.md", "scripts/a.sh"]), []);
    assert_eq!(also(&["src/lib.rs"]).len(), 1);
    assert_eq!(layout::folders(all[1..].iter().copied()).len(), 1);
}

#[test]
fn violations_name_file_and_line() {
    let found = sources::nothing_half_done("a/b.rs", "\n\ntodo!()\n");
    let [violation] = found.as_slice() else { panic!("{found:?}") };
    assert!(violation.to_string().starts_with("a/b.rs:3: `todo!`"), "{violation}");
}

/// Applies a rule to all files with this ending.
fn check(ending: &str, rule: Rule) {
    let texts = files::texts(ending);
    report(texts.iter().flat_map(|file| rule(&file.path, &file.text)).collect());
}

/// Applies a rule about imports to each crate.
fn of_houses(rule: fn(&imports::House, &[imports::Arrow]) -> Vec<Violation>) {
    let texts = files::texts(".rs");
    let of_house = |house: &imports::House| {
        let arrows = imports::arrows(&texts, house.root).expect("the crate's files can be read");
        assert!(!arrows.is_empty(), "{} has files that import from others", house.root);
        rule(house, &arrows)
    };
    report(houses::HOUSES.iter().flat_map(of_house).collect());
}

fn report(violations: Vec<Violation>) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} places:\n{}", lines.len(), lines.join("\n"));
}

fn refuses(rule: Rule, path: &str, samples: &[&str]) {
    for text in samples {
        assert!(!rule(path, text).is_empty(), "accepted in {path}:\n{text}");
    }
}

fn accepts(rule: Rule, path: &str, samples: &[&str]) {
    for text in samples {
        assert_eq!(rule(path, text), [], "refused in {path}:\n{text}");
    }
}

/// The fault matrix names a test for each row, as `file::function`; promises are in the file `conformance`.
#[test]
fn every_test_that_the_fault_matrix_names_exists() {
    let [matrix] = &files::texts("docs/faults.md")[..] else { panic!("there is one matrix") };
    let sources = files::texts(".rs");
    let exists = |file: &str, function: &str| {
        let beginning = if file == "conformance" { "tests/src/conformance/" } else { "tests/tests/" };
        let definition = format!("fn {function}(");
        let named = |path: &str| {
            path.starts_with(beginning) && (file == "conformance" || path.ends_with(&format!("/{file}.rs")))
        };
        sources.iter().any(|source| named(&source.path) && source.text.contains(&definition))
    };
    let names = matrix.text.split('`').filter_map(|word| word.split_once("::"));
    // Others are names of the library, of the standard library, and of a task in an example of what is said.
    let of_file = |file: &str| file != "mem" && file.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let names: Vec<_> = names.filter(|(file, _)| of_file(file)).collect();
    assert!(names.len() > 50, "the matrix has more rows");
    let missing: Vec<_> = names.iter().filter(|(file, function)| !exists(file, function)).collect();
    assert!(missing.is_empty(), "these tests do not exist: {missing:?}");
}

/// The page about the reference names a test for each of its tests, as `file::function`, and counts them; a promise and
/// a run of all promises are in `conformance`.
#[test]
fn every_test_that_the_page_about_the_reference_names_exists() {
    let [page] = &files::texts(reference::PAGE)[..] else { panic!("there is one page") };
    let [runs] = &files::texts("tests/tests/conformance.rs")[..] else { panic!("there is one file of runs") };
    report(reference::rows_are_complete_and_counted(&page.text));
    let sources = files::texts(".rs");
    let exists = |file: &str, function: &str| {
        let of_file = |path: &str| path.ends_with(&format!("/{file}.rs"));
        let is_promise = file == "conformance" && conformance::all().any(|promise| promise.name == function);
        let is_run = file == "conformance" && runs.text.contains(&format!("Run::new(\"{function}\""));
        is_promise
            || is_run
            || sources.iter().any(|source| of_file(&source.path) && reference::defines_test(&source.text, function))
    };
    let named = reference::tests_named(&page.text);
    assert!(named.len() > 200, "the page has more rows");
    let missing: Vec<_> = named.iter().filter(|(_, file, function)| !exists(file, function)).collect();
    assert!(missing.is_empty(), "these tests do not exist: {missing:?}");
}

#[test]
fn samples_of_the_page_about_the_reference() {
    let page = |counts: &str, rows: &str| {
        let head = "| test | what | held by |\n|---|---|---|\n";
        format!("# Page\n\n{counts}\n\n## Chapter\n\nHere {counts}\n\n### Class\n\n{head}{rows}")
    };
    let one_of_each =
        "| `test_a` | a \\| b | `a::b`, `c::d` |\n| `A.test_b` | b | –: no |\n| `test_c` | c | not yet |\n";
    let good = page("3 tests: 1 held, 1 do not apply, 1 not yet held.", one_of_each);
    assert_eq!(reference::rows_are_complete_and_counted(&good), []);
    assert_eq!(reference::tests_named(&good), [(13, "a", "b"), (13, "c", "d")]);
    for (counts, rows) in [
        ("2 tests: 1 held, 1 do not apply, 0 not yet held.", one_of_each),
        ("There are 3 tests.", one_of_each),
        ("1 tests: 1 held, 0 do not apply, 0 not yet held.", "| `test_a` | a | b |\n"),
        ("1 tests: 1 held, 0 do not apply, 0 not yet held.", "| `test_a` | a | `a::b` and more |\n"),
        ("1 tests: 0 held, 1 do not apply, 0 not yet held.", "| `test_a` | a | –:  |\n"),
        ("1 tests: 0 held, 0 do not apply, 1 not yet held.", "| `test_a` | a |\n"),
    ] {
        assert!(!reference::rows_are_complete_and_counted(&page(counts, rows)).is_empty(), "{counts} {rows}");
    }
    let defines = |source: &str| reference::defines_test(source, "a");
    assert!(defines("#[test]\nfn a() {}") && defines("mod b {\n    #[test]\n    // c\n    fn a() {}\n}"));
    assert!(!defines("fn a() {}") && !defines("#[test]\nfn b() {}\nfn a() {}") && !defines("#[test]\nfn ab() {}"));
}
