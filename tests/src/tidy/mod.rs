//! Style as tests: every rule is a pure function from a path and a text to what is wrong with it.
//!
//! The rules know nothing of the file system; [`files`] reads it for them. `tests/tidy.rs` applies each rule to every
//! tracked file, and to bad samples, so that no rule is vacuous.

pub mod code;
pub mod constants;
pub mod files;
pub mod houses;
pub mod imports;
pub mod layout;
pub mod pages;
pub mod reference;
pub mod scheduler;
pub mod sources;

use std::fmt;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the root of the repository.
    pub path: String,
    /// The line, from one; zero where the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line.max(1), self.message)
    }
}
