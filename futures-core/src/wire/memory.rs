//! Plain memory that is sent from where it lies: aligned, shared, and used again by the transport that received it.

use bytemuck::Pod;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Memory of a length that is a multiple of its alignment, one of five.
///
/// The alignments are those of vectors of integers, so that a vector of any plain type becomes memory, and memory a
/// vector of that type again, without a copy.
pub enum Memory {
    /// Bytes at any address.
    Align1(Vec<u8>),
    /// Aligned to two bytes.
    Align2(Vec<u16>),
    /// Aligned to four bytes.
    Align4(Vec<u32>),
    /// Aligned to eight bytes.
    Align8(Vec<u64>),
    /// Aligned to sixteen bytes.
    Align16(Vec<u128>),
}

/// The largest alignment of memory.
pub(crate) const ALIGNMENT_MAX: usize = 16;

/// Evaluates an expression for the vector of each alignment.
macro_rules! each_alignment {
    ($memory:expr, $vector:ident => $body:expr) => {
        match $memory {
            Memory::Align1($vector) => $body,
            Memory::Align2($vector) => $body,
            Memory::Align4($vector) => $body,
            Memory::Align8($vector) => $body,
            Memory::Align16($vector) => $body,
        }
    };
}

impl Memory {
    /// The memory of a vector.
    pub(crate) fn of<T: Pod>(values: Vec<T>) -> Self {
        match align_of::<T>() {
            1 => Memory::Align1(bytemuck::cast_vec(values)),
            2 => Memory::Align2(bytemuck::cast_vec(values)),
            4 => Memory::Align4(bytemuck::cast_vec(values)),
            8 => Memory::Align8(bytemuck::cast_vec(values)),
            alignment => {
                assert!(alignment == ALIGNMENT_MAX, "no plain type has an alignment of {alignment} bytes here");
                Memory::Align16(bytemuck::cast_vec(values))
            }
        }
    }

    /// Empty memory with room for exactly `length` bytes; an error if the request cannot be met, with the reason.
    pub fn with_room(alignment: usize, length: usize) -> Result<Self, String> {
        fn room<T>(length: usize) -> Result<Vec<T>, String> {
            let mut vector = Vec::new();
            if !length.is_multiple_of(size_of::<T>()) {
                return Err(format!("{length} bytes are not a multiple of their alignment, {}", size_of::<T>()));
            }
            let reserved = vector.try_reserve_exact(length / size_of::<T>());
            reserved.map_err(|_| format!("there is no memory for a buffer of {length} bytes"))?;
            Ok(vector)
        }
        match alignment {
            1 => room(length).map(Memory::Align1),
            2 => room(length).map(Memory::Align2),
            4 => room(length).map(Memory::Align4),
            8 => room(length).map(Memory::Align8),
            16 => room(length).map(Memory::Align16),
            _ => Err(format!("{alignment} is not an alignment of a buffer")),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        each_alignment!(self, vector => bytemuck::cast_slice(vector))
    }

    /// The alignment in bytes.
    pub fn alignment(&self) -> usize {
        match self {
            Memory::Align1(_) => 1,
            Memory::Align2(_) => 2,
            Memory::Align4(_) => 4,
            Memory::Align8(_) => 8,
            Memory::Align16(_) => 16,
        }
    }

    /// How many words as wide as its alignment it holds.
    pub(crate) fn count(&self) -> usize {
        each_alignment!(self, vector => vector.len())
    }

    /// The capacity in bytes.
    pub fn room_bytes(&self) -> usize {
        each_alignment!(self, vector => vector.capacity() * align_of_value(vector))
    }

    fn clear(&mut self) {
        each_alignment!(self, vector => vector.clear());
    }

    /// The bytes as values, if length and alignment are those of such values.
    pub(crate) fn values<T: Pod>(&self) -> Option<&[T]> {
        bytemuck::try_cast_slice(self.bytes()).ok()
    }

    /// The bytes as values that may be changed, if length and alignment are those of such values.
    pub(crate) fn values_mut<T: Pod>(&mut self) -> Option<&mut [T]> {
        let bytes: &mut [u8] = each_alignment!(self, vector => bytemuck::cast_slice_mut(vector));
        bytemuck::try_cast_slice_mut(bytes).ok()
    }

    /// A vector in the same memory; a copy if length, room or alignment are not those of such a vector.
    pub(crate) fn into_vec<T: Pod>(self) -> Vec<T> {
        let copied = |bytes: &[u8]| bytemuck::pod_collect_to_vec(bytes);
        each_alignment!(self, vector => {
            bytemuck::try_cast_vec(vector).unwrap_or_else(|(_, vector)| copied(bytemuck::cast_slice(&vector)))
        })
    }
}

/// The alignment of a vector's elements, which is their size here.
fn align_of_value<T>(_: &Vec<T>) -> usize {
    size_of::<T>()
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes aligned to {})", self.bytes().len(), self.alignment())
    }
}

/// Memory that travels beside the bytes of a frame, shared by all clones.
#[derive(Clone)]
pub struct Attachment(Arc<Block>);

struct Block {
    memory: Memory,
    /// Where the memory goes when the last clone is dropped.
    home: Weak<Recycler>,
}

impl Attachment {
    /// Shares memory.
    pub fn new(memory: Memory) -> Self {
        Attachment(Arc::new(Block { memory, home: Weak::new() }))
    }

