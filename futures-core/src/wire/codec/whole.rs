//! Arguments and results that are vectors of numbers, or texts: their memory is handed over and not copied.
//!
//! The functions here ask for the type of a value, which is known when they are compiled, so nothing of it is left in
//! code for other types. The bytes are those that serde gives.

use super::failure::Failure;
use super::numbers;
use super::read::Reader;
use super::shape::Kind;
use super::write::Writer;
use crate::wire::memory::Memory;
use std::any::Any;

type Result<T> = std::result::Result<T, Failure>;

/// Does the same with each kind of numbers that may have any bits.
macro_rules! each_number {
    ($action:ident) => {
        $action!(u8 U8, u16 U16, u32 U32, u64 U64, u128 U128);
        $action!(i8 I8, i16 I16, i32 I32, i64 I64, i128 I128);
        $action!(f32 F32, f64 F64);
    };
}

/// The next value, if its type is one of those here.
#[inline(always)]
pub(super) fn take<T: 'static>(reader: &mut Reader) -> Option<Result<T>> {
    let mut taken: Option<Result<T>> = None;
    // Numbers are written with the lowest byte first, and handed over as this machine has them.
    if cfg!(target_endian = "big") {
        return taken;
    }
    let place: &mut dyn Any = &mut taken;
    macro_rules! vectors {
        ($($number:ident $kind:ident),*) => {$(
            if let Some(place) = place.downcast_mut::<Option<Result<Vec<$number>>>>() {
                *place = Some(reader.vector(Kind::$kind));
                return taken;
            }
            if let Some(place) = place.downcast_mut::<Option<Result<Box<[$number]>>>>() {
                *place = Some(reader.vector(Kind::$kind).map(Vec::into_boxed_slice));
                return taken;
            }
        )*};
    }
    each_number!(vectors);
    taken
}

/// A value that is a block of numbers.
pub(super) struct Block {
    kind: Kind,
    memory: Memory,
}

/// The numbers that a value consists of, if its type is one of those here and they would be attached; else the value.
#[inline(always)]
pub(super) fn block_of<T: 'static>(value: T, attached_bytes_min: usize) -> std::result::Result<Block, T> {
    let mut value = Some(value);
    if cfg!(target_endian = "little") {
        let place: &mut dyn Any = &mut value;
        macro_rules! vectors {
            ($($number:ident $kind:ident),*) => {$(
                if let Some(vector) = place.downcast_mut::<Option<Vec<$number>>>()
                    && let Some(numbers) = vector.take_if(|numbers| size_of_val(&**numbers) >= attached_bytes_min)
                {
                    return Ok(Block { kind: Kind::$kind, memory: Memory::of(numbers) });
                }
                if let Some(boxed) = place.downcast_mut::<Option<Box<[$number]>>>()
                    && let Some(numbers) = boxed.take_if(|numbers| size_of_val(&**numbers) >= attached_bytes_min)
                {
                    return Ok(Block { kind: Kind::$kind, memory: Memory::of(numbers.into_vec()) });
                }
            )*};
        }
        each_number!(vectors);
        if let Some(text) = place.downcast_mut::<Option<String>>()
            && let Some(text) = text.take_if(|text| text.len() >= attached_bytes_min)
        {
            return Ok(Block { kind: Kind::U8, memory: Memory::of(text.into_bytes()) });
        }
    }
    Err(value.expect("it has not been taken"))
}

impl Writer<'_> {
    /// Writes that a block is the first attachment; returns its memory, to be attached.
    pub(super) fn block(&mut self, block: Block) -> Result<Memory> {
        let Block { kind, memory } = block;
        self.shape.add(Kind::Sequence);
        self.shape.add_many(kind, memory.count());
        self.put(numbers::attached(0))?;
        Ok(memory)
    }
}
