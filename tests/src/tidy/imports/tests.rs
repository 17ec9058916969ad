//! The analysis of imports, on made-up crates.

use super::*;

/// Files of a crate, each after a line `== PATH`.
fn files(text: &str) -> Vec<Text> {
    let parts = text.split("\n== ").skip(1);
    let file = |part: &str| {
        let (path, text) = part.split_once('\n').expect("each has a line with its path");
        Text { path: format!("a/src/{}", path.trim()), text: text.to_owned() }
    };
    parts.map(file).collect()
}

/// The arrows as `from:line to`, with `(on)` where an item is only passed on.
fn found(text: &str) -> Vec<String> {
    let arrows = arrows(&files(text), "a/src/lib.rs").expect("the files can be read");
    let short = |path: &str| path.strip_prefix("a/src/").unwrap_or(path).to_owned();
    let show = |arrow: &Arrow| {
        let on = if arrow.passed_on { " (on)" } else { "" };
        format!("{}:{} {}{on}", short(&arrow.from), arrow.line, short(&arrow.to))
    };
    arrows.iter().map(show).collect()
}

fn circles_of(text: &str) -> Vec<Vec<String>> {
    let arrows = arrows(&files(text), "a/src/lib.rs").expect("the files can be read");
    let names = |circle: BTreeSet<&str>| circle.into_iter().map(|path| path.replace("a/src/", "")).collect();
    circles(&arrows).into_iter().map(names).collect()
}

#[test]
fn imports_lead_to_the_file_that_defines_what_they_name() {
    let text = "
== lib.rs
mod b;
mod c;
#[path = \"elsewhere/d.rs\"]
mod e;
== b/mod.rs
mod inner;
pub use inner::Deep as Renamed;
pub use self::inner::Other;
== b/inner.rs
pub struct Deep;
pub struct Other;
== c.rs
use std::fmt;

use crate::{b::{self, Renamed}, e::*};
fn c(a: b::Other) { super::b::inner::unknown() }
== elsewhere/d.rs
fn d() {}
";
    let expected = ["b/mod.rs:2 b/inner.rs (on)", "c.rs:3 b/inner.rs", "c.rs:3 elsewhere/d.rs"];
    assert_eq!(found(text), expected);
}

#[test]
fn a_circle_through_imports_of_all_that_is_above() {
    let text = "
== lib.rs
mod b;
== b.rs
mod c;
use c::f;
pub fn g() { f() }
== b/c.rs
use super::*;
pub fn f() { g() }
";
    assert_eq!(circles_of(text), [["b.rs", "b/c.rs"]]);
    assert!(circles_of(&text.replace("use super::*;\npub fn f() { g() }", "pub fn f() {}")).is_empty());
}

#[test]
fn a_circle_through_what_others_pass_on() {
    let text = "
== lib.rs
mod b;
mod c;
mod d;
pub use d::D;
== b.rs
use crate::D;
pub struct B(D);
== c.rs
pub use crate::b::B;
== d.rs
use crate::c;
pub struct D(Box<c::B>);
";
    assert_eq!(circles_of(text), [["b.rs", "d.rs"]]);
    let names_only = text.replace("pub struct D(Box<c::B>);", "pub struct D;");
    assert!(circles_of(&names_only).is_empty(), "a module that is imported and not used is no circle");
}

#[test]
fn a_circle_through_paths_in_code() {
    let text = "
== lib.rs
mod b;
mod c;
== b.rs
pub fn b() { assert!(crate::c::c(1) == 2); }
== c.rs
pub fn c(a: u8) -> u8 { a.b(..super::b::b()) }
";
    assert_eq!(circles_of(text), [["b.rs", "c.rs"]]);
    for (of, by) in [("crate::c::c(1)", "x.crate_::c(1)"), ("..super::b::b()", "::b::b()"), ("..super::b::b()", "'b'")]
    {
        assert!(circles_of(&text.replace(of, by)).is_empty(), "{by}");
    }
}

#[test]
fn what_a_module_passes_on_and_uses_itself_is_a_step() {
    let text = "
== lib.rs
mod b;
== b.rs
mod c;
pub use c::C;
pub struct B;
== b/c.rs
use super::B;
pub struct C(B);
";
    assert!(circles_of(text).is_empty());
    assert_eq!(circles_of(&text.replace("struct B;", "struct B(Option<Box<C>>);")), [["b.rs", "b/c.rs"]]);
}

