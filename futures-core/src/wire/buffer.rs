//! Arrays of plain numbers that travel as they lie in memory, beside the codec.

use crate::wire::attachments::{self, Place};
use crate::wire::memory::{ALIGNMENT_MAX, Attachment, Memory};
use bytemuck::Pod;
use serde::de::{self, DeserializeOwned, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

/// A shared array of plain values, such as `f64`, that is sent as it lies in memory.
///
/// Use it for arguments and results, alone or inside other types. A large one (4 KiB and more) is not encoded: it is a
/// message of its own, sent from where it lies and received in its final, aligned memory. A smaller one travels among
/// the encoded bytes. The length is not limited to what one MPI message can hold.
///
/// A `Vec` of numbers travels in the same way, and is copied when it is submitted and when its result is read. A buffer
/// is for arrays of structs, for those that many calls get, and for those that are too large to be copied.
///
/// Clones share the memory. [`into_vec`](Self::into_vec) and [`make_mut`](Self::make_mut) copy only if another clone of
/// the buffer exists: a task has its arguments for itself, while a result is also kept by its future.
///
/// Under other serializers than this library's a buffer is an ordinary sequence. With the option `out_of_band(false)`,
/// or the variable `FUTURES_MPI_OUT_OF_BAND=0`, all buffers travel among the encoded bytes.
///
/// `T` is a number, an array of up to 32 numbers, or a struct for which the crates `bytemuck` and `serde` derive
/// [`Pod`], `Zeroable`, `Serialize` and `Deserialize`; it takes memory, and is aligned to 16 bytes at most.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{Buffer, ThreadPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn scale(vector: Buffer<f64>, factor: f64) -> Buffer<f64> {
///     let mut vector = vector.into_vec();
///     vector.iter_mut().for_each(|x| *x *= factor);
///     vector.into()
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
/// let vector = Buffer::from(vec![1.0; 100_000]);
/// let scaled = executor.submit(scale::ID, (&vector, 3.0)).result()?;
/// assert_eq!(scaled.iter().sum::<f64>(), 300_000.0);
/// # Ok::<(), futures_mpi::Error>(())
/// ```
pub struct Buffer<T> {
    /// Invariant: its memory has the length and the alignment of values of type `T`.
    memory: Attachment,
    values: PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    const SUPPORTED: () = assert!(
        size_of::<T>() > 0 && align_of::<T>() <= ALIGNMENT_MAX,
        "a buffer holds values that take memory and are aligned to at most 16 bytes"
    );

    /// The values as a vector: the same memory if this buffer has no other clone, else a copy.
    pub fn into_vec(self) -> Vec<T> {
        match self.memory.into_memory() {
            Ok(memory) => memory.into_vec(),
            Err(shared) => Buffer { memory: shared, values: PhantomData }.to_vec(),
        }
    }

    /// The values, to be changed in place; they are copied first if this buffer has another clone.
    pub fn make_mut(&mut self) -> &mut [T] {
        if self.memory.memory_mut().is_none() {
            *self = Buffer::from(self.to_vec());
        }
        let memory = self.memory.memory_mut().expect("nobody else has it now");
        memory.values_mut().expect("the memory of a buffer is that of its values")
    }

    /// A buffer in this memory, or in a copy of it if the alignment is another one.
    fn of(memory: Attachment) -> Result<Self, String> {
        let () = Self::SUPPORTED;
        if memory.memory().values::<T>().is_some() {
            return Ok(Buffer { memory, values: PhantomData });
        }
        let bytes = memory.memory().bytes();
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            let type_name = std::any::type_name::<T>();
            return Err(format!("a buffer of {} bytes is not one of values of type {type_name}", bytes.len()));
        }
        Ok(bytemuck::pod_collect_to_vec(bytes).into())
    }
}

impl<T: Pod> From<Vec<T>> for Buffer<T> {
    /// Takes over the vector's memory.
    fn from(values: Vec<T>) -> Self {
        let () = Self::SUPPORTED;
        Buffer { memory: Attachment::new(Memory::of(values)), values: PhantomData }
    }
}

