//! CBOR, read: the bytes, not the types, say which values follow; each length is believed only as far as there are
//! bytes for it.

use super::format::{Failure, MAX_DEPTH, NEGATIVE, POSITIVE, SOME, UNCOUNTED, major, simple};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

type Result<T = ()> = std::result::Result<T, Failure>;

/// The only value that the bytes hold; it is an error if it does not take all of them.
pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader { bytes, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.bytes.len() {
        0 => Ok(value),
        left => Err(Failure::new(format!("{left} bytes are left over"))),
    }
}

/// Takes values off the front of a slice.
struct Reader<'a> {
    bytes: &'a [u8],
    /// How many options, enums, structs, tuples, sequences and maps the value at hand is in.
    depth: usize,
}

/// The beginning of a value.
enum Head<'a> {
    Unsigned(u64),
    /// It stands for -1 minus this.
    Negative(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// The number of elements, if it was known.
    Array(Option<usize>),
    /// The number of pairs, if it was known.
    Map(Option<usize>),
    Tag(u64),
    Bool(bool),
    Null,
    Undefined,
    F32(f32),
    F64(f64),
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Result<u8> {
        self.bytes.first().copied().ok_or_else(cut_short)
    }

    fn take_bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(cut_short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(cut_short)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// The number that belongs to a first byte.
    fn take_number(&mut self, first: u8) -> Result<u64> {
        match first & 0x1f {
            short @ 0..24 => Ok(u64::from(short)),
            24 => self.take().map(|bytes| u64::from(u8::from_be_bytes(bytes))),
            25 => self.take().map(|bytes| u64::from(u16::from_be_bytes(bytes))),
            26 => self.take().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            27 => self.take().map(u64::from_be_bytes),
            _ => Err(unknown(first)),
        }
    }

    /// A number of bytes or elements, of which each takes a byte at least.
    fn take_length(&mut self, first: u8) -> Result<usize> {
        let length = self.take_number(first)?;
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() => Ok(length),
            _ => Err(Failure::new("a length in the data is larger than the data")),
        }
    }

    fn take_count(&mut self, first: u8) -> Result<Option<usize>> {
        if first & 0x1f == UNCOUNTED { Ok(None) } else { self.take_length(first).map(Some) }
    }

    fn take_head(&mut self) -> Result<Head<'a>> {
        let [first] = self.take()?;
        Ok(match first >> 5 {
            major::UNSIGNED => Head::Unsigned(self.take_number(first)?),
            major::NEGATIVE => Head::Negative(self.take_number(first)?),
            major::BYTES => {
                let length = self.take_length(first)?;
                Head::Bytes(self.take_bytes(length)?)
            }
            major::TEXT => {
                let length = self.take_length(first)?;
                let text = std::str::from_utf8(self.take_bytes(length)?);
                Head::Text(text.map_err(|error| Failure::new(format!("a string is not valid UTF-8: {error}")))?)
            }
            major::ARRAY => Head::Array(self.take_count(first)?),
            major::MAP => Head::Map(self.take_count(first)?),
            major::TAG => Head::Tag(self.take_number(first)?),
            _ => self.take_simple(first)?,
        })
    }

    fn take_simple(&mut self, first: u8) -> Result<Head<'a>> {
        Ok(match first {
            simple::FALSE => Head::Bool(false),
            simple::TRUE => Head::Bool(true),
            simple::NULL => Head::Null,
            simple::UNDEFINED => Head::Undefined,
            simple::F32 => Head::F32(f32::from_be_bytes(self.take()?)),
            simple::F64 => Head::F64(f64::from_be_bytes(self.take()?)),
            _ => return Err(unknown(first)),
        })
    }

    /// The bytes of an integer of more than 64 bits.
    fn take_integer(&mut self) -> Result<u128> {
        let Head::Bytes(bytes) = self.take_head()? else {
            return Err(Failure::new("an integer has no bytes"));
        };
        let mut number = [0; 16];
        let start = number.len().checked_sub(bytes.len());
        let start = start.ok_or_else(|| Failure::new("an integer has more than 128 bits"))?;
        number[start..].copy_from_slice(bytes);
        Ok(u128::from_be_bytes(number))
    }

    /// Reads inside an option, an array or a map, one level deeper.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Failure::too_deep());
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// All elements of an array or pairs of a map; `read` must take all.
    fn elements<T>(&mut self, left: Option<usize>, read: impl FnOnce(&mut Elements<'_, 'a>) -> Result<T>) -> Result<T> {
        self.inside(|reader| {
            let mut elements = Elements { reader, left };
            let value = read(&mut elements)?;
            if elements.begin()? {
                return Err(Failure::new("a sequence, a tuple or a map has more elements than were deserialized"));
            }
            Ok(value)
        })
    }

    fn visit_head<V: Visitor<'a>>(&mut self, head: Head<'a>, visitor: V) -> Result<V::Value> {
        match head {
            Head::Unsigned(number) => visitor.visit_u64(number),
            Head::Negative(number) => match i64::try_from(number) {
                Ok(number) => visitor.visit_i64(!number),
                Err(_) => visitor.visit_i128(!i128::from(number)),
            },
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::Text(text) => visitor.visit_borrowed_str(text),
            Head::Array(length) => self.elements(length, |elements| visitor.visit_seq(elements)),
            Head::Map(length) => self.elements(length, |elements| visitor.visit_map(elements)),
            Head::Tag(POSITIVE) => visitor.visit_u128(self.take_integer()?),
            Head::Tag(NEGATIVE) => match i128::try_from(self.take_integer()?) {
                Ok(number) => visitor.visit_i128(!number),
                Err(_) => Err(Failure::new("a negative integer has more than 128 bits")),
            },
            Head::Tag(tag) if tag == u64::from(SOME) => self.inside(|reader| visitor.visit_some(reader)),
            Head::Tag(tag) => Err(Failure::new(format!("the tag {tag} is unknown"))),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Null => visitor.visit_none(),
            Head::Undefined => visitor.visit_unit(),
            Head::F32(number) => visitor.visit_f32(number),
            Head::F64(number) => visitor.visit_f64(number),
        }
    }

    /// Skips a value.
    fn skip(&mut self) -> Result {
        match self.take_head()? {
            Head::Array(length) => self.elements(length, |elements| {
                while elements.begin()? {
                    elements.reader.skip()?;
                }
                Ok(())
            }),
            Head::Map(length) => self.elements(length, |elements| {
                while elements.begin()? {
                    elements.reader.skip()?;
                    elements.reader.skip()?;
                }
                Ok(())
            }),
            Head::Tag(_) => self.inside(Reader::skip),
            _ => Ok(()),
        }
    }
}

