//! What a worker reports of a task that failed, and how much of a returned `Err` it can capture.

use crate::error::Kind;
use crate::wire::codec;
use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::fmt::Display;
use std::ops::Deref;

/// Why a task failed, in a form that travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure(Box<Details>);

/// What is known of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// What went wrong.
    pub(crate) kind: FailureKind,
    /// The error's or the panic's own message.
    pub(crate) message: String,
    /// The messages of the error's sources, outermost first.
    pub(crate) causes: Vec<String>,
    /// The error's type name and encoded value, if serde can carry it.
    pub(crate) typed: Option<(String, Vec<u8>)>,
    /// The place of a panic.
    pub(crate) location: Option<String>,
    /// The backtrace of a panic, if enabled.
    pub(crate) backtrace: Option<String>,
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
}

impl From<FailureKind> for Kind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Returned => Kind::TaskError,
            FailureKind::Panicked => Kind::Panic,
            FailureKind::Codec => Kind::Codec,
            FailureKind::Unknown => Kind::Registry,
            FailureKind::Setup => Kind::Broken,
        }
    }
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
    pub fn returned(error: &impl Display, causes: Vec<String>, typed: Option<(String, Vec<u8>)>) -> Self {
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

/// A returned error, wrapped so that methods of [`causes`] and [`mod@typed`] are found by how much its type can do.
///
/// The generated code calls `(&&&Returned(&error)).causes()`: method resolution tries the receiver with the most
/// references first, so that the most capable implementation wins ("autoref specialization").
pub struct Returned<'a, E>(pub &'a E);

/// The messages of an error's sources.
pub mod causes {
    use super::{Deref, Returned, StdError};
    use crate::error::messages;

    /// For errors that implement [`std::error::Error`].
    pub trait OfError {
        /// The messages of the sources, outermost first.
        fn causes(&self) -> Vec<String>;
    }

    /// For boxes of errors: `Box<dyn Error>`, `anyhow::Error`.
    pub trait OfBox {
        /// The messages of the sources, outermost first.
        fn causes(&self) -> Vec<String>;
    }

    /// For everything else that can be displayed.
    pub trait OfMessage {
        /// No sources are known.
        fn causes(&self) -> Vec<String>;
    }

    impl<E: StdError> OfError for &&Returned<'_, E> {
        fn causes(&self) -> Vec<String> {
            messages(self.0.source())
        }
    }

    impl<E: Deref<Target: StdError>> OfBox for &Returned<'_, E> {
        fn causes(&self) -> Vec<String> {
            messages(self.0.source())
        }
    }

    impl<E> OfMessage for Returned<'_, E> {
        fn causes(&self) -> Vec<String> {
            Vec::new()
        }
    }
}

/// The encoded value of an error.
pub mod typed {
    use super::{Returned, Serialize, codec};

    /// For errors that serde can carry.
    pub trait OfValue {
        /// The type's name and the encoded value; `None` if encoding fails.
        fn typed(&self) -> Option<(String, Vec<u8>)>;
    }

    /// For all others.
    pub trait OfOther {
        /// Nothing can be carried.
        fn typed(&self) -> Option<(String, Vec<u8>)>;
    }

    impl<E: Serialize> OfValue for &Returned<'_, E> {
        fn typed(&self) -> Option<(String, Vec<u8>)> {
            let mut bytes = Vec::new();
            codec::encode(self.0, &mut bytes, codec::PAYLOAD_LIMIT_BYTES).ok()?;
            Some((std::any::type_name::<E>().to_owned(), bytes))
        }
    }

    impl<E> OfOther for Returned<'_, E> {
        fn typed(&self) -> Option<(String, Vec<u8>)> {
            None
        }
    }
}
