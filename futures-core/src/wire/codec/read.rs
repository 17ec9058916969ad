//! The format, read: each length is believed only as far as there are bytes for it.

use super::failure::Failure;
use super::format::{MAX_DEPTH, format, too_deep};
use super::numbers::{Bytes, Length, boolean, character};
use super::shape::{CHECK_BYTES, Difference, Fields, Kind, Shape};
use super::variant;
use bincode::Decode;
use bincode::error::DecodeError;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use std::str::Utf8Error;

/// Takes values off the front of a slice.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    /// How many there were at the beginning.
    length: usize,
    pub(super) shape: Shape,
    /// How many options, enums, sequences and maps the value at hand is in.
    depth: usize,
    /// The fields of the struct that was read last, and their sum: most often the next struct is of the same type.
    last: (&'static [&'static str], Fields),
}

type Result<T = ()> = std::result::Result<T, Failure>;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, length: bytes.len(), shape: Shape::NONE, depth: 0, last: (&[], Fields::NONE) }
    }

    /// Ends the reading; an error unless only the check is left, and is right.
    #[inline]
    pub(super) fn end(&self) -> Result {
        match self.bytes.try_into().map(u32::from_le_bytes) {
            Ok(check) => self.shape.compare(check).map_err(differs),
            // A value without bytes has no check.
            Err(_) if self.length == 0 => Ok(()),
            Err(_) => Err(left_over(self.bytes.len())),
        }
    }

    /// Takes a value of fixed width off the front.
    #[inline(always)]
    pub(super) fn take<T: Decode<()>>(&mut self) -> Result<T> {
        let (value, used) = bincode::decode_from_slice(self.bytes, format()).map_err(unreadable)?;
        self.bytes = &self.bytes[used..];
        Ok(value)
    }

    /// The next so many bytes.
    #[inline(always)]
    pub(super) fn split(&mut self, length: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(length).ok().and_then(|length| self.bytes.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(too_long)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The number of elements that follow, or where they are.
    #[inline]
    pub(super) fn take_length(&mut self) -> Result<Length> {
        let length = Length::of(self.take()?);
        // Elements may take no bytes, but there are not any number of those.
        if let Length::Here(length) = length
            && length > self.bytes.len() as u64
            && length > u64::from(u32::MAX)
        {
            return Err(too_long());
        }
        Ok(length)
    }

    #[inline(always)]
    fn descend(&mut self) -> Result {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(too_deep()) } else { Ok(()) }
    }

    /// Reads inside an option, a variant, a sequence or a map, one level deeper.
    #[inline(always)]
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.descend()?;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    #[inline(always)]
    fn fields<V: Visitor<'a>>(
        &mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let mut left = fields.len();
        let value = visitor.visit_seq(Elements { reader: self, left: &mut left, within: Some((name, fields)) })?;
        if left > 0 {
            // The list has aliases, too.
            self.shape.allow_any_names();
            return Ok(value);
        }
        if !std::ptr::eq(self.last.0, fields) {
            self.last = (fields, Fields::of(fields));
        }
        self.shape.add_struct(self.last.1);
        Ok(value)
    }
}

#[cold]
fn no_text(error: Utf8Error) -> Failure {
    Failure::new(format!("a string is not valid UTF-8: {error}"))
}

#[cold]
fn unreadable(error: DecodeError) -> Failure {
    match error {
        DecodeError::UnexpectedEnd { additional } => Failure::new(format!("{additional} bytes are missing at the end")),
        other => Failure::new(other.to_string()),
    }
}

#[cold]
pub(super) fn too_long() -> Failure {
    Failure::new("a length in the data is larger than the data")
}

#[cold]
fn left_over(bytes: usize) -> Failure {
    let bytes = bytes.saturating_sub(CHECK_BYTES);
    Failure::new(format!("{bytes} bytes are left over: its type is serialized differently than it is deserialized"))
}

