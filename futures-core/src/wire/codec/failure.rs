//! Why a value could not be written or read, as serde's traits want it.

use std::fmt::{self, Display};

/// An error; boxed, because it is part of the result of every step.
#[derive(Debug)]
pub(super) struct Failure(Box<Reason>);

#[derive(Debug)]
pub(super) enum Reason {
    /// What the value's own `Serialize` or `Deserialize` says, or this format.
    Message(String),
    /// There is no room for more bytes.
    TooLarge,
    /// The value needs a format that describes itself; with the innermost struct and field, if it is in one.
    DescribesItself(Option<(&'static str, &'static str)>),
}

impl Failure {
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Failure(Box::new(Reason::Message(message.into())))
    }

    #[cold]
    pub(super) fn too_large() -> Self {
        Failure(Box::new(Reason::TooLarge))
    }

    #[cold]
    pub(super) fn describes_itself() -> Self {
        Failure(Box::new(Reason::DescribesItself(None)))
    }

    /// Adds the struct and the field in which the error occurred, unless they are known.
    #[cold]
    pub(super) fn within(mut self, name: &'static str, field: &'static str) -> Self {
        if let Reason::DescribesItself(place @ None) = &mut *self.0 {
            *place = Some((name, field));
        }
        self
    }

    pub(super) fn reason(self) -> Reason {
        *self.0
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Message(message) => f.write_str(message),
            Reason::TooLarge => f.write_str("it is too large"),
            Reason::DescribesItself(place) => {
                match place {
                    Some((name, field)) => write!(f, "the field `{field}` of `{name}`")?,
                    None => f.write_str("it, or a value inside it,")?,
                }
                f.write_str(
                    " needs a self-describing format, as do types with `#[serde(untagged)]`, `#[serde(tag = ...)]` or \
                     `#[serde(flatten)]` and types like `serde_json::Value`; this format writes neither types nor \
                     names: ",
                )?;
                f.write_str(WAY_OUT)
            }
        }
    }
}

/// The advice for a type that this format cannot carry.
pub(super) const WAY_OUT: &str = "wrap the value in `Cbor`, which writes names and types (with the feature `cbor`), or \
                                  send a type without such attributes (see docs/what-can-travel.md)";

impl std::error::Error for Failure {}

impl serde::ser::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Failure::new(message.to_string())
    }
}

impl serde::de::Error for Failure {
    fn custom<T: Display>(message: T) -> Self {
        Failure::new(message.to_string())
    }
}
