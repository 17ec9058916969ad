//! Variants of enums, by their names: a number alone means another variant if one side skips some.

use super::failure::Failure;
use super::shape;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

/// The mark that is written for a variant: the hash of its name, with the lowest byte replaced by that of its number.
/// By the number the reader mostly finds the variant without a search.
#[inline(always)]
pub(super) fn mark(index: u32, name: &str) -> u32 {
    shape::hash(name) & !0xff | index & 0xff
}

/// Finds a variant among those that can be read.
#[inline(always)]
pub(super) fn find(mark: u32, enum_name: &'static str, names: &'static [&'static str]) -> Result<Found, Failure> {
    let index = mark & 0xff;
    match names.get(index as usize) {
        Some(name) if self::mark(index, name) == mark => Ok(Found { index, name }),
        _ => search(mark, enum_name, names),
    }
}

#[cold]
fn search(mark: u32, enum_name: &str, names: &'static [&'static str]) -> Result<Found, Failure> {
    let mut found = (0..).zip(names).filter(|(_, name)| self::mark(mark, name) == mark);
    match (found.next(), found.next()) {
        (Some((index, name)), None) => Ok(Found { index, name }),
        _ => Err(Failure::new(format!(
            "the serialized variant of `{enum_name}` is none of those that can be deserialized: {}; is it skipped, or \
             renamed, on one side only?",
            names.join(", ")
        ))),
    }
}

/// A variant: its place among those that can be read, with their aliases, and its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    index: u32,
    name: &'static str,
}

impl Found {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// Derived code is given the name: with aliases and skipped variants, nothing else is certain.
impl<'de> Deserializer<'de> for Found {
    type Error = Failure;

    #[inline(always)]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_borrowed_str(self.name)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_u32(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_u32(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let number: de::value::U32Deserializer<Failure> = self.index.into_deserializer();
        number.deserialize_any(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_u32(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}
