//! Blocks of numbers, there and back, and what is wrong with them.

use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::codec::{EncodeFailure, Limits, decode_with_attachments, encode_owned, encode_with_attachments};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;

const LIMITS: [Limits; 2] = [
    Limits { payload_bytes: 1 << 30, inline_bytes: 1 << 12 },
    Limits { payload_bytes: 1 << 30, inline_bytes: usize::MAX },
];

/// Lengths on both sides of the least that is attached.
const LENGTHS: [usize; 5] = [0, 1, 7, (64 << 10) - 1, (64 << 10) + 5];

fn encoded(value: &impl Serialize, limits: &Limits) -> Encoded {
    let mut encoded = Encoded::default();
    encode_with_attachments(value, &mut encoded, limits).expect("it encodes");
    encoded
}

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug + Clone + 'static>(value: &T) {
    for limits in LIMITS {
        let by_reference = encoded(value, &limits);
        let mut by_value = Encoded::default();
        encode_owned(value.clone(), &mut by_value, &limits).expect("it encodes");
        assert_eq!((&by_reference.bytes, &by_reference.attachments), (&by_value.bytes, &by_value.attachments));
        let Encoded { bytes, attachments } = &by_reference;
        assert!(decode_with_attachments::<T>(bytes, attachments.clone().into()).as_ref() == Ok(value));
        // As a field, which is read by serde.
        let Encoded { bytes, attachments } = encoded(&(value, 1u8), &limits);
        assert!(decode_with_attachments::<(T, u8)>(&bytes, attachments.into()) == Ok((value.clone(), 1)));
    }
}

macro_rules! of_every_kind {
    ($($name:ident $number:ty, $n:ident => $value:expr;)*) => {$(
        #[test]
        fn $name() {
            for length in LENGTHS {
                let numbers: Vec<$number> = (0..length).map(|$n| $value).collect();
                there_and_back(&numbers.clone().into_boxed_slice());
                there_and_back(&VecDeque::from(numbers.clone()));
                there_and_back(&numbers);
            }
        }
    )*};
}

of_every_kind! {
    vectors_of_bool bool, n => n % 3 == 0;
    vectors_of_char char, n => char::from_u32(n as u32 % 0xd800).unwrap_or_default();
    vectors_of_i8 i8, n => n as i8;
    vectors_of_i16 i16, n => (n as i16).wrapping_neg();
    vectors_of_i32 i32, n => (n as i32).wrapping_mul(-70_000);
    vectors_of_i64 i64, n => -(n as i64) << 33;
    vectors_of_i128 i128, n => -(n as i128) << 70;
    vectors_of_u8 u8, n => n as u8;
    vectors_of_u16 u16, n => n as u16;
    vectors_of_u32 u32, n => (n as u32).wrapping_mul(70_000);
    vectors_of_u64 u64, n => (n as u64) << 33;
    vectors_of_u128 u128, n => (n as u128) << 70;
    vectors_of_f32 f32, n => n as f32 / 3.0;
    vectors_of_f64 f64, n => n as f64 / 3.0;
}

#[test]
fn texts_and_sets() {
    for length in LENGTHS {
        there_and_back(&"ä".repeat(length));
        there_and_back(&(0..length as u64).collect::<BTreeSet<u64>>());
    }
    let mut bytes = vec![b'a'; 100_000];
    bytes[99_999] = 0xff;
    let Encoded { bytes, attachments } = encoded(&bytes, &LIMITS[0]);
    let error = decode_with_attachments::<String>(&bytes, attachments.into()).expect_err("it is no text");
    assert!(error.0.contains("UTF-8"), "{error:?}");
}

#[test]
fn large_blocks_are_attached_and_handed_over() {
    let numbers = vec![0.5f64; 100_000];
    let pointer = numbers.as_ptr();
    let mut encoded = Encoded::default();
    encode_owned(numbers, &mut encoded, &LIMITS[0]).expect("it encodes");
    assert_eq!((encoded.bytes.len(), encoded.attachments.len()), (8 + 4, 1));
    let decoded: Vec<f64> = decode_with_attachments(&encoded.bytes, encoded.attachments.into()).expect("it decodes");
    assert_eq!((decoded.as_ptr(), decoded.len(), decoded[99_999]), (pointer, 100_000, 0.5));
}