#[cold]
fn cut_short() -> Failure {
    Failure::new("bytes are missing at the end")
}

#[cold]
fn unknown(first: u8) -> Failure {
    Failure::new(format!("no value begins with the byte {first:#04x}"))
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        let head = self.take_head()?;
        self.visit_head(head, visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        if let simple::NULL | simple::UNDEFINED = self.peek()? {
            self.take_head()?;
            return visitor.visit_none();
        }
        if self.peek()? >> 5 == major::TAG {
            let before = self.bytes;
            if !matches!(self.take_head()?, Head::Tag(tag) if tag == u64::from(SOME)) {
                self.bytes = before;
            }
        }
        self.inside(|reader| visitor.visit_some(reader))
    }

    /// A unit may have been written as `()` or as `None`.
    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        match self.take_head()? {
            Head::Null => visitor.visit_unit(),
            head => self.visit_head(head, visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.take_head()? {
            Head::Text(variant) => visitor.visit_enum(BorrowedStrDeserializer::new(variant)),
            Head::Map(Some(1)) => self.inside(|reader| visitor.visit_enum(Variant { reader })),
            _ => Err(Failure::new(format!("the data in the place of a `{name}` is not an enum variant"))),
        }
    }

    /// An element that is left out would shift the others.
    fn deserialize_tuple<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value> {
        match self.take_head()? {
            Head::Array(Some(count)) if count != length => Err(Failure::new(format!(
                "a tuple or an array of {length} elements was serialized with {count} elements"
            ))),
            head => self.visit_head(head, visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq map
        struct identifier
    }
}

/// The elements of an array, or the pairs of a map, one after the other.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// How many are left; without a number, as many as there are before a break.
    left: Option<usize>,
}

impl Elements<'_, '_> {
    /// Whether another one follows.
    fn begin(&mut self) -> Result<bool> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.reader.peek()? == simple::BREAK => {
                self.reader.take::<1>()?;
                self.left = Some(0);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn hint(&self) -> Option<usize> {
        self.left.map(|left| left.min(self.reader.bytes.len()))
    }
}

impl<'a> de::SeqAccess<'a> for &mut Elements<'_, 'a> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.begin()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'a> de::MapAccess<'a> for &mut Elements<'_, 'a> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.begin()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

/// A variant that holds something: a map of one pair.
struct Variant<'r, 'a> {
    reader: &'r mut Reader<'a>,
}

impl<'a> de::EnumAccess<'a> for Variant<'_, 'a> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.reader)?, self))
    }
}

impl<'a> de::VariantAccess<'a> for Variant<'_, 'a> {
    type Error = Failure;

    fn unit_variant(self) -> Result {
        serde::Deserialize::deserialize(self.reader)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.reader)
    }

    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.reader.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.reader.deserialize_struct("", fields, visitor)
    }
}
