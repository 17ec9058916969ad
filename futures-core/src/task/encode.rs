//! The encoding of a call's arguments, with errors that name the task.

use crate::error::{Error, Kind};
use crate::wire::attachments::Encoded;
use crate::wire::codec::{self, EncodeFailure, Limits};
use crate::wire::payload::Payload;
use serde::Serialize;
use std::cell::RefCell;

/// Encodes the arguments of one call of the task function `name`.
pub(crate) fn encode_arguments<T: Serialize>(name: &str, arguments: &T, limits: &Limits) -> Result<Payload, Error> {
    thread_local! {
        static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    // Taken rather than borrowed: a `Serialize` may itself submit a task. A thread that ends may have lost it.
    let mut encoded = Encoded { bytes: SCRATCH.try_with(RefCell::take).unwrap_or_default(), attachments: Vec::new() };
    append_arguments(name, arguments, &mut encoded, limits)?;
    let payload = encoded.pack();
    let _ = SCRATCH.try_with(|scratch| scratch.replace(encoded.bytes));
    Ok(payload)
}

/// Appends the encoded arguments of one call; on failure nothing is appended.
pub(crate) fn append_arguments<T: Serialize>(
    name: &str,
    arguments: &T,
    encoded: &mut Encoded,
    limits: &Limits,
) -> Result<(), Error> {
    codec::encode_with_attachments(arguments, encoded, limits).map_err(|failure| {
        let message = match failure {
            EncodeFailure::Value(reason) => format!("the arguments of task {name} cannot be encoded: {reason}"),
            EncodeFailure::TooLarge(limit) => {
                format!("the encoded arguments of task {name} are larger than the limit of {limit} bytes")
            }
        };
        Error::new(Kind::Codec, message)
    })
}
