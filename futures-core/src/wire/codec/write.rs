//! The format, written: numbers as bincode writes them, of fixed width; a length before what has one.

use super::failure::{Failure, WAY_OUT};
use super::format::{MAX_DEPTH, format, too_deep};
use super::numbers;
use super::shape::{Fields, Kind, Shape};
use super::variant;
use crate::wire::attachments;
use crate::wire::memory::Memory;
use bincode::Encode;
use bincode::error::EncodeError;
use serde::ser::{self, Serialize, Serializer};

/// Appends values to a vector, up to a limit.
pub(super) struct Writer<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    /// The largest length of `bytes`.
    limit_bytes: usize,
    pub(super) shape: Shape,
    /// How many options, enums, sequences and maps the value at hand is in.
    depth: usize,
}

type Result<T = ()> = std::result::Result<T, Failure>;

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>, limit_bytes: usize) -> Self {
        Writer { bytes, limit_bytes, shape: Shape::NONE, depth: 0 }
    }

    /// Appends the check, unless the value has no bytes.
    #[inline]
    pub(super) fn end(mut self, start: usize) -> Result {
        if self.bytes.len() == start { Ok(()) } else { self.put(self.shape.check()) }
    }

    /// Appends a value of fixed width.
    #[inline(always)]
    pub(super) fn put(&mut self, value: impl Encode) -> Result {
        bincode::encode_into_writer(value, Room(self), format()).map_err(|_| Failure::too_large())
    }

    #[inline(always)]
    pub(super) fn put_bytes(&mut self, more: &[u8]) -> Result {
        self.room_for(more.len())?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    pub(super) fn put_length(&mut self, length: usize) -> Result {
        self.put(length as u64)
    }

    /// Requires that there is room for so many bytes more.
    #[inline(always)]
    pub(super) fn room_for(&self, more: usize) -> Result {
        if more > self.limit_bytes.saturating_sub(self.bytes.len()) { Err(Failure::too_large()) } else { Ok(()) }
    }

    fn put_variant(&mut self, index: u32, name: &str) -> Result {
        self.shape.add(Kind::Enum);
        self.put(variant::mark(index, name))
    }

    #[inline(always)]
    fn descend(&mut self) -> Result {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(too_deep()) } else { Ok(()) }
    }

    /// Writes inside an option or a variant, one level deeper.
    #[inline(always)]
    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.descend()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Begins a sequence or a map, whose length is corrected at the end if it was not known.
    fn counted(&mut self, kind: Kind, length: Option<usize>) -> Result<Counted<'_, 'a>> {
        self.descend()?;
        self.shape.add(kind);
        let place = self.bytes.len();
        let declared = length.unwrap_or(0);
        self.put_length(declared)?;
        Ok(Counted { writer: self, place, declared, count: 0 })
    }
}

/// The vector, as bincode writes to it.
struct Room<'w, 'a>(&'w mut Writer<'a>);

impl bincode::enc::write::Writer for Room<'_, '_> {
    #[inline(always)]
    fn write(&mut self, more: &[u8]) -> std::result::Result<(), EncodeError> {
        self.0.put_bytes(more).map_err(|_| EncodeError::UnexpectedEnd)
    }
}