impl<T: Pod> From<&[T]> for Buffer<T> {
    /// Copies the values.
    fn from(values: &[T]) -> Self {
        values.to_vec().into()
    }
}

impl<T: Pod> FromIterator<T> for Buffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.memory.memory().values().expect("the memory of a buffer is that of its values")
    }
}

impl<T: Pod> AsRef<[T]> for Buffer<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<'a, T: Pod> IntoIterator for &'a Buffer<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Pod> Default for Buffer<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> Clone for Buffer<T> {
    /// Shares the memory.
    fn clone(&self) -> Self {
        Buffer { memory: self.memory.clone(), values: PhantomData }
    }
}

impl<T: Pod + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod + Eq> Eq for Buffer<T> {}

impl<T: Pod + fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Encoded as a pair: whether it is attached, then its place among the attachments or its bytes.
impl<T: Pod + Serialize> Serialize for Buffer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A text inside of an encoded value is another serializer's work.
        let place = if serializer.is_human_readable() { None } else { attachments::attach(&self.memory) };
        let Some(place) = place else {
            return serializer.collect_seq(self);
        };
        let mut pair = serializer.serialize_tuple(2)?;
        match place {
            Place::Attached(place) => {
                pair.serialize_element(&true)?;
                pair.serialize_element(&place)?;
            }
            Place::Inline => {
                pair.serialize_element(&false)?;
                pair.serialize_element(&Raw(self.memory.memory().bytes()))?;
            }
        }
        pair.end()
    }
}

impl<'de, T: Pod + DeserializeOwned> Deserialize<'de> for Buffer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() && attachments::is_decoding() {
            deserializer.deserialize_tuple(2, PairVisitor(PhantomData))
        } else {
            Vec::deserialize(deserializer).map(Buffer::from)
        }
    }
}

struct PairVisitor<T>(PhantomData<T>);

impl<'de, T: Pod> Visitor<'de> for PairVisitor<T> {
    type Value = Buffer<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a buffer")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Buffer<T>, A::Error> {
        let cut_short = || de::Error::custom("a buffer is truncated");
        let memory = if pair.next_element()?.ok_or_else(cut_short)? {
            let place: u32 = pair.next_element()?.ok_or_else(cut_short)?;
            attachments::take(place)
                .ok_or_else(|| de::Error::custom(format!("there is no buffer at position {place}")))?
        } else {
            let Raw(bytes) = pair.next_element::<Raw<Vec<u8>>>()?.ok_or_else(cut_short)?;
            Attachment::new(Memory::Align1(bytes))
        };
        Buffer::of(memory).map_err(de::Error::custom)
    }
}

/// Bytes that are encoded as bytes, which is fast, and not as a sequence of numbers.
struct Raw<B>(B);