#[test]
fn code_for_tests_is_no_import() {
    let text = "
== lib.rs
mod b;
mod c;
== b.rs
#[cfg(test)]
use crate::c::C;
#[cfg(test)]
mod tests { use super::*; fn f(_: crate::c::C) {} }
#[cfg(test)]
mod more;
pub struct B;
impl B {
    /// Only for tests.
    #[cfg(all(test, unix))]
    fn c() -> crate::c::C {}
    fn d() {
        #[cfg(test)]
        let c: crate::c::C = 1;
    }
}
== c.rs
use crate::b::B;
pub struct C(B);
";
    assert_eq!(found(text), ["c.rs:1 b.rs"]);
    assert_eq!(circles_of(&text.replace("#[cfg(test)]\nuse", "use")), [["b.rs", "c.rs"]]);
    assert_eq!(circles_of(&text.replace("#[cfg(test)]\n        let", "let")), [["b.rs", "c.rs"]]);
}

#[test]
fn macros_are_found_at_the_root_and_their_bodies_are_read() {
    let text = "
== lib.rs
mod b;
mod c;
extern crate self as made_up;
== b.rs
#[macro_export]
macro_rules! m { () => { $crate::c::C } }
== c.rs
pub struct C;
fn f() { use crate::m; made_up::m!() }
";
    assert_eq!(found(text), ["b.rs:2 c.rs", "c.rs:2 b.rs"]);
}

#[test]
fn files_that_are_missing_or_no_rust_are_named() {
    let message = arrows(&files("\n== lib.rs\nmod b;"), "a/src/lib.rs").expect_err("there is no such file");
    assert!(message.contains("a/src/b/mod.rs"), "{message}");
    let message = arrows(&files("\n== lib.rs\nmod b {"), "a/src/lib.rs").expect_err("it is not closed");
    assert!(message.starts_with("a/src/lib.rs: "), "{message}");
}

const UPSTAIRS: House = House { root: "a/src/lib.rs", rooms: &["lib", "top", "cellar"], circles: &[], up: &[] };

const CIRCLE: &str = "
== lib.rs
mod top;
mod cellar;
== top/mod.rs
pub mod b;
== top/b.rs
use crate::cellar::C;
pub struct B(C);
== cellar.rs
pub struct C(Box<crate::top::b::B>);
";

#[test]
fn circles_need_permission_and_lose_it_when_they_are_gone() {
    let arrows = arrows(&files(CIRCLE), UPSTAIRS.root).expect("the files can be read");
    let told: Vec<String> = no_circles(&UPSTAIRS, &arrows).iter().map(ToString::to_string).collect();
    let [first, second] = &told[..] else { panic!("{told:?}") };
    assert!(first.starts_with("a/src/cellar.rs:1: `crate::top::b::B` of a/src/top/b.rs"), "{first}");
    assert!(second.starts_with("a/src/top/b.rs:1: `crate::cellar::C` of a/src/cellar.rs"), "{second}");
    let permitted = House { circles: &[(&["a/src/top/b.rs", "a/src/cellar.rs"], "both are one topic")], ..UPSTAIRS };
    assert_eq!(no_circles(&permitted, &arrows), []);
    assert_eq!(no_circles(&permitted, &[]).len(), 1);
}

#[test]
fn arrows_run_down_only() {
    let arrows = arrows(&files(CIRCLE), UPSTAIRS.root).expect("the files can be read");
    let told: Vec<String> = runs_down(&UPSTAIRS, &arrows).iter().map(ToString::to_string).collect();
    let [only] = &told[..] else { panic!("{told:?}") };
    assert!(only.starts_with("a/src/cellar.rs:1: ") && only.ends_with("cellar may not import from top"), "{only}");
    let permitted = House { up: &[("a/src/cellar.rs", "a/src/top/b.rs")], ..UPSTAIRS };
    assert_eq!(runs_down(&permitted, &arrows), []);
    assert_eq!(runs_down(&permitted, &[]).len(), 1);
    let exchanged = House { rooms: &["lib", "cellar", "top"], ..UPSTAIRS };
    assert_eq!(runs_down(&exchanged, &arrows).len(), 1);
}
