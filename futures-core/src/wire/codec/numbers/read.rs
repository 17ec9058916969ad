//! The numbers of a block, read, and bytes wherever they are.

use super::super::failure::Failure;
use super::super::read::{Reader, too_long};
use super::super::shape::{Kind, Shape};
use super::{Bytes, Length, boolean, character};
use crate::wire::attachments;
use crate::wire::memory::Attachment;
use bytemuck::Pod;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

type Result<T = ()> = std::result::Result<T, Failure>;

impl<'a> Reader<'a> {
    /// Bytes with their length before them, or attached.
    #[inline]
    pub(in super::super) fn take_bytes(&mut self) -> Result<Bytes<'a>> {
        let bytes = match Length::of(self.take()?) {
            Length::Here(length) => Bytes::Here(self.split(length)?),
            Length::Attached(place) => Bytes::Attached(take_vec(attachment(place)?)?),
        };
        self.shape.add_bytes(bytes.len());
        Ok(bytes)
    }

    /// A sequence of numbers that is attached.
    #[inline(never)]
    pub(in super::super) fn block<V: Visitor<'a>>(&mut self, place: u32, visitor: V) -> Result<V::Value> {
        let attachment = attachment(place)?;
        let memory = attachment.memory();
        let mut block = Block::new(memory.bytes(), memory.alignment(), self.shape);
        let value = visitor.visit_seq(&mut block)?;
        self.shape = block.end()?;
        Ok(value)
    }

    /// A sequence of numbers of this kind, whether it is attached or not.
    pub(in super::super) fn vector<N: Pod>(&mut self, kind: Kind) -> Result<Vec<N>> {
        self.shape.add(Kind::Sequence);
        let numbers = match self.take_length()? {
            Length::Here(length) => {
                let bytes = length.checked_mul(size_of::<N>() as u64).ok_or_else(too_long)?;
                copied(self.split(bytes)?)
            }
            Length::Attached(place) => take_vec(attachment(place)?)?,
        };
        self.shape.add_many(kind, numbers.len());
        Ok(numbers)
    }
}

/// What is attached in this place.
fn attachment(place: u32) -> Result<Attachment> {
    attachments::take(place).ok_or_else(|| Failure::new(format!("there is no buffer at position {place}")))
}

/// The values of a buffer; a copy if somebody else has it, too.
fn take_vec<N: Pod>(attachment: Attachment) -> Result<Vec<N>> {
    if !attachment.len_bytes().is_multiple_of(size_of::<N>()) {
        return Err(of_another_width());
    }
    Ok(match attachment.into_memory() {
        Ok(memory) => memory.into_vec(),
        Err(shared) => match shared.memory().values() {
            Some(numbers) => numbers.to_vec(),
            None => copied(shared.memory().bytes()),
        },
    })
}

/// Numbers in bytes that may lie at any address.
fn copied<N: Pod>(bytes: &[u8]) -> Vec<N> {
    bytes.chunks_exact(size_of::<N>()).map(bytemuck::pod_read_unaligned).collect()
}

/// The numbers of a block that are left to read, and what has been read so far.
struct Block<'b> {
    rest: &'b [u8],
    width: usize,
    shape: Shape,
}

impl<'b> Block<'b> {
    /// Of numbers of this width; `shape` is that of what stands before them.
    fn new(rest: &'b [u8], width: usize, shape: Shape) -> Self {
        Block { rest, width, shape }
    }

    /// Requires that all numbers have been read.
    fn end(self) -> Result<Shape> {
        if self.rest.is_empty() { Ok(self.shape) } else { Err(Failure::new("numbers of a block are left over")) }
    }

    #[inline(always)]
    fn take<const WIDTH: usize>(&mut self, kind: Kind) -> Result<[u8; WIDTH]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(of_another_width)?;
        self.rest = rest;
        self.shape.add(kind);
        Ok(*bytes)
    }
}

#[cold]
fn of_another_width() -> Failure {
    Failure::new("a block of numbers is cut short, or they are of another width")
}

impl<'de> de::SeqAccess<'de> for &mut Block<'_> {
    type Error = Failure;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.rest.is_empty() { Ok(None) } else { seed.deserialize(&mut **self).map(Some) }
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len() / self.width)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $kind:ident;)*) => {$(
        #[inline(always)]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(<$type>::from_le_bytes(self.take(Kind::$kind)?))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Block<'_> {
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

    #[inline(always)]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let [byte] = self.take(Kind::Bool)?;
        visitor.visit_bool(boolean(byte)?)
    }

    #[inline(always)]
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_char(character(u32::from_le_bytes(self.take(Kind::Char)?))?)
    }

    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value> {
        Err(Failure::new("there is a block of numbers where something else is expected"))
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
