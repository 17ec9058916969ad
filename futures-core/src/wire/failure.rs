//! Why a task failed, in the form in which a worker reports it.

use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::ops::Deref;

/// Why a task failed, in a form that travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure(Box<Details>);

/// The content of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The kind of the failure.
    pub(crate) kind: FailureKind,
    /// The error's or the panic's own message.
    pub(crate) message: String,
    /// The messages of the error's sources, outermost first.
    pub(crate) causes: Vec<String>,
    /// The error's type and value, if its type implements serde's traits.
    pub(crate) typed: Option<Typed>,
    /// The place of a panic.
    pub(crate) location: Option<String>,
    /// The backtrace of a panic, if enabled.
    pub(crate) backtrace: Option<String>,
}

/// A returned error, encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typed {
    /// The name of its type.
    pub(crate) type_name: String,
    /// The bytes of its value, or why it could not be encoded.
    pub(crate) value: Result<Vec<u8>, String>,
}

/// The kinds of failures that a worker can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The function returned `Err`.
    Returned,
    /// The function panicked.
    Panicked,
    /// Arguments or result did not pass the codec.
    Codec,
    /// The worker knows no function of this id.
    Unknown,
    /// The worker could not be prepared for an executor.
    Setup,
    /// The task needs what its executor does not have.
    Configuration,
}

impl Failure {
    /// A failure that has a message and nothing else.
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure::of(Details::new(kind, message))
    }

    pub(crate) fn of(details: Details) -> Self {
        Failure(Box::new(details))
    }

    pub(crate) fn into_details(self) -> Details {
        *self.0
    }

    /// A returned `Err`: its message, the chain of its sources, and its encoded value where its type allows.
    ///
    /// For code that `#[remote_task]` generates, which finds `causes` and `typed` by method resolution on the concrete
    /// error type; see [`causes`] and [`mod@typed`].
    pub fn returned(error: &impl Display, causes: Vec<String>, typed: Option<Typed>) -> Self {
        Failure::of(Details { causes, typed, ..Details::new(FailureKind::Returned, error.to_string()) })
    }
}

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl Details {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Details { kind, message: message.into(), causes: Vec::new(), typed: None, location: None, backtrace: None }
    }
}

/// The messages of a chain of causes, outermost first.
pub(crate) fn messages(mut next: Option<&(dyn std::error::Error + 'static)>) -> Vec<String> {
    let mut messages = Vec::new();
    while let Some(cause) = next {
        messages.push(cause.to_string());
        next = cause.source();
    }
    messages
}
