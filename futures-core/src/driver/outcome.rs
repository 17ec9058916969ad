//! What became of a task, and its results one by one.

use crate::error::{Error, Kind};
use crate::wire::attachments::Incoming;
use crate::wire::codec::{self, DecodeFailure};
use crate::wire::memory::Attachment;
use crate::wire::parts::{self, Part};
use crate::wire::payload::Payload;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::{iter, slice};

/// What became of a task.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every call has succeeded: the encoded value, or the parts of several calls.
    Values(Payload),
    /// The task holds several calls, and at least one has failed.
    Items(Box<[Result<Payload, Error>]>),
    /// The task as a whole has failed, or its only call.
    Failed(Error),
    /// What was made in this process, of a type that only the derived future or the map knows which takes it.
    Local(Box<dyn Any + Send + Sync>),
}

impl Outcome {
    /// The value of a task of one call.
    pub(crate) fn value<T: DeserializeOwned + 'static>(&self) -> Result<T, Error> {
        match self {
            Outcome::Values(payload) => decode_result(payload.bytes(), payload.incoming()),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Items(_) | Outcome::Local(_) => {
                Err(Error::new(Kind::Codec, "the worker's reply holds several results instead of one"))
            }
        }
    }
}

/// Decodes the results of the calls of a task, one after the other.
pub(crate) enum Results<'a> {
    /// Of the only call.
    One(&'a Outcome),
    Parts(&'a [u8], iter::Cloned<slice::Iter<'a, Attachment>>),
    Items(slice::Iter<'a, Result<Payload, Error>>),
    /// Every result is this error.
    Failed(Error),
}

impl<'a> Results<'a> {
    /// Of a task of so many calls with this outcome.
    pub(crate) fn new(outcome: Result<&'a Outcome, Error>, count: usize) -> Self {
        match outcome {
            Ok(Outcome::Values(payload)) if count > 1 => {
                Results::Parts(payload.bytes(), payload.attachments().iter().cloned())
            }
            Ok(Outcome::Items(items)) => Results::Items(items.iter()),
            Ok(Outcome::Failed(error)) => Results::Failed(error.clone()),
            Ok(outcome) => Results::One(outcome),
            Err(error) => Results::Failed(error),
        }
    }

    /// Of some of the calls of a task.
    pub(crate) fn some(items: &'a [Result<Payload, Error>]) -> Self {
        Results::Items(items.iter())
    }

    /// The result of the next call. If its decoding panics, the next call is the one behind.
    ///
    /// # Panics
    ///
    /// If there are no more calls.
    pub(crate) fn next<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Error> {
        match self {
            Results::One(outcome) => outcome.value(),
            Results::Parts(bytes, attachments) => match parts::take(bytes, attachments) {
                Ok(Part::Value(bytes, attachments)) => decode_result(bytes, attachments),
                Ok(Part::Failure(failure)) => Err(Error::new(Kind::Codec, failure.message.clone())),
                Err(DecodeFailure(reason)) => {
                    Err(Error::new(Kind::Codec, format!("the worker's reply cannot be read: {reason}")))
                }
            },
            Results::Items(items) => {
                let item = items.next().expect("every call has a result");
                item.as_ref().map_err(Error::clone).and_then(|value| decode_result(value.bytes(), value.incoming()))
            }
            Results::Failed(error) => Err(error.clone()),
        }
    }
}

/// The result that `bytes` and `attachments` hold.
#[inline]
fn decode_result<T: DeserializeOwned + 'static>(bytes: &[u8], attachments: Incoming) -> Result<T, Error> {
    codec::decode_with_attachments(bytes, attachments).map_err(|DecodeFailure(reason)| {
        let type_name = std::any::type_name::<T>();
        Error::new(Kind::Codec, format!("the result of type {type_name} cannot be decoded: {reason}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::encode::append_arguments;
    use crate::wire::attachments::Encoded;
    use crate::wire::buffer::Buffer;
    use crate::wire::codec::Limits;

    #[test]
    fn outcomes_are_small() {
        assert_eq!(size_of::<Outcome>(), 24);
    }

    /// The results of three calls, each with a buffer.
    fn three_buffers() -> Outcome {
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        let mut encoded = Encoded::default();
        for length in [10_u8, 20, 30] {
            let buffer = Buffer::from(vec![length; length.into()]);
            parts::append(&mut encoded, |encoded| append_arguments("test", &buffer, encoded, &limits))
                .expect("it fits");
        }
        Outcome::Values(encoded.pack())
    }

    #[test]
    fn each_call_has_its_own_buffers_whatever_becomes_of_the_others() {
        let outcome = three_buffers();
        let mut results = Results::new(Ok(&outcome), 3);
        let lengths = [(); 3].map(|()| results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok());
        assert_eq!(lengths, [Some(10), Some(20), Some(30)]);
        let mut results = Results::new(Ok(&outcome), 3);
        // The first is one of eight-byte numbers as little as it is two buffers.
        assert!(results.next::<Buffer<u64>>().is_err_and(|error| error.is_codec()));
        assert!(results.next::<[Buffer<u8>; 2]>().is_err_and(|error| error.is_codec()));
        assert_eq!(results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok(), Some(30));
    }

    #[test]
    fn a_panic_in_decoding_costs_one_result() {
        #[derive(Debug)]
        struct Panicking;
        impl<'de> serde::Deserialize<'de> for Panicking {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                panic!("this panic is meant to be");
            }
        }
        let outcome = three_buffers();
        let mut results = Results::new(Ok(&outcome), 3);
        let first = std::panic::AssertUnwindSafe(|| results.next::<Panicking>());
        assert!(std::panic::catch_unwind(first).is_err());
        assert_eq!(results.next::<Buffer<u8>>().map(|buffer| buffer.len()).ok(), Some(20));
    }

    #[test]
    fn calls_that_have_failed_take_nothing_from_the_others() {
        let item = |n: u8| Payload::copied(&encoded(&n));
        let results = [Ok(item(1)), Err(Error::new(Kind::Cancelled, "no")), Ok(item(3))];
        let outcome = Outcome::Items(Box::new(results));
        let mut results = Results::new(Ok(&outcome), 3);
        let values = [(); 3].map(|()| results.next::<u8>().ok());
        assert_eq!(values, [Some(1), None, Some(3)]);
    }

    fn encoded(n: &u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec::encode(n, &mut bytes, 100).expect("it encodes");
        bytes
    }
}