macro_rules! numbers {
    ($($method:ident $type:ty, $kind:ident;)*) => {$(
        #[inline(always)]
        fn $method(self, value: $type) -> Result {
            self.shape.add(Kind::$kind);
            self.put(value)
        }
    )*};
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Counted<'w, 'a>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Variant<Self>;
    type SerializeMap = Counted<'w, 'a>;
    type SerializeStruct = Struct<'w, 'a>;
    type SerializeStructVariant = Variant<Struct<'w, 'a>>;

    numbers! {
        serialize_i8 i8, I8;
        serialize_i16 i16, I16;
        serialize_i32 i32, I32;
        serialize_i64 i64, I64;
        serialize_i128 i128, I128;
        serialize_u8 u8, U8;
        serialize_u16 u16, U16;
        serialize_u32 u32, U32;
        serialize_u64 u64, U64;
        serialize_u128 u128, U128;
        serialize_f32 f32, F32;
        serialize_f64 f64, F64;
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result {
        self.shape.add(Kind::Bool);
        self.put(value)
    }

    #[inline(always)]
    fn serialize_char(self, value: char) -> Result {
        self.shape.add(Kind::Char);
        self.put(u32::from(value))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.shape.add_bytes(value.len());
        if attachments::takes(value.len(), numbers::ATTACHED_BYTES_MIN) {
            self.room_for(value.len())?;
            return self.attach(Memory::Align1(value.to_vec()));
        }
        self.put_length(value.len())?;
        self.put_bytes(value)
    }

    #[inline(always)]
    fn serialize_none(self) -> Result {
        self.shape.add(Kind::Option);
        self.put(0_u8)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.shape.add(Kind::Option);
        self.put(1_u8)?;
        self.inside(value)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(self, _name: &'static str, index: u32, variant: &'static str) -> Result {
        self.put_variant(index, variant)
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.put_variant(index, variant)?;
        self.inside(value)
    }

    #[inline(always)]
    fn serialize_seq(self, length: Option<usize>) -> Result<Counted<'w, 'a>> {
        self.counted(Kind::Sequence, length)
    }

    #[inline(always)]
    fn collect_seq<I>(self, elements: I) -> Result
    where
        I: IntoIterator<Item: Serialize>,
    {
        let elements = elements.into_iter();
        let length = match elements.size_hint() {
            (least, Some(most)) if least == most => Some(least),
            _ => None,
        };
        if let (Some(length), Some(number)) = (length, numbers::number::<I::Item>()) {
            return self.numbers(elements, length, number);
        }
        let mut sequence = self.serialize_seq(length)?;
        for element in elements {
            ser::SerializeSeq::serialize_element(&mut sequence, &element)?;
        }
        ser::SerializeSeq::end(sequence)
    }

    #[inline(always)]
    fn serialize_tuple(self, _length: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Variant<Self>> {
        self.put_variant(index, variant)?;
        self.descend()?;
        Ok(Variant(self))
    }

    #[inline(always)]
    fn serialize_map(self, length: Option<usize>) -> Result<Counted<'w, 'a>> {
        self.counted(Kind::Map, length)
    }

    #[inline(always)]
    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Struct<'w, 'a>> {
        Ok(Struct { writer: self, name, fields: Fields::NONE })
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Variant<Struct<'w, 'a>>> {
        self.put_variant(index, variant)?;
        self.descend()?;
        Ok(Variant(Struct { writer: self, name: variant, fields: Fields::NONE }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A sequence or a map.
pub(super) struct Counted<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// The position of its length.
    place: usize,
    declared: usize,
    count: usize,
}

impl Counted<'_, '_> {
    #[inline(always)]
    fn finish(self) -> Result {
        if self.count != self.declared {
            self.writer.bytes[self.place..self.place + 8].copy_from_slice(&(self.count as u64).to_le_bytes());
        }
        self.writer.depth -= 1;
        Ok(())
    }
}

impl ser::SerializeSeq for Counted<'_, '_> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeMap for Counted<'_, '_> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.count += 1;
        key.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTuple for &mut Writer<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut **self)
    }

    #[inline(always)]
    fn end(self) -> Result {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for &mut Writer<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut **self)
    }

    #[inline(always)]
    fn end(self) -> Result {
        Ok(())
    }
}

/// A struct, or the named fields of a variant.
pub(super) struct Struct<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// Its name in messages.
    name: &'static str,
    fields: Fields,
}

impl ser::SerializeStruct for Struct<'_, '_> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.fields.add(key);
        value.serialize(&mut *self.writer)
    }

    #[cold]
    fn skip_field(&mut self, key: &'static str) -> Result {
        let name = self.name;
        Err(Failure::new(format!(
            "the field `{key}` of `{name}` is left out (`#[serde(skip_serializing_if)]`), which this format cannot \
             represent because it writes no names: {WAY_OUT}"
        )))
    }

    #[inline(always)]
    fn end(self) -> Result {
        self.writer.shape.add_struct(self.fields);
        Ok(())
    }
}

/// The content of a variant; one level deeper than its enum.
pub(super) struct Variant<S>(S);

impl ser::SerializeTupleVariant for Variant<&mut Writer<'_>> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut *self.0)
    }

    #[inline(always)]
    fn end(self) -> Result {
        self.0.depth -= 1;
        Ok(())
    }
}

impl ser::SerializeStructVariant for Variant<Struct<'_, '_>> {
    type Ok = ();
    type Error = Failure;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        ser::SerializeStruct::serialize_field(&mut self.0, key, value)
    }

    fn skip_field(&mut self, key: &'static str) -> Result {
        ser::SerializeStruct::skip_field(&mut self.0, key)
    }

    #[inline(always)]
    fn end(self) -> Result {
        self.0.writer.depth -= 1;
        ser::SerializeStruct::end(self.0)
    }
}
