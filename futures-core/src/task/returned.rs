//! How much of a returned `Err` can be captured, by what its type can do.

use crate::wire::codec;
use serde::Serialize;
use std::error::Error as StdError;
use std::ops::Deref;

/// A returned error, wrapped so that methods of [`causes`] and [`mod@typed`] are found by how much its type can do.
///
/// The generated code calls `(&&&Returned(&error)).causes()`: method resolution tries the receiver with the most
/// references first, so that the most capable implementation wins ("autoref specialization").
pub struct Returned<'a, E>(pub &'a E);

/// The messages of an error's sources.
pub mod causes {
    use super::{Deref, Returned, StdError};
    use crate::wire::failure::messages;

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
    use crate::wire::failure::Typed;

    /// For errors that implement serde's traits.
    pub trait OfValue {
        /// The type's name and the encoded value, or why it cannot be encoded.
        fn typed(&self) -> Option<Typed>;
    }

    /// For all others.
    pub trait OfOther {
        /// Nothing can be carried.
        fn typed(&self) -> Option<Typed>;
    }

    impl<E: Serialize> OfValue for &Returned<'_, E> {
        fn typed(&self) -> Option<Typed> {
            let mut bytes = Vec::new();
            let encoded = codec::encode(self.0, &mut bytes, codec::PAYLOAD_LIMIT_BYTES);
            let value = encoded.map(|()| bytes).map_err(|failure| failure.to_string());
            Some(Typed { type_name: std::any::type_name::<E>().to_owned(), value })
        }
    }

    impl<E> OfOther for Returned<'_, E> {
        fn typed(&self) -> Option<Typed> {
            None
        }
    }
}
