//! The side channel beside the codec: buffers that are attached to the values that this thread encodes or decodes.
//!
//! serde has no place for a value that travels beside the bytes. So the codec opens the channel, the `Serialize` of a
//! buffer that finds it open leaves its memory there and writes its place in the list, and the `Deserialize` takes the
//! memory from that place.

use crate::wire::memory::Attachment;
use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

/// Encoded values: bytes, and the buffers that they name by their places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) attachments: Vec<Attachment>,
}

impl Encoded {
    /// The length of all together, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len() + total_bytes(&self.attachments)
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.attachments.clear();
    }
}

/// The length of all attachments together, in bytes.
pub(crate) fn total_bytes(attachments: &[Attachment]) -> usize {
    attachments.iter().map(Attachment::len_bytes).sum()
}

/// The way that a buffer takes when it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It was attached, in this place.
    Attached(u32),
    /// It goes among the bytes, because it is small.
    Inline,
}

/// The attachments of the values that are being decoded, each until it is taken.
///
/// It is one word, because most values have none, and three words for each of millions of small ones take their time.
#[derive(Debug, Default, PartialEq)]
#[expect(clippy::box_collection, reason = "the second box makes it one word")]
pub(crate) struct Incoming(Option<Box<Vec<Option<Attachment>>>>);

impl Incoming {
    /// None at all.
    pub(crate) const NONE: Incoming = Incoming(None);

    #[inline]
    fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The number of attachments that have not been taken.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.0.as_ref().map_or(0, |attachments| attachments.iter().flatten().count())
    }

    fn take(&mut self, place: usize) -> Option<Attachment> {
        self.0.as_mut()?.get_mut(place)?.take()
    }
}

impl From<Vec<Attachment>> for Incoming {
    #[inline]
    fn from(attachments: Vec<Attachment>) -> Self {
        if attachments.is_empty() {
            return Incoming::NONE;
        }
        Incoming(Some(Box::new(attachments.into_iter().map(Some).collect())))
    }
}

impl From<Incoming> for Vec<Attachment> {
    fn from(incoming: Incoming) -> Self {
        incoming.0.map(|attachments| attachments.into_iter().flatten().collect()).unwrap_or_default()
    }
}

/// The channel for decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoding {
    /// Closed: another deserializer works, or none.
    Closed,
    /// Open for values without attachments.
    Without,
    /// Open for values whose attachments are in `INCOMING`.
    With,
}

thread_local! {
    // Plain numbers of one word, because the channel is opened and closed for every value, and a record that is written
    // in parts and read as a whole makes the processor wait.
    /// The channel for encoding: closed if 0, else the length from which buffers are attached.
    static INLINE_BYTES: Cell<usize> = const { Cell::new(0) };
    /// The number of attachments: the place of the next one.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// The attachments of nested encodings: those of the innermost last.
    static ATTACHED: RefCell<Vec<Attachment>> = const { RefCell::new(Vec::new()) };
    static DECODING: Cell<Decoding> = const { Cell::new(Decoding::Closed) };
    static INCOMING: RefCell<Incoming> = const { RefCell::new(Incoming::NONE) };
}

/// Runs `encode` with the channel open: buffers of `inline_bytes` and more are added to `attachments`, and their places
/// count from those that are added first.
pub(crate) fn while_encoding<R>(
    attachments: &mut Vec<Attachment>,
    inline_bytes: usize,
    encode: impl FnOnce() -> R,
) -> R {
    let restore = Opened::new(inline_bytes.max(1));
    let result = encode();
    let count = COUNT.take();
    if count > 0 {
        // It was there when they were attached.
        let _ = ATTACHED.try_with(|attached| {
            let mut attached = attached.borrow_mut();
            let first = attached.len() - count;
            attachments.extend(attached.drain(first..));
        });
    }
    drop(restore);
    result
}

/// The channel, opened or closed for one encoding; restored at the end to what it was for the one outside.
struct Opened {
    inline_bytes: usize,
    count: usize,
}

