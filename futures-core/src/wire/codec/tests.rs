//! What comes back is what was written, or there is an error.

use super::format::MAX_DEPTH;
use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::Deserializer;
use serde::ser::Serializer;
use std::collections::{BTreeMap, HashMap};

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes, PAYLOAD_LIMIT_BYTES).expect("it encodes");
    bytes
}

/// What a value of one type is read as.
fn read_as<T: DeserializeOwned + 'static>(value: &impl Serialize) -> Result<T, String> {
    decode(&encoded(value)).map_err(|DecodeFailure(reason)| reason)
}

fn refusal<T: Serialize>(value: &T) -> String {
    match encode(value, &mut Vec::new(), PAYLOAD_LIMIT_BYTES) {
        Err(EncodeFailure::Value(reason)) => reason,
        other => panic!("it is not refused: {other:?}"),
    }
}

#[test]
fn values_follow_one_another() {
    let bytes = encoded(&(1u8, "two", 3.0f64));
    let mut values = Values::new(&bytes, Incoming::NONE);
    assert_eq!(values.next::<(u8, String)>(), Ok((1, "two".to_owned())));
    assert_eq!(values.next::<f64>(), Ok(3.0));
    assert!(values.end().is_ok());
    let mut values = Values::new(&bytes, Incoming::NONE);
    assert!(values.next::<(u8, String)>().is_ok() && values.end().is_err(), "the last one is left");
}

#[test]
fn references_encode_like_values() {
    assert_eq!(encoded(&("text", &[1u16, 2][..])), encoded(&("text".to_owned(), vec![1u16, 2])));
}

#[test]
fn the_limit_holds_and_leaves_the_bytes_as_they_were() {
    let mut bytes = vec![7; 10];
    assert_eq!(encode(&vec![0u8; 100], &mut bytes, 100), Err(EncodeFailure::TooLarge(100)));
    assert_eq!(bytes, [7; 10]);
    assert_eq!(encode(&[0u64; 10], &mut bytes, 94), Ok(()));
    assert_eq!(bytes.len(), 94);
}

#[test]
fn what_has_no_bytes_stays_without() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nothing {}
    assert!(encoded(&((), Nothing {}, [(); 3])).is_empty());
    assert_eq!(read_as::<((), Nothing, [(); 3])>(&((), Nothing {}, [(); 3])), Ok(((), Nothing {}, [(); 3])));
    assert!(decode::<u8>(&[]).is_err() && decode::<()>(&[0]).is_err() && decode::<()>(&[0; 4]).is_ok());
}

#[test]
fn a_length_without_data_takes_no_memory() {
    for size in [8, 5000, 300_000] {
        let mut bytes = vec![0; size];
        bytes[..8].copy_from_slice(&(1u64 << 35).to_le_bytes());
        assert!(decode::<String>(&bytes).is_err());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
        assert!(decode::<Vec<()>>(&bytes).is_err());
    }
}

/// A sequence and a map whose lengths are not known before.
struct Unknown;

impl Serialize for Unknown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{SerializeMap, SerializeTuple};
        struct Odd;
        impl Serialize for Odd {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((0..10u32).filter(|n| n % 2 == 1))
            }
        }
        struct Squares;
        impl Serialize for Squares {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                for n in 0..3u8 {
                    map.serialize_entry(&n, &(n * n))?;
                }
                map.end()
            }
        }
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&Odd)?;
        pair.serialize_element(&Squares)?;
        pair.end()
    }
}

