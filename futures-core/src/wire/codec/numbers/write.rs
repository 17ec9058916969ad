//! The numbers of a sequence, written into a block.

use super::super::failure::Failure;
use super::super::shape::Kind;
use super::super::write::Writer;
use super::{ATTACHED_BYTES_MIN, attached};
use crate::wire::attachments::{self, Place};
use crate::wire::memory::{Attachment, Memory};
use bytemuck::Pod;
use serde::ser::{Impossible, Serialize, Serializer};

type Result<T = ()> = std::result::Result<T, Failure>;

impl Writer<'_> {
    /// A sequence of so many numbers, as one block. An iterator that gives more or fewer than it said is an error.
    #[inline(always)]
    pub(in super::super) fn numbers<T: Serialize>(
        &mut self,
        numbers: impl Iterator<Item = T>,
        length: usize,
        (kind, width): (Kind, usize),
    ) -> Result {
        self.shape.add(Kind::Sequence);
        self.shape.add_many(kind, length);
        match width {
            1 => self.words::<u8, T>(numbers, length, kind),
            2 => self.words::<u16, T>(numbers, length, kind),
            4 => self.words::<u32, T>(numbers, length, kind),
            8 => self.words::<u64, T>(numbers, length, kind),
            _ => self.words::<u128, T>(numbers, length, kind),
        }
    }

    /// The same, each as a word.
    #[inline(always)]
    fn words<W: Word, T: Serialize>(
        &mut self,
        mut numbers: impl Iterator<Item = T>,
        length: usize,
        kind: Kind,
    ) -> Result {
        let bytes = length.checked_mul(size_of::<W>()).ok_or_else(Failure::too_large)?;
        self.room_for(bytes)?;
        if attachments::takes(bytes, ATTACHED_BYTES_MIN) {
            // A vector is collected without a look at its room for each number.
            let words = collect::<W, T>(numbers, kind)?;
            let written = words.len();
            self.attach(Memory::of(words))?;
            return if written == length { Ok(()) } else { Err(of_another_length()) };
        }
        self.put_length(length)?;
        let start = self.bytes.len();
        self.bytes.resize(start + bytes, 0);
        let mut written = 0;
        for (place, number) in self.bytes[start..].chunks_exact_mut(size_of::<W>()).zip(&mut numbers) {
            place.copy_from_slice(bytemuck::bytes_of(&W::of(number.serialize(Bits(kind))?)));
            written += 1;
        }
        if written == length && numbers.next().is_none() { Ok(()) } else { Err(of_another_length()) }
    }

    /// Attaches memory that numbers of one width fill, and writes its place where their count would stand.
    pub(in super::super) fn attach(&mut self, memory: Memory) -> Result {
        let attachment = Attachment::new(memory);
        if let Some(Place::Attached(place)) = attachments::attach(&attachment) {
            return self.put(attached(place));
        }
        // The thread ends.
        let memory = attachment.memory();
        self.put_length(memory.count())?;
        self.put_bytes(memory.bytes())
    }
}

/// The numbers as words of their width.
#[inline(always)]
fn collect<W: Word, T: Serialize>(numbers: impl Iterator<Item = T>, kind: Kind) -> Result<Vec<W>> {
    let mut failure = None;
    let words = numbers.map(|number| match number.serialize(Bits(kind)) {
        Ok(bits) => W::of(bits),
        Err(first) => {
            failure = Some(first);
            W::of(0)
        }
    });
    let words = words.collect();
    failure.map_or(Ok(words), Err)
}

/// The bits of a number, the lowest byte first.
trait Word: Pod {
    /// From the low bits.
    fn of(bits: u128) -> Self;
}

macro_rules! words {
    ($($word:ty),*) => {$(
        impl Word for $word {
            #[inline(always)]
            fn of(bits: u128) -> Self {
                (bits as $word).to_le()
            }
        }
    )*};
}

words!(u8, u16, u32, u64, u128);

/// Why a sequence is refused whose iterator does not give what it promised.
#[cold]
fn of_another_length() -> Failure {
    Failure::new("a sequence has another length than its iterator said (`size_hint`)")
}

/// Gives the bits of a number of this kind.
#[derive(Clone, Copy)]
struct Bits(Kind);

impl Bits {
    #[inline(always)]
    fn of(self, kind: Kind, bits: u128) -> Result<u128> {
        if self.0 as u8 == kind as u8 { Ok(bits) } else { no_number() }
    }
}

#[cold]
fn no_number<T>() -> Result<T> {
    Err(Failure::new("it is called like a number and is serialized as something else"))
}

macro_rules! bits {
    ($($method:ident $type:ty, $kind:ident, $value:ident => $bits:expr;)*) => {$(
        #[inline(always)]
        fn $method(self, $value: $type) -> Result<u128> {
            self.of(Kind::$kind, $bits)
        }
    )*};
}

macro_rules! no_numbers {
    ($($method:ident($($argument:ty),*) -> $output:ty;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$output> {
            no_number()
        }
    )*};
}

type No = Impossible<u128, Failure>;

impl Serializer for Bits {
    type Ok = u128;
    type Error = Failure;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    bits! {
        serialize_bool bool, Bool, value => u128::from(value);
        serialize_i8 i8, I8, value => u128::from(value as u8);
        serialize_i16 i16, I16, value => u128::from(value as u16);
        serialize_i32 i32, I32, value => u128::from(value as u32);
        serialize_i64 i64, I64, value => u128::from(value as u64);
        serialize_i128 i128, I128, value => value as u128;
        serialize_u8 u8, U8, value => u128::from(value);
        serialize_u16 u16, U16, value => u128::from(value);
        serialize_u32 u32, U32, value => u128::from(value);
        serialize_u64 u64, U64, value => u128::from(value);
        serialize_u128 u128, U128, value => value;
        serialize_f32 f32, F32, value => u128::from(value.to_bits());
        serialize_f64 f64, F64, value => u128::from(value.to_bits());
        serialize_char char, Char, value => u128::from(u32::from(value));
    }

    no_numbers! {
        serialize_str(&str) -> u128;
        serialize_bytes(&[u8]) -> u128;
        serialize_none() -> u128;
        serialize_unit() -> u128;
        serialize_unit_struct(&'static str) -> u128;
        serialize_unit_variant(&'static str, u32, &'static str) -> u128;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u128> {
        no_number()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<u128> {
        no_number()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u128> {
        no_number()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