    /// Shares memory that goes to `home` when the last clone is dropped.
    pub fn recycled(memory: Memory, home: &Arc<Recycler>) -> Self {
        Attachment(Arc::new(Block { memory, home: Arc::downgrade(home) }))
    }

    /// The memory itself.
    pub fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// The length in bytes.
    pub fn len_bytes(&self) -> usize {
        self.memory().bytes().len()
    }

    /// Takes the memory out, if there is no other clone.
    pub(crate) fn into_memory(self) -> Result<Memory, Self> {
        let mut block = Arc::try_unwrap(self.0).map_err(Attachment)?;
        Ok(std::mem::replace(&mut block.memory, Memory::Align1(Vec::new())))
    }

    /// The memory to be changed, if there is no other clone.
    pub(crate) fn memory_mut(&mut self) -> Option<&mut Memory> {
        Arc::get_mut(&mut self.0).map(|block| &mut block.memory)
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory().fmt(f)
    }
}

impl PartialEq for Attachment {
    fn eq(&self, other: &Self) -> bool {
        let (this, other) = (self.memory(), other.memory());
        this.alignment() == other.alignment() && this.bytes() == other.bytes()
    }
}

impl Eq for Attachment {}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.keep(std::mem::replace(&mut self.memory, Memory::Align1(Vec::new())));
        }
    }
}

/// Smaller memory is not kept: allocating it costs little.
const KEPT_BYTES_MIN: usize = 1 << 20;

/// The most bytes that are kept.
const KEPT_BYTES_MAX: usize = 512 << 20;

/// Large memory that was used and waits to be used again, because a system's first access to new memory takes about as
/// long as the copy into it.
///
/// Invariant: what is kept is no more than 512 MiB; the oldest goes first.
#[derive(Debug, Default)]
pub struct Recycler {
    kept: Mutex<Vec<Memory>>,
}

impl Recycler {
    /// Empty memory with room for exactly `length` bytes, used before or new; and whether it is new.
    pub fn with_room(&self, alignment: usize, length: usize) -> Result<(Memory, bool), String> {
        if length >= KEPT_BYTES_MIN {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |memory: &Memory| memory.alignment() == alignment && memory.room_bytes() == length;
            if let Some(at) = kept.iter().rposition(fits) {
                return Ok((kept.remove(at), false));
            }
        }
        Ok((Memory::with_room(alignment, length)?, true))
    }

    fn keep(&self, mut memory: Memory) {
        let size = memory.room_bytes();
        if !(KEPT_BYTES_MIN..=KEPT_BYTES_MAX).contains(&size) {
            return;
        }
        memory.clear();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.iter().map(Memory::room_bytes).sum::<usize>() + size > KEPT_BYTES_MAX {
            kept.remove(0);
        }
        kept.push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_alignment_come_back_without_a_copy() {
        fn there_and_back<T: Pod + PartialEq + fmt::Debug>(values: Vec<T>) {
            let (pointer, copy) = (values.as_ptr(), values.clone());
            let memory = Memory::of(values);
            assert_eq!(memory.alignment(), align_of::<T>());
            assert_eq!(memory.values::<T>(), Some(copy.as_slice()));
            let values: Vec<T> = memory.into_vec();
            assert_eq!((values.as_ptr(), values), (pointer, copy));
        }
        there_and_back(vec![1u8, 2, 3]);
        there_and_back(vec![1i16, 2, 3]);
        there_and_back(vec![1.5f32, 2.0]);
        there_and_back(vec![1.5f64, 2.0, 3.0]);
        there_and_back(vec![[1.0f64, 2.0, 3.0]; 5]);
        there_and_back(vec![7u128, 8]);
    }

    #[test]
    fn what_does_not_fit_is_copied_or_refused() {
        let memory = Memory::of(vec![1u32, 2, 3]);
        assert_eq!(memory.values::<[u32; 2]>(), None);
        assert_eq!(memory.into_vec::<u8>().len(), 12);
        assert!(Memory::with_room(8, 12).is_err_and(|text| text.contains("not a multiple")));
        assert!(Memory::with_room(3, 12).is_err_and(|text| text.contains("not an alignment")));
        assert!(Memory::with_room(8, usize::MAX - 7).is_err_and(|text| text.contains("no memory")));
    }

    #[test]
    fn large_memory_is_used_again() {
        let recycler = Arc::new(Recycler::default());
        let attachment = Attachment::recycled(Memory::of(vec![1u64; KEPT_BYTES_MIN / 8]), &recycler);
        let pointer = attachment.memory().bytes().as_ptr();
        let other = attachment.clone();
        drop(attachment);
        assert!(recycler.with_room(8, KEPT_BYTES_MIN).is_ok_and(|(_, new)| new), "somebody still has it");
        drop(other);
        assert!(recycler.with_room(4, KEPT_BYTES_MIN).is_ok_and(|(_, new)| new), "it has another alignment");
        let (memory, new) = recycler.with_room(8, KEPT_BYTES_MIN).expect("there is memory");
        assert_eq!((memory.bytes().len(), new), (0, false));
        assert_eq!(memory.bytes().as_ptr(), pointer);
        let small = Attachment::recycled(Memory::of(vec![1u8; 100]), &recycler);
        assert_eq!(small.into_memory().expect("it is the only one").into_vec::<u8>(), [1; 100]);
        assert!(recycler.kept.lock().is_ok_and(|kept| kept.is_empty()));
    }
}
