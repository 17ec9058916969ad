//! What is wrapped comes back as it was, whatever its type asks of a format.

mod properties;

use super::format::MAX_DEPTH;
use super::*;
use crate::wire::codec;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

fn written<T: Serialize>(value: T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match codec::encode(&Cbor(value), &mut bytes, codec::PAYLOAD_LIMIT_BYTES) {
        Ok(()) => Ok(bytes),
        Err(codec::EncodeFailure::Value(reason)) => Err(reason),
        Err(failure) => panic!("it is small: {failure:?}"),
    }
}

/// What a value of one type is read as, by the way that arguments go.
fn read_as<T: DeserializeOwned + 'static>(value: impl Serialize) -> Result<T, String> {
    codec::decode(&written(value)?).map(Cbor::into_inner).map_err(|failure| failure.0)
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
    assert_eq!(read_as::<T>(&value).as_ref(), Ok(&value));
    let [some, none] = read_as::<[Option<T>; 2]>([Some(&value), None]).expect("it decodes");
    assert!(some.as_ref() == Some(&value) && none.is_none(), "{some:?}, {none:?}");
    // The neighbour's bytes are not touched.
    let both = (Cbor(value), 7u8);
    let mut bytes = Vec::new();
    codec::encode(&both, &mut bytes, codec::PAYLOAD_LIMIT_BYTES).expect("it encodes");
    assert_eq!(codec::decode(&bytes), Ok(both));
}

#[test]
fn numbers_and_texts_come_back() {
    for number in [0, 23, 24, 255, 256, 65535, 65536, u32::MAX.into(), 1 << 32, u64::MAX.into(), 1 << 64, u128::MAX] {
        comes_back(number);
        comes_back((number as u8, number as u16, number as u32, number as u64));
        comes_back((number as i8, number as i16, number as i32, number as i64, number as i128));
        comes_back((!number as i64, !number as i128, -(number as i128 >> 1)));
    }
    comes_back((i8::MIN, i64::MIN, i128::MIN, i128::MAX));
    comes_back((true, false, 'x', '\u{10ffff}', String::new(), "text".repeat(9000)));
    comes_back([f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 0.1, 1.0]);
    comes_back([f32::INFINITY, f32::MAX, 0.1]);
    comes_back((1.0f64, 1u64, Duration::from_nanos(1_000_000_001), std::path::PathBuf::from("a/b")));
}

#[test]
fn floats_keep_all_their_bits() {
    for bits in [f64::NAN.to_bits(), !0, 0x7ff0_0000_0000_0001, (-0.0f64).to_bits()] {
        assert_eq!(read_as::<f64>(f64::from_bits(bits)).map(f64::to_bits), Ok(bits));
        assert_eq!(read_as::<Tagged>(Tagged::Float { x: f64::from_bits(bits) }).map(|read| read.bits()), Ok(bits));
    }
    for bits in [f32::NAN.to_bits(), !0, (-0.0f32).to_bits()] {
        assert_eq!(read_as::<f32>(f32::from_bits(bits)).map(f32::to_bits), Ok(bits));
    }
}

#[test]
fn options_of_options_and_of_nothing_come_back() {
    comes_back([None, Some(None), Some(Some(5))]);
    comes_back([None, Some(())]);
    comes_back([None, Some(None), Some(Some(None)), Some(Some(Some(())))]);
    comes_back([Some(Unit), None]);
    comes_back([Some(vec![Some(None::<u8>)]), None]);
    comes_back((Some(Value::Null), None::<u8>, Some(json!([null]))).1);
    comes_back([Tagged::Options { twice: Some(None), nothing: Some(()) }, Tagged::Unit]);
    comes_back([Untagged::Options { twice: Some(Some(1)), nothing: None }]);
    comes_back(BTreeMap::from([(None, 1), (Some(None), 2), (Some(Some('x')), 3)]));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<Box<Wrapped>>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Unit,
    Float {
        x: f64,
    },
    Options {
        twice: Option<Option<u8>>,
        nothing: Option<()>,
    },
    /// These are written otherwise in formats for humans.
    Address {
        ip: IpAddr,
        small: f32,
    },
    Inner(Inner),
}

