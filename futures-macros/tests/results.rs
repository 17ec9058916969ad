//! What is kept of a returned `Err`, by how much its type can do, and what counts as a `Result`.

#![allow(clippy::unwrap_used)]

use futures_mpi_core::__private::call;
use futures_mpi_core::{Error, TaskId};
use futures_mpi_macros::remote_task;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::error::Error as StdError;
use std::{fmt, io};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Refusal {
    TooLarge { limit: u32 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal::TooLarge { limit } = self;
        write!(f, "larger than {limit}")
    }
}

impl StdError for Refusal {}

/// An error with a source, which serde cannot carry.
#[derive(Debug)]
struct Outer(Refusal);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl StdError for Outer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// A message and no error.
struct OnlyDisplay;

impl fmt::Display for OnlyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only a message")
    }
}

const REFUSAL: Refusal = Refusal::TooLarge { limit: 7 };

#[remote_task]
fn fine(n: u32) -> Result<u32, Refusal> {
    if n > 7 { Err(REFUSAL) } else { Ok(n) }
}

#[remote_task]
fn with_source() -> Result<(), Outer> {
    Err(Outer(REFUSAL))
}

#[remote_task]
fn string() -> Result<(), String> {
    Err("a string".to_owned())
}

#[remote_task]
fn static_str() -> Result<(), &'static str> {
    Err("a literal")
}

#[allow(clippy::needless_lifetimes, reason = "a named lifetime is what is tried")]
#[remote_task]
fn lent_str(text: &str) -> Result<u8, &str> {
    Err(text)
}

#[remote_task]
fn io_error() -> io::Result<u8> {
    Err(io::Error::new(io::ErrorKind::NotFound, Outer(REFUSAL)))
}

#[remote_task]
fn boxed() -> Result<(), Box<dyn StdError>> {
    Err(Box::new(Outer(REFUSAL)))
}

#[remote_task]
fn boxed_send() -> Result<(), Box<dyn StdError + Send + Sync>> {
    Err(Box::new(Outer(REFUSAL)))
}

#[remote_task]
fn with_context() -> anyhow::Result<u8> {
    Err(anyhow::Error::new(REFUSAL).context("middle").context("top"))
}

#[remote_task]
fn formatted() -> fmt::Result {
    Err(fmt::Error)
}

#[remote_task]
fn only_display() -> Result<(), OnlyDisplay> {
    Err(OnlyDisplay)
}

#[remote_task]
fn infallible() -> Result<u8, Infallible> {
    Ok(1)
}

#[remote_task]
fn nested() -> Vec<Result<u8, String>> {
    vec![Ok(1), Err("two".to_owned())]
}

type Outcome = Result<u8, String>;

#[remote_task]
fn aliased() -> Outcome {
    Err("an ordinary value".to_owned())
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

fn error<O: serde::de::DeserializeOwned + 'static>(id: TaskId<(), O>) -> Error {
    let error = call(id, ()).err().expect("the function returns Err");
    assert!(error.is_task_error());
    error
}

#[test]
fn ok_is_the_value() {
    assert_eq!(call(fine::ID, 3).unwrap(), 3);
    assert_eq!(call(infallible::ID, ()).unwrap(), 1);
}

#[test]
fn a_serde_error_comes_back_typed() {
    let error = call(fine::ID, 8).unwrap_err();
    assert_eq!(error.message(), "larger than 7");
    assert_eq!(error.downcast::<Refusal>(), Some(REFUSAL));
    assert_eq!(error.downcast::<String>(), None);
    assert_eq!(causes(&error), [""; 0]);
}

#[test]
fn sources_are_kept() {
    for (error, message, expected) in [
        (error(with_source::ID), "outer", &["larger than 7"][..]),
        (error(boxed::ID), "outer", &["larger than 7"]),
        (error(boxed_send::ID), "outer", &["larger than 7"]),
        (error(io_error::ID), "outer", &["larger than 7"]),
        (error(with_context::ID), "top", &["middle", "larger than 7"]),
    ] {
        assert_eq!(error.message(), message);
        assert_eq!(causes(&error), expected);
        assert_eq!(error.downcast::<String>(), None);
    }
}

#[test]
fn messages_are_kept() {
    assert_eq!(error(string::ID).message(), "a string");
    assert_eq!(error(string::ID).downcast::<String>().as_deref(), Some("a string"));
    assert_eq!(error(static_str::ID).message(), "a literal");
    assert_eq!(call(lent_str::ID, "lent").unwrap_err().message(), "lent");
    assert_eq!(error(only_display::ID).message(), "only a message");
    assert_eq!(error(formatted::ID).message(), fmt::Error.to_string());
}

#[test]
fn other_results_are_values() {
    assert_eq!(call(nested::ID, ()).unwrap(), [Ok(1), Err("two".to_owned())]);
    assert_eq!(call(aliased::ID, ()).unwrap(), Err("an ordinary value".to_owned()));
}