impl Serialize for Raw<&[u8]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de> Deserialize<'de> for Raw<Vec<u8>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl Visitor<'_> for RawVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attachments::{Encoded, Incoming};
    use crate::wire::codec::{self, Limits};

    fn there_and_back<T: Serialize + DeserializeOwned + 'static>(value: &T, inline_bytes: usize) -> (T, Encoded) {
        let mut encoded = Encoded::default();
        let limits = Limits { inline_bytes, ..Limits::default() };
        codec::encode_with_attachments(value, &mut encoded, &limits).expect("it encodes");
        let decoded = codec::decode_with_attachments(&encoded.bytes, encoded.attachments.clone().into());
        (decoded.expect("it decodes"), encoded)
    }

    #[test]
    fn large_buffers_are_attached_and_small_ones_are_not() {
        let value = (Buffer::from(vec![1.5f64; 1000]), "between".to_owned(), Some(Buffer::from(vec![7u16; 3])));
        let (decoded, encoded) = there_and_back(&value, 4096);
        assert_eq!(decoded, value);
        assert_eq!(encoded.attachments.len(), 1);
        assert!(encoded.bytes.len() < 100, "8000 bytes are not among the others");
        assert_eq!(decoded.0.as_ptr(), value.0.as_ptr(), "nothing was copied");
        let (decoded, encoded) = there_and_back(&value, usize::MAX);
        assert_eq!((decoded, encoded.attachments.len()), (value, 0));
    }

    #[test]
    fn elsewhere_a_buffer_is_a_sequence() {
        let (buffer, vector) = (Buffer::from(vec![1u32, 2, 3]), vec![1u32, 2, 3]);
        let (mut of_buffer, mut of_vector) = (Vec::new(), Vec::new());
        codec::encode(&buffer, &mut of_buffer, 1000).expect("it encodes");
        codec::encode(&vector, &mut of_vector, 1000).expect("it encodes");
        assert_eq!(of_buffer, of_vector);
        assert_eq!(codec::decode::<Buffer<u32>>(&of_vector), Ok(buffer));
    }

    #[test]
    fn a_nested_encoding_has_attachments_of_its_own() {
        struct Nesting(Buffer<u8>);
        impl Serialize for Nesting {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut inner = Encoded::default();
                let limits = Limits { inline_bytes: 1, ..Limits::default() };
                codec::encode_with_attachments(&self.0, &mut inner, &limits).expect("it encodes");
                assert_eq!(inner.attachments.len(), 1);
                let mut plain = Vec::new();
                codec::encode(&self.0, &mut plain, 1000).expect("it encodes");
                assert_eq!(plain.len(), 8 + 5 + 4);
                self.0.serialize(serializer)
            }
        }
        let mut encoded = Encoded::default();
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        codec::encode_with_attachments(&Nesting(vec![1u8; 5].into()), &mut encoded, &limits).expect("it encodes");
        assert_eq!(encoded.attachments.len(), 1);
    }

    #[test]
    fn a_panic_in_between_leaves_nothing_behind() {
        struct Panicking(Buffer<u8>);
        impl Serialize for Panicking {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let _ = self.0.serialize(serializer)?;
                panic!("this panic is meant to be");
            }
        }
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        let panicking = Panicking(vec![1u8; 5].into());
        let caught =
            std::panic::catch_unwind(|| codec::encode_with_attachments(&panicking, &mut Encoded::default(), &limits));
        assert!(caught.is_err());
        let (decoded, encoded) = there_and_back(&Buffer::from(vec![2u8; 7]), 1);
        assert_eq!((decoded, encoded.attachments.len()), (vec![2u8; 7].into(), 1));
        assert!(panicking.0.clone().memory.memory_mut().is_none());
        assert!({ panicking }.0.memory.memory_mut().is_some(), "nobody else has it");
    }

    #[test]
    fn a_missing_or_wrong_attachment_is_an_error() {
        let buffer = Buffer::from(vec![1u8; 5]);
        let mut encoded = Encoded::default();
        let limits = Limits { inline_bytes: 1, ..Limits::default() };
        codec::encode_with_attachments(&buffer, &mut encoded, &limits).expect("it encodes");
        let Encoded { bytes, attachments } = &encoded;
        assert!(codec::decode_with_attachments::<Buffer<u8>>(bytes, Incoming::NONE).is_err());
        assert!(codec::decode_with_attachments::<Buffer<u64>>(bytes, attachments.clone().into()).is_err());
        let one_more = [attachments.as_slice(), attachments].concat();
        assert!(codec::decode_with_attachments::<Buffer<u8>>(bytes, one_more.into()).is_err());
    }

    #[test]
    fn memory_is_copied_only_while_it_is_shared() {
        let mut buffer = Buffer::from(vec![1.0f64; 10]);
        let pointer = buffer.as_ptr();
        buffer.make_mut()[0] = 5.0;
        assert_eq!((buffer.as_ptr(), buffer[0]), (pointer, 5.0));
        let other = buffer.clone();
        buffer.make_mut()[0] = 6.0;
        assert_eq!((other[0], buffer[0]), (5.0, 6.0));
        let vector = other.into_vec();
        assert_eq!(vector.as_ptr(), pointer);
    }
}