#[cold]
fn differs(difference: Difference) -> Failure {
    Failure::new(match difference {
        Difference::Kinds => {
            "its type, or one inside it, is serialized differently than it is deserialized; is a field skipped on one \
             side only?"
        }
        Difference::Names => {
            "the fields of a struct in it are serialized under other names than they are deserialized under, so a \
             value could end up in the wrong field; is a field skipped or renamed on one side only? `#[serde(alias = \
             ...)]` is accepted in the place of `rename(deserialize = ...)`"
        }
    })
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $kind:ident;)*) => {$(
        #[inline(always)]
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
            self.shape.add(Kind::$kind);
            visitor.$visit(self.take::<$type>()?)
        }
    )*};
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Failure;

    numbers! {
        deserialize_i8 visit_i8 i8, I8;
        deserialize_i16 visit_i16 i16, I16;
        deserialize_i32 visit_i32 i32, I32;
        deserialize_i64 visit_i64 i64, I64;
        deserialize_i128 visit_i128 i128, I128;
        deserialize_u8 visit_u8 u8, U8;
        deserialize_u16 visit_u16 u16, U16;
        deserialize_u32 visit_u32 u32, U32;
        deserialize_u64 visit_u64 u64, U64;
        deserialize_u128 visit_u128 u128, U128;
        deserialize_f32 visit_f32 f32, F32;
        deserialize_f64 visit_f64 f64, F64;
    }

    fn deserialize_any<V: Visitor<'a>>(self, _visitor: V) -> Result<V::Value> {
        Err(Failure::describes_itself())
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, _visitor: V) -> Result<V::Value> {
        Err(Failure::describes_itself())
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, _visitor: V) -> Result<V::Value> {
        Err(Failure::describes_itself())
    }

    #[inline(always)]
    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.shape.add(Kind::Bool);
        visitor.visit_bool(boolean(self.take()?)?)
    }

    #[inline(always)]
    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.shape.add(Kind::Char);
        visitor.visit_char(character(self.take()?)?)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        match self.take_bytes()? {
            Bytes::Here(bytes) => visitor.visit_borrowed_str(std::str::from_utf8(bytes).map_err(no_text)?),
            Bytes::Attached(bytes) => {
                visitor.visit_string(String::from_utf8(bytes).map_err(|error| no_text(error.utf8_error()))?)
            }
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        match self.take_bytes()? {
            Bytes::Here(bytes) => visitor.visit_borrowed_bytes(bytes),
            Bytes::Attached(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline(always)]
    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.shape.add(Kind::Option);
        match self.take::<u8>()? {
            0 => visitor.visit_none(),
            1 => self.inside(|reader| visitor.visit_some(reader)),
            byte => Err(Failure::new(format!("the byte {byte} is not an option"))),
        }
    }

    #[inline(always)]
    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    #[inline(always)]
    fn deserialize_unit_struct<V: Visitor<'a>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    #[inline(always)]
    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.shape.add(Kind::Sequence);
        match self.take_length()? {
            Length::Here(length) => {
                let mut left = length as usize;
                self.inside(|reader| visitor.visit_seq(Elements { reader, left: &mut left, within: None }))
            }
            Length::Attached(place) => self.block(place, visitor),
        }
    }

    #[inline(always)]
    fn deserialize_tuple<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let mut left = length;
        visitor.visit_seq(Elements { reader: self, left: &mut left, within: None })
    }

    #[inline(always)]
    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline(always)]
    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value> {
        self.shape.add(Kind::Map);
        let Length::Here(length) = self.take_length()? else { return Err(too_long()) };
        let mut left = length as usize;
        self.inside(|reader| visitor.visit_map(Elements { reader, left: &mut left, within: None }))
    }

    #[inline(always)]
    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.fields(name, fields, visitor)
    }

    #[inline(always)]
    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.shape.add(Kind::Enum);
        let found = variant::find(self.take()?, name, variants)?;
        self.inside(|reader| visitor.visit_enum(Variant { reader, found }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The elements of a sequence, a tuple, a struct or a map, one after the other.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: &'r mut usize,
    /// The struct whose fields they are, with the names of the fields.
    within: Option<(&'static str, &'static [&'static str])>,
}

impl<'a> Elements<'_, 'a> {
    #[inline(always)]
    fn next<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left -= 1;
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(failure) => Err(self.place(failure)),
        }
    }

    #[cold]
    fn place(&self, failure: Failure) -> Failure {
        match self.within {
            Some((name, fields)) => failure.within(name, fields[fields.len() - 1 - *self.left]),
            None => failure,
        }
    }

    #[inline(always)]
    fn hint(&self) -> usize {
        (*self.left).min(self.reader.bytes.len())
    }
}

impl<'a> de::SeqAccess<'a> for Elements<'_, 'a> {
    type Error = Failure;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.next(seed)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

impl<'a> de::MapAccess<'a> for Elements<'_, 'a> {
    type Error = Failure;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.next(seed)
    }

    #[inline(always)]
    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.reader)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

/// A variant that was found, before its content is read.
struct Variant<'r, 'a> {
    reader: &'r mut Reader<'a>,
    found: variant::Found,
}

impl<'r, 'a> de::EnumAccess<'a> for Variant<'r, 'a> {
    type Error = Failure;
    type Variant = Content<'r, 'a>;

    #[inline(always)]
    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Content<'r, 'a>)> {
        let name = self.found.name();
        Ok((seed.deserialize(self.found)?, Content { reader: self.reader, name }))
    }
}

/// The content of a variant.
struct Content<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// The name of the variant.
    name: &'static str,
}

impl<'a> de::VariantAccess<'a> for Content<'_, 'a> {
    type Error = Failure;

    #[inline(always)]
    fn unit_variant(self) -> Result {
        Ok(())
    }

    #[inline(always)]
    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.reader)
    }

    #[inline(always)]
    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.reader.deserialize_tuple(length, visitor)
    }

    #[inline(always)]
    fn struct_variant<V: Visitor<'a>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.reader.fields(self.name, fields, visitor)
    }
}
