//! Values in a format that describes itself, for types that the library's own format refuses.
//!
//! Reader and writer are our own, because the well-known ones change values: with `ciborium` 0.2.2 and `serde_json`
//! `Some(None)` and `Some(())` come back as `None`, and neither reads a tagged enum with an `IpAddr` inside, or
//! flattened keys that are numbers. A test reads the bytes with `ciborium`, and its bytes here.

mod format;
mod read;
#[cfg(test)]
mod tests;
mod write;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::ser::{self, Serializer};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A value that travels as [CBOR](https://cbor.io) (RFC 8949), which writes names and types.
///
/// Wrap in it what the library's own, faster format refuses: types with `#[serde(skip_serializing_if)]`, `untagged`,
/// `tag` or `flatten`, and types like `serde_json::Value` or `rust_decimal::Decimal`. It may stand anywhere in
/// arguments, results, errors and globals.
///
/// The value comes back as it was. More is carried than in JSON: integers of 128 bits, NaN and the infinities, keys
/// that are no texts, bytes, `Some(None)` and `Some(())`. Types that ask are told that the format can be read by
/// humans, as in JSON; `untagged`, `tag` and `flatten` rely on that. What the attributes themselves lose is lost, as in
/// every format: an `untagged` value becomes the first variant that fits, and a field that is skipped or renamed on one
/// side only becomes its default.
///
/// # Errors
///
/// The call fails, and [`Error::is_codec`](crate::Error::is_codec) holds,
/// - if options, enums, structs, tuples, sequences and maps are nested more than 256 deep in the value,
/// - if its type cannot be read from what it has written, with the reason, such as a field that is missing. serde
///   itself has no place for integers of 128 bits in what is `untagged`, `tag`ged without `content`, or flattened.
///
/// # Other formats
///
/// A format for humans, such as JSON, and CBOR around it are given the value as if it were not wrapped; others are
/// given the bytes of its CBOR. A [`Buffer`](crate::Buffer) inside is an ordinary sequence; pass it beside the wrapped
/// value.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{Cbor, ThreadPoolExecutor, remote_task};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(tag = "type")]
/// enum Shape {
///     Circle { radius: f64 },
///     Square {
///         side: f64,
///         #[serde(default, skip_serializing_if = "Option::is_none")]
///         label: Option<String>,
///     },
/// }
///
/// #[remote_task]
/// fn area(Cbor(shape): Cbor<Shape>) -> f64 {
///     match shape {
///         Shape::Circle { radius } => 3.0 * radius * radius,
///         Shape::Square { side, .. } => side * side,
///     }
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
/// let square = Shape::Square { side: 2.0, label: None };
/// assert_eq!(executor.submit(area::ID, Cbor(square)).result()?, 4.0);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cbor<T>(
    /// The value.
    pub T,
);

impl<T> Cbor<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Cbor<T> {
    fn from(value: T) -> Self {
        Cbor(value)
    }
}

impl<T> Deref for Cbor<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Cbor<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Display> Display for Cbor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: std::error::Error> std::error::Error for Cbor<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<T: Serialize> Serialize for Cbor<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        let bytes = write::to_bytes(&self.0).map_err(|failure| {
            ser::Error::custom(format_args!(
                "a value of type {} cannot be serialized as CBOR: {failure}",
                std::any::type_name::<T>()
            ))
        })?;
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Cbor<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return T::deserialize(deserializer).map(Cbor);
        }
        deserializer.deserialize_bytes(BytesVisitor(PhantomData))
    }
}

/// Reads the value from its bytes.
struct BytesVisitor<T>(PhantomData<T>);

impl<T: DeserializeOwned> Visitor<'_> for BytesVisitor<T> {
    type Value = Cbor<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a value in CBOR")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Cbor<T>, E> {
        read::from_bytes(bytes).map(Cbor).map_err(|failure| {
            E::custom(format_args!(
                "a value of type {} cannot be deserialized from its CBOR: {failure}",
                std::any::type_name::<T>()
            ))
        })
    }
}