impl Tagged {
    fn bits(&self) -> u64 {
        if let Tagged::Float { x } = self { x.to_bits() } else { 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    One(Option<()>),
    Two(u8, String),
    Named { a: i128, ip: IpAddr },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Unit,
    Integer(i64),
    Float(f64),
    Text(String),
    Address { ip: IpAddr },
    Options { twice: Option<Option<u8>>, nothing: Option<()> },
    Pair(char, bool),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum External {
    Unit,
    One(u8),
    Nothing(()),
    Two(u8, Option<Box<External>>),
    #[serde(rename = "with names")]
    Named {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        list: Vec<External>,
        bytes: Bytes,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Inner {
    id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Option<Option<bool>>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    #[serde(flatten)]
    inner: Inner2,
    #[serde(flatten)]
    numbered: HashMap<u32, u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner2 {
    a: u8,
    ip: IpAddr,
}

#[derive(Debug, Clone, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

/// Asks the format what it is, as `rust_decimal::Decimal` does.
impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_any(BytesVisitor)
    }
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[test]
fn types_that_the_other_format_refuses_come_back() {
    comes_back([Tagged::Unit, Tagged::Float { x: 1.0 }, Tagged::Address { ip: HERE, small: 0.1 }]);
    comes_back(Tagged::Inner(inner()));
    comes_back([Adjacent::Unit, Adjacent::One(Some(())), Adjacent::One(None), Adjacent::Two(1, "b".to_owned())]);
    comes_back(Adjacent::Named { a: 7, ip: HERE });
    comes_back([Untagged::Unit, Untagged::Integer(1), Untagged::Float(1.0), Untagged::Text("1".to_owned())]);
    comes_back([Untagged::Address { ip: HERE }, Untagged::Pair('c', true)]);
    comes_back([inner(), Inner::default()]);
    comes_back(Flat { inner: Inner2 { a: 1, ip: HERE }, numbered: HashMap::from([(7, 8), (9, 10)]) });
    comes_back(vec![
        External::Unit,
        External::One(1),
        External::Nothing(()),
        External::Two(3, Some(Box::new(External::Unit))),
    ]);
    comes_back(External::Named { list: vec![], bytes: Bytes(vec![0xff; 300]) });
    comes_back(External::Named { list: vec![External::Unit], bytes: Bytes(vec![]) });
    comes_back((Unit, (), [(); 3], Ok::<u8, String>(1), Err::<u8, String>("no".to_owned())));
    comes_back(json!({"a": [1, 1.0, -1, null, {"b": u64::MAX, "c": i64::MIN}], "": "x", "f": 0.1}));
    comes_back(BTreeMap::from([((1u8, 'x'), 2u8), ((2, 'y'), 3)]));
}

fn inner() -> Inner {
    let rest = [("x", None), ("y", Some(None)), ("z", Some(Some(true)))].map(|(name, value)| (name.to_owned(), value));
    Inner { id: 1, limit: None, name: None, rest: rest.into() }
}

/// serde itself has no place for them where it has to look at a value before it knows its type.
#[test]
fn an_integer_that_serde_cannot_hold_back_is_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t")]
    enum Large {
        Number { n: u128 },
    }
    for n in [5, u128::MAX] {
        assert!(read_as::<Large>(Large::Number { n }).expect_err("it is refused").contains("128"));
    }
    comes_back(Adjacent::Named { a: i128::MAX, ip: HERE });
}

#[test]
fn a_value_of_another_type_is_refused_with_the_reason() {
    let reason = read_as::<Inner>(json!({"limit": 3})).expect_err("there is no id");
    assert!(reason.contains("Inner") && reason.contains("CBOR") && reason.contains("missing field `id`"), "{reason}");
    let reason = read_as::<(u8, u8)>([1u8, 2, 3]).expect_err("one is left");
    assert!(reason.contains("of 2 elements was serialized with 3"), "{reason}");
    assert!(read_as::<u8>(256).is_err() && read_as::<i8>(-129).is_err() && read_as::<u64>(-1).is_err());
    assert!(read_as::<External>("Other").expect_err("it is none").contains("unknown variant"));
    assert!(read_as::<External>(1).is_err() && read_as::<External>(json!({"One": 1, "Unit": 2})).is_err());
    assert!(read_as::<u8>(1.0).is_err() && read_as::<String>(1).is_err() && read_as::<Unit>(1).is_err());
    assert!(read_as::<External>(json!({"Unit": 1})).is_err() && read_as::<External>("One").is_err());
}

#[test]
fn an_element_that_is_left_out_is_refused_where_others_would_take_its_place() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Two(
        #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
        #[serde(default, skip_serializing_if = "Option::is_none")] Option<u8>,
    );
    comes_back(Two(Some(1), Some(2)));
    assert!(read_as::<Two>(Two(None, Some(5))).expect_err("the other would be 5").contains("serialized with 1"));
}

#[test]
fn what_nobody_reads_is_passed_over() {
    let value = BTreeMap::from([
        ("id", Adjacent::Unit),
        ("large", Adjacent::Named { a: i128::MIN, ip: HERE }),
        ("some", Adjacent::One(Some(()))),
    ]);
    #[derive(Debug, PartialEq, Deserialize)]
    struct Id {
        id: Adjacent,
    }
    assert_eq!(read_as(value), Ok(Id { id: Adjacent::Unit }));
}

#[test]
fn lengths_are_found_out_or_must_be_right() {
    struct Odd(Option<usize>);
    impl Serialize for Odd {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut sequence = serializer.serialize_seq(self.0)?;
            (1..4).try_for_each(|n| sequence.serialize_element(&n))?;
            sequence.end()
        }
    }
    assert_eq!(read_as(Odd(None)), Ok(vec![1u8, 2, 3]));
    assert_eq!(read_as(Odd(Some(3))), Ok(vec![1u8, 2, 3]));
    let reason = read_as::<Vec<u8>>(Odd(Some(2))).expect_err("there are three");
    assert!(reason.contains("announced 2 elements or fields, but has 3"), "{reason}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t")]
enum Node {
    End,
    More { next: Box<Node> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Nest {
    Leaf(u8),
    Map(HashMap<String, Nest>),
    List(Vec<Nest>),
}

fn value(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, n| if n % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
}

/// Does something with a stack as threads have it.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(body).expect("a thread can be started");
    thread.join().expect("it does not overflow");
}

#[test]
fn values_may_be_nested_so_deep_and_no_deeper() {
    on_a_small_stack(|| comes_back_once(value(MAX_DEPTH)));
    on_a_small_stack(|| comes_back_once((1..MAX_DEPTH).fold(Node::End, |next, _| Node::More { next: Box::new(next) })));
    on_a_small_stack(|| comes_back_once((0..MAX_DEPTH).fold(Nest::Leaf(1), |inner, _| Nest::List(vec![inner]))));
    on_a_small_stack(|| comes_back_once((0..MAX_DEPTH).fold(Wrapped(None), |inner, _| Wrapped(Some(Box::new(inner))))));
    for reason in [
        written(value(MAX_DEPTH + 1)),
        written((0..5000).fold(Wrapped(None), |inner, _| Wrapped(Some(Box::new(inner))))),
    ] {
        let reason = reason.expect_err("it is too deep");
        assert!(reason.contains(&format!("more than {MAX_DEPTH} levels deep")), "{reason}");
    }
    // Arrays of one element, maps, tags of options and of nobody.
    for levels in [vec![0x81], vec![0xa1, 0x01], vec![0x9f], vec![0xbf, 0x01], vec![0xd9, 0xf5, 0x0e], vec![0xc9]] {
        let bytes = levels.repeat(100_000);
        on_a_small_stack(move || {
            assert!(read::from_bytes::<Value>(&bytes).is_err() && read::from_bytes::<Node>(&bytes).is_err());
            assert!(
                read::from_bytes::<de::IgnoredAny>(&bytes).is_err_and(|failure| failure.to_string().contains("deep"))
            );
            assert!(read::from_bytes::<Wrapped>(&bytes).is_err());
        });
    }
}

fn comes_back_once<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
    assert!(read_as::<T>(&value).is_ok_and(|read| read == value));
}

#[test]
fn it_is_what_others_call_cbor() {
    let value = (inner_without_options(), vec![-1i64, i64::MIN], 0.1f64, "text", u128::MAX, Some(3u8));
    let bytes = write::to_bytes(&value).expect("it encodes");
    let others = ciborium::Value::serialized(&value).expect("it encodes");
    assert_eq!(ciborium::from_reader::<ciborium::Value, _>(bytes.as_slice()).expect("it is CBOR"), others);
    let mut bytes = Vec::new();
    ciborium::into_writer(&others, &mut bytes).expect("it encodes");
    type Read = (BTreeMap<String, Value>, Vec<i64>, f64, String, u128, Option<u8>);
    let read: Read = read::from_bytes(&bytes).expect("it decodes");
    assert_eq!(
        (read.1, read.2, read.3, read.4, read.5),
        (vec![-1, i64::MIN], 0.1, "text".to_owned(), u128::MAX, Some(3))
    );
}

fn inner_without_options() -> BTreeMap<&'static str, u32> {
    BTreeMap::from([("id", 1), ("limit", 70_000)])
}

#[test]
fn formats_for_humans_and_itself_do_not_see_the_wrapper() {
    let text = serde_json::to_string(&Cbor(inner())).expect("it encodes");
    assert_eq!(text, serde_json::to_string(&inner()).expect("it encodes"));
    assert!(
        serde_json::from_str::<Cbor<Value>>(&text)
            .is_ok_and(|read| *read == serde_json::to_value(inner()).expect("it is"))
    );
    assert_eq!(written(Cbor(Some(Cbor(inner())))), written(Some(inner())));
    comes_back(Cbor(vec![Cbor(Untagged::Unit), Cbor(Untagged::Integer(3))]));
    comes_back(crate::Buffer::from(vec![1.5f64; 3000]));
}

#[test]
fn references_encode_like_values() {
    let value = inner();
    assert_eq!(written(&value), written(inner()));
}