#[test]
fn lengths_need_not_be_known_before() {
    let squares = BTreeMap::from([(0, 0), (1, 1), (2, 4)]);
    assert_eq!(read_as::<(Vec<u32>, BTreeMap<u8, u8>)>(&Unknown), Ok((vec![1, 3, 5, 7, 9], squares)));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Report {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    values: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Step {
    Go {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
}

#[test]
fn a_field_that_is_left_out_is_refused_by_name() {
    let report = Report { warning: Some("hot".to_owned()), values: vec![1.0] };
    assert_eq!(read_as(&report), Ok(report.clone()));
    let reason = refusal(&vec![Report { warning: None, ..report }]);
    assert!(reason.starts_with("the field `warning` of `Report` is left out"), "{reason}");
    assert!(reason.contains("`Cbor`") && reason.contains("docs/what-can-travel.md"), "{reason}");
    let reason = refusal(&Step::Go { limit: None });
    assert!(reason.contains("the field `limit` of `Go`"), "{reason}");
}

/// A field without a name is left out without a word.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unnamed(u64, #[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>);

#[test]
fn an_element_that_is_left_out_is_noticed() {
    assert_eq!(read_as::<Unnamed>(&Unnamed(1, Some(2))), Ok(Unnamed(1, Some(2))));
    assert!(read_as::<Unnamed>(&Unnamed(1, None)).is_err());
    assert!(read_as::<Vec<Unnamed>>(&vec![Unnamed(1, None), Unnamed(1, None), Unnamed(1, None)]).is_err());
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    #[serde(skip_deserializing)]
    id: String,
    name: String,
    #[serde(skip_serializing)]
    password: String,
    #[serde(skip)]
    session: u32,
}

#[test]
fn fields_that_are_skipped_on_one_side_never_change_places() {
    let account = Account { id: "7".to_owned(), name: "n".to_owned(), password: "p".to_owned(), session: 0 };
    let reason = read_as::<Account>(&account).expect_err("its name would be the password");
    assert!(reason.contains("skipped or renamed"), "{reason}");
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct OneSide {
        #[serde(skip_serializing, default)]
        a: u32,
        b: u32,
        #[serde(alias = "d")]
        c: u32,
    }
    assert!(read_as::<OneSide>(&OneSide { a: 1, b: 2, c: 3 }).is_err());
    assert!(read_as::<Vec<OneSide>>(&[0; 3].map(|_| OneSide { a: 1, b: 2, c: 3 }).as_slice()).is_err());
}

#[test]
fn fields_that_are_skipped_on_both_sides_or_have_aliases_are_carried() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kept {
        #[serde(skip)]
        cache: u32,
        #[serde(alias = "number", alias = "n")]
        count: u64,
        #[serde(rename = "Text")]
        text: String,
        #[serde(default)]
        flag: bool,
    }
    let kept = || Kept { cache: 0, count: 3, text: "t".to_owned(), flag: true };
    assert_eq!(read_as(&kept()), Ok(kept()));
    assert_eq!(read_as(&vec![kept(), kept()]), Ok(vec![kept(), kept()]));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Command {
    #[serde(skip)]
    #[allow(dead_code)]
    Local,
    #[serde(alias = "Plus", alias = "Sum")]
    Add(u32),
    #[serde(skip_deserializing)]
    Old(u32),
    Remove(u32),
    #[serde(skip_serializing)]
    Unsent,
    Move {
        from: u32,
        to: u32,
    },
    List,
}

#[test]
fn variants_are_what_they_are_called() {
    for command in [Command::Add(3), Command::Remove(4), Command::Move { from: 1, to: 2 }, Command::List] {
        assert_eq!(read_as(&command), Ok(command.clone()));
    }
    let reason = read_as::<Command>(&Command::Old(1)).expect_err("it cannot be read");
    assert!(reason.contains("`Command`") && reason.contains("Add, "), "{reason}");
    assert!(refusal(&Command::Local).contains("Local") && refusal(&Command::Unsent).contains("Unsent"));
}

#[test]
fn a_variant_of_another_name_is_an_error_unless_there_is_a_rest() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Renamed {
        #[serde(rename(serialize = "Two", deserialize = "One"))]
        One,
        #[serde(rename(serialize = "One", deserialize = "Two"))]
        Two,
        #[serde(rename(serialize = "three"))]
        Three,
    }
    // Both sides agree on nothing but the names.
    assert_eq!(read_as(&Renamed::One), Ok(Renamed::Two));
    assert!(read_as::<Renamed>(&Renamed::Three).is_err());
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Open {
        Known(u8),
        #[serde(other)]
        Unknown,
    }
    assert_eq!(read_as(&[Open::Known(1), Open::Unknown]), Ok([Open::Known(1), Open::Unknown]));
}

#[test]
fn enums_of_many_variants_and_of_the_standard_library_are_carried() {
    macro_rules! many {
        ($($name:ident)*) => {
            #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
            enum Many { $($name),* }
            const ALL: &[Many] = &[$(Many::$name),*];
        };
    }
    many!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z AA AB AC AD AE AF AG AH AI AJ AK AL AM AN AO AP AQ AR AS);
    assert_eq!(read_as(&ALL), Ok(ALL.to_vec()));
    type Values = (Result<u8, String>, Option<Result<(), u8>>, std::ops::Bound<u8>, std::net::IpAddr);
    let values: Values = (Err("no".to_owned()), Some(Ok(())), std::ops::Bound::Excluded(3), [127, 0, 0, 1].into());
    assert_eq!(read_as(&values), Ok(values));
}

#[test]
fn values_of_another_type_are_noticed() {
    assert!(read_as::<i64>(&1u64).is_err() && read_as::<f64>(&1u64).is_err() && read_as::<u32>(&'c').is_err());
    assert!(read_as::<(u32, u32)>(&1u64).is_err() && read_as::<Option<u8>>(&Some(true)).is_err());
    assert!(read_as::<Vec<u8>>(&"text").is_ok(), "a text is taken for its bytes");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    number: u32,
    held: Untagged,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Circle { radius: f64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Circle { radius: f64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    n: u32,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

#[test]
fn types_that_describe_themselves_are_refused_with_the_way_out() {
    let flat = Flat { n: 1, rest: HashMap::from([("a".to_owned(), 1)]) };
    let reasons = [
        read_as::<Untagged>(&Untagged::Number(1)).expect_err("it is refused"),
        read_as::<Tagged>(&Tagged::Circle { radius: 1.0 }).expect_err("it is refused"),
        read_as::<Adjacent>(&Adjacent::Circle { radius: 1.0 }).expect_err("it is refused"),
        read_as::<Flat>(&flat).expect_err("it is refused"),
        read_as::<serde::de::IgnoredAny>(&1u8).expect_err("it is refused"),
    ];
    for reason in reasons {
        assert!(reason.contains("`#[serde(untagged)]`") && reason.contains("wrap the value in `Cbor`"), "{reason}");
    }
    let reason = read_as::<Holder>(&Holder { number: 1, held: Untagged::Number(1) }).expect_err("it is refused");
    assert!(reason.starts_with("the field `held` of `Holder`"), "{reason}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    value: u64,
    next: Option<Box<Node>>,
}

fn chain(length: usize) -> Node {
    (0..length as u64).fold(Node { value: 0, next: None }, |next, value| Node { value, next: Some(Box::new(next)) })
}

#[test]
fn values_may_be_nested_so_deep_and_no_deeper() {
    let deepest = chain(MAX_DEPTH);
    let bytes = encoded(&deepest);
    // A stack as threads have it.
    let read = std::thread::spawn(move || decode::<Node>(&bytes).is_ok_and(|node| node == chain(MAX_DEPTH)));
    assert!(read.join().expect("it does not overflow"));
    let reason = refusal(&chain(MAX_DEPTH + 1));
    assert!(reason.contains(&format!("more than {MAX_DEPTH} levels deep")), "{reason}");
    // The bytes of a deeper one: each level is a number and a byte that says that there is another one.
    let bytes = [0, 0, 0, 0, 0, 0, 0, 0, 1].repeat(100_000);
    assert!(decode::<Node>(&bytes).is_err_and(|failure| failure.0.contains("deep")));
}

/// Refuses to decode after its first field.
#[derive(Debug, Serialize)]
struct Refusing(u8, String);

impl<'de> Deserialize<'de> for Refusing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer)?;
        Err(serde::de::Error::custom("I do not like it"))
    }
}

#[test]
fn a_value_may_refuse() {
    assert_eq!(read_as::<Refusing>(&Refusing(1, String::new())).expect_err("it refuses"), "I do not like it");
}

/// Values of all kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Any {
    Unit,
    Flag(bool),
    Small(i8, u8, i16, u16),
    Large { signed: i128, unsigned: u128 },
    Numbers(i32, u32, i64, u64),
    Text(String, char),
    Float(f32, f64),
    List(Vec<Any>),
    Map(BTreeMap<String, Any>),
    Option(Option<Box<Any>>),
    Pair(Box<(Any, Any)>),
}

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        Just(Any::Unit),
        any::<bool>().prop_map(Any::Flag),
        any::<(i8, u8, i16, u16)>().prop_map(|(a, b, c, d)| Any::Small(a, b, c, d)),
        any::<(i128, u128)>().prop_map(|(signed, unsigned)| Any::Large { signed, unsigned }),
        any::<(i32, u32, i64, u64)>().prop_map(|(a, b, c, d)| Any::Numbers(a, b, c, d)),
        any::<(String, char)>().prop_map(|(text, char)| Any::Text(text, char)),
        (-1e30f32..1e30, -1e300..1e300).prop_map(|(a, b)| Any::Float(a, b)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Any::List),
            prop::collection::btree_map(any::<String>(), inner.clone(), 0..4).prop_map(Any::Map),
            prop::option::of(inner.clone().prop_map(Box::new)).prop_map(Any::Option),
            (inner.clone(), inner).prop_map(|pair| Any::Pair(Box::new(pair))),
        ]
    })
}

proptest! {
    #[test]
    fn all_values_survive(values in prop::collection::vec(any_value(), 0..4)) {
        prop_assert_eq!(read_as(&values), Ok(values));
    }

    #[test]
    fn values_of_every_size_survive(length in prop_oneof![0usize..100, 4000usize..5000, 262_000usize..263_000], seed in any::<u64>()) {
        let value: Vec<u64> = (0..length as u64).map(|n| n.wrapping_mul(seed)).collect();
        prop_assert_eq!(read_as(&(&value, "end")), Ok((value, "end".to_owned())));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<(String, Vec<Option<u32>>, bool, char)>(&bytes);
        let _ = decode::<Vec<Any>>(&bytes);
        let _ = decode::<Node>(&bytes);
        let _ = decode::<BTreeMap<String, Command>>(&bytes);
    }

    #[test]
    fn cut_or_lengthened_values_are_errors(value in any_value(), change in 1usize..20) {
        let mut bytes = encoded(&value);
        bytes.extend(vec![0; change]);
        prop_assert!(decode::<Any>(&bytes).is_err());
        let bytes = encoded(&value);
        prop_assert!(decode::<Any>(&bytes[..bytes.len().saturating_sub(change)]).is_err());
    }
}
