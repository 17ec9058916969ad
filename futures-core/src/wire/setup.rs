//! The preparations that every worker makes before an executor's first task, in the form that travels.

use crate::wire::codec::{self, EncodeFailure, PAYLOAD_LIMIT_BYTES};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::type_name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The preparations for one executor, in the order in which a worker makes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Whether buffers in the results of its tasks travel among the encoded bytes, not as messages of their own.
    pub(crate) in_band: bool,
    /// The working directory to enter.
    pub(crate) directory: Option<String>,
    /// Environment variables to set.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) globals: Globals,
    pub(crate) initializer: Option<SetupCall>,
    /// Makes the state.
    pub(crate) state: Option<SetupCall>,
}

/// Named values.
pub(crate) type Globals = BTreeMap<String, Global>;

/// A value with the name of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Global {
    pub(crate) type_name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A call of a registered function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetupCall {
    /// The id of the function.
    pub(crate) name: String,
    /// Its encoded arguments.
    pub(crate) arguments: Vec<u8>,
}

impl Setup {
    /// Whether there is nothing to prepare.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Setup::default()
    }

    /// Drops everything but its name in messages.
    pub(crate) fn strip(&mut self) {
        let strip = |call: SetupCall| SetupCall { arguments: Vec::new(), ..call };
        let (initializer, state) = (self.initializer.take().map(strip), self.state.take().map(strip));
        *self = Setup { initializer, state, ..Setup::default() };
    }

    /// Its name in messages.
    pub(crate) fn title(&self) -> String {
        match (&self.initializer, &self.state) {
            (Some(initializer), None) => format!("the initializer {}", initializer.name),
            (None, Some(state)) => format!("the making of the state by {}", state.name),
            (Some(initializer), Some(state)) => {
                format!("the initializer {}, or the making of the state by {},", initializer.name, state.name)
            }
            (None, None) => "the executor's setup".to_owned(),
        }
    }

    /// What has failed, as messages say it, and the name of its function: the making of the state, or all before it.
    pub(crate) fn failed(&self, by_state: bool) -> (&'static str, String) {
        let (what, call) = match by_state {
            true => ("the state cannot be made", &self.state),
            false => ("the initializer failed", &self.initializer),
        };
        (what, call.as_ref().map_or_else(|| "setup".to_owned(), |call| call.name.clone()))
    }
}

impl Global {
    pub(crate) fn new<V: GlobalValue + ?Sized>(value: &V) -> Result<Self, String> {
        let mut bytes = Vec::new();
        match codec::encode(value, &mut bytes, PAYLOAD_LIMIT_BYTES) {
            Ok(()) => Ok(Global { type_name: V::type_name().to_owned(), bytes }),
            Err(EncodeFailure::Value(reason)) => Err(reason),
            Err(EncodeFailure::TooLarge(limit)) => Err(format!("it is larger than the limit of {limit} bytes")),
        }
    }
}

mod sealed {
    use super::{DeserializeOwned, Path, Serialize};

    pub trait Sealed {}
    impl<T: Serialize + DeserializeOwned> Sealed for T {}
    impl Sealed for str {}
    impl<T: Serialize + DeserializeOwned> Sealed for [T] {}
    impl Sealed for Path {}
}

/// A value that can be sent to every worker under a name: anything `Serialize + DeserializeOwned`, and `str`, slices
/// and [`Path`], which are read as [`String`], [`Vec`] and [`PathBuf`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be set as a named value: serde cannot both write and read it",
    note = "put `#[derive(serde::Serialize, serde::Deserialize)]` on the type"
)]
pub trait GlobalValue: Serialize + sealed::Sealed {
    /// The name of the type as which it is read.
    #[doc(hidden)]
    fn type_name() -> &'static str;
}

impl<T: Serialize + DeserializeOwned> GlobalValue for T {
    fn type_name() -> &'static str {
        type_name::<T>()
    }
}

impl GlobalValue for str {
    fn type_name() -> &'static str {
        type_name::<String>()
    }
}

impl<T: Serialize + DeserializeOwned> GlobalValue for [T] {
    fn type_name() -> &'static str {
        type_name::<Vec<T>>()
    }
}

impl GlobalValue for Path {
    fn type_name() -> &'static str {
        type_name::<PathBuf>()
    }
}
