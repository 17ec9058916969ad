//! Whatever value is wrapped comes back, and whatever damage is done to its bytes does no harm.

use super::*;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = External> {
    let leaf = prop_oneof![
        Just(External::Unit),
        Just(External::Nothing(())),
        any::<u8>().prop_map(External::One),
        any::<u8>().prop_map(|number| External::Two(number, None)),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            (any::<u8>(), inner.clone()).prop_map(|(n, inner)| External::Two(n, Some(Box::new(inner)))),
            (prop::collection::vec(inner, 0..5), any::<Vec<u8>>())
                .prop_map(|(list, bytes)| External::Named { list, bytes: Bytes(bytes) }),
        ]
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

type Plain = (Option<Option<Option<bool>>>, BTreeMap<(i128, char), Vec<u128>>, (i8, u16, i32, u64), Option<()>, String);

/// What a damaged value may be read as.
fn read_all(bytes: &[u8]) {
    let _ = read::from_bytes::<Value>(bytes);
    let _ = read::from_bytes::<External>(bytes);
    let _ = read::from_bytes::<Plain>(bytes);
    let _ = read::from_bytes::<(Tagged, Adjacent, Untagged, Flat)>(bytes);
    let _ = read::from_bytes::<de::IgnoredAny>(bytes);
}

proptest! {
    #[test]
    fn all_values_survive(values in prop::collection::vec(any_value(), 0..4)) {
        prop_assert_eq!(read_as(&values), Ok(values));
    }

    #[test]
    fn all_values_of_json_survive(value in any_json()) {
        prop_assert_eq!(read_as(&value), Ok(value));
    }

    #[test]
    fn all_plain_values_survive(plain in any::<Plain>()) {
        prop_assert_eq!(read_as(&plain), Ok(plain));
    }

    #[test]
    fn floats_survive(bits in any::<(u64, u32)>()) {
        let floats = (f64::from_bits(bits.0), f32::from_bits(bits.1));
        prop_assert_eq!(read_as(floats).map(|(a, b): (f64, f32)| (a.to_bits(), b.to_bits())), Ok(bits));
    }

    #[test]
    fn flattened_and_tagged_values_survive(
        id in any::<u32>(),
        limit in any::<Option<u32>>(),
        rest in prop::collection::btree_map("[a-c]{4,9}", any::<Option<Option<bool>>>(), 0..4),
    ) {
        let value = Inner { id, limit, name: None, rest };
        prop_assert_eq!(read_as(&value), Ok(value.clone()));
        prop_assert_eq!(read_as(Tagged::Inner(value.clone())), Ok(Tagged::Inner(value)));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn damaged_values_never_panic_and_cut_ones_are_errors(
        value in (any_value(), any_json()),
        plain in any::<Plain>(),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let bytes = write::to_bytes(&(value, plain)).expect("it encodes");
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(read::from_bytes::<((External, Value), Plain)>(cut).is_err());
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = read::from_bytes::<((External, Value), Plain)>(&bytes);
        read_all(&bytes);
    }
}