impl Opened {
    #[inline]
    fn new(inline_bytes: usize) -> Self {
        Opened { inline_bytes: INLINE_BYTES.replace(inline_bytes), count: COUNT.replace(0) }
    }
}

impl Drop for Opened {
    #[inline]
    fn drop(&mut self) {
        INLINE_BYTES.set(self.inline_bytes);
        let count = COUNT.replace(self.count);
        if count > 0 {
            discard(count);
        }
    }
}

/// Drops what an encoding has attached that has ended by a panic.
#[cold]
fn discard(count: usize) {
    let _ = ATTACHED.try_with(|attached| {
        let mut attached = attached.borrow_mut();
        let first = attached.len() - count;
        let lost = attached.split_off(first);
        drop(attached);
        drop(lost);
    });
}

/// Runs `decode` with the channel open: buffers are taken from `attachments`.
pub(crate) fn while_decoding<R>(attachments: &mut Incoming, decode: impl FnOnce() -> R) -> R {
    if attachments.is_none() {
        let _restore = Restore { variable: &DECODING, before: DECODING.replace(Decoding::Without) };
        return decode();
    }
    let given = std::mem::take(attachments);
    let Ok(outer) = INCOMING.try_with(|incoming| incoming.replace(given)) else {
        // A thread that ends has lost it: then no buffer is found, which is an error of the codec.
        let _restore = Restore { variable: &DECODING, before: DECODING.replace(Decoding::Without) };
        return decode();
    };
    let restore = Restore { variable: &DECODING, before: DECODING.replace(Decoding::With) };
    let result = decode();
    drop(restore);
    // After a panic they stay there, out of reach, until the next decoding.
    *attachments = INCOMING.replace(outer);
    result
}

/// Runs `code` with the channel closed, as for any other serializer.
pub(crate) fn without_attachments<R>(code: impl FnOnce() -> R) -> R {
    let _closed = Opened::new(0);
    let _decoding = Restore { variable: &DECODING, before: DECODING.replace(Decoding::Closed) };
    code()
}

/// Whether a buffer of so many bytes, and `least` or more, would be attached to what is being encoded in this thread.
#[inline]
pub(crate) fn takes(bytes: usize, least: usize) -> bool {
    let inline_bytes = INLINE_BYTES.get();
    bytes >= least && inline_bytes != 0 && bytes >= inline_bytes
}

/// Offers a buffer to what is being encoded in this thread; `None` if that is not done by this library's codec.
pub(crate) fn attach(buffer: &Attachment) -> Option<Place> {
    let inline_bytes = INLINE_BYTES.get();
    if inline_bytes == 0 {
        return None;
    }
    if buffer.len_bytes() < inline_bytes {
        return Some(Place::Inline);
    }
    let place = COUNT.get();
    // A thread that ends has lost the list.
    if ATTACHED.try_with(|attached| attached.borrow_mut().push(buffer.clone())).is_err() {
        return Some(Place::Inline);
    }
    COUNT.set(place + 1);
    Some(Place::Attached(place as u32))
}

/// Whether this library's codec is decoding in this thread.
pub(crate) fn is_decoding() -> bool {
    DECODING.get() != Decoding::Closed
}

/// Takes the buffer in this place, if there is one.
pub(crate) fn take(place: u32) -> Option<Attachment> {
    if DECODING.get() != Decoding::With {
        return None;
    }
    INCOMING.with_borrow_mut(|incoming| incoming.take(place as usize))
}

/// Gives a thread's variable its former value at the end: encoding nests, where a `Serialize` submits a task, and may
/// end by a panic.
struct Restore<T: Copy + 'static> {
    variable: &'static LocalKey<Cell<T>>,
    before: T,
}

impl<T: Copy> Drop for Restore<T> {
    #[inline]
    fn drop(&mut self) {
        self.variable.set(self.before);
    }
}