#[test]
fn a_vector_arrives_as_another_type_of_the_same_shape() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Metres(f64);
    for length in [3, 100_000] {
        let numbers = vec![1.5f64; length];
        let Encoded { bytes, attachments } = encoded(&numbers, &LIMITS[0]);
        let metres: Vec<Metres> = decode_with_attachments(&bytes, attachments.into()).expect("it decodes");
        assert!(metres.len() == length && metres.iter().all(|metres| *metres == Metres(1.5)));
        let Encoded { bytes, attachments } = encoded(&metres, &LIMITS[0]);
        assert!(attachments.is_empty());
        assert!(decode_with_attachments::<Vec<f64>>(&bytes, attachments.into()) == Ok(numbers));
    }
}

#[test]
fn a_vector_of_other_numbers_is_an_error() {
    for length in [3, 99_999, 100_000] {
        let Encoded { bytes, attachments } = encoded(&vec![1.5f64; length], &LIMITS[0]);
        let incoming = || Incoming::from(attachments.clone());
        assert!(decode_with_attachments::<Vec<u64>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Vec<f32>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Vec<u128>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Vec<String>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Vec<(f64,)>>(&bytes, incoming()).is_err() || length == 3);
        assert!(decode_with_attachments::<String>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Option<Vec<f64>>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<Vec<bool>>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<(Vec<u64>,)>(&bytes, incoming()).is_err());
        assert!(decode_with_attachments::<(Vec<u128>,)>(&bytes, incoming()).is_err());
    }
}

#[test]
fn a_missing_buffer_is_an_error() {
    let Encoded { bytes, .. } = encoded(&vec![1u8; 100_000], &LIMITS[0]);
    for error in [
        decode_with_attachments::<Vec<u8>>(&bytes, Incoming::NONE).map(drop),
        decode_with_attachments::<(Vec<u8>,)>(&bytes, Incoming::NONE).map(drop),
        decode_with_attachments::<String>(&bytes, Incoming::NONE).map(drop),
    ] {
        assert!(error.is_err_and(|error| error.0.contains("no buffer at position 0")));
    }
}

#[test]
fn a_block_over_the_limit_is_refused_before_there_is_memory_for_it() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(std::iter::repeat_n(0u64, 1 << 60))
        }
    }
    for limits in LIMITS {
        let failure = encode_with_attachments(&Endless, &mut Encoded::default(), &limits);
        assert_eq!(failure, Err(EncodeFailure::TooLarge(1 << 30)));
        // Behind the length stands the check.
        let limits = Limits { payload_bytes: 1 << 20, ..limits };
        for (length, result) in [((1 << 20) - 12, Ok(())), ((1 << 20) - 11, Err(EncodeFailure::TooLarge(1 << 20)))] {
            let mut by_value = Encoded::default();
            assert_eq!(encode_owned(vec![0u8; length], &mut by_value, &limits), result);
            let mut by_reference = Encoded::default();
            assert_eq!(encode_with_attachments(&vec![0u8; length], &mut by_reference, &limits), result);
            assert_eq!((by_value.bytes, by_value.attachments), (by_reference.bytes, by_reference.attachments));
        }
    }
}

#[test]
fn an_iterator_of_another_length_than_it_says_is_refused() {
    struct Lying(usize, usize);
    impl Iterator for Lying {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0 = self.0.checked_sub(1)?;
            Some(7)
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (self.1, Some(self.1))
        }
    }
    struct Sequence(usize, usize);
    impl Serialize for Sequence {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(Lying(self.0, self.1))
        }
    }
    for (gives, says) in [(3, 4), (4, 3), (50_000, 50_001), (50_001, 50_000)] {
        let failure = encode_with_attachments(&Sequence(gives, says), &mut Encoded::default(), &LIMITS[0]);
        assert!(matches!(failure, Err(EncodeFailure::Value(text)) if text.contains("size_hint")));
    }
}
