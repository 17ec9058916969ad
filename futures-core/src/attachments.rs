//! The side channel beside the codec: buffers that are attached to what is being encoded or decoded in this thread.
//!
//! serde has no place for a value that travels beside the bytes. So the codec opens the channel, the `Serialize` of a
//! buffer that finds it open leaves its memory there and writes its place in the list, and the `Deserialize` takes the
//! memory from that place.

use crate::memory::Attachment;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Encoded values: bytes, and the buffers that they name by their places.
#[derive(Debug, Default)]
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

/// What a buffer does that is to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has been attached, in this place.
    Attached(u32),
    /// It goes among the bytes, because it is small.
    Inline,
}

/// Attachments to what is being encoded.
struct Outgoing {
    attachments: Vec<Attachment>,
    /// Smaller buffers are not attached.
    inline_bytes: usize,
}

/// Attachments to what is being decoded, each until it is taken.
pub(crate) type Incoming = Vec<Option<Attachment>>;

thread_local! {
    static OUTGOING: RefCell<Option<Outgoing>> = const { RefCell::new(None) };
    static INCOMING: RefCell<Option<Incoming>> = const { RefCell::new(None) };
}

/// Runs `encode` with the channel open: buffers of `inline_bytes` and more are added to `attachments`.
pub(crate) fn while_encoding<R>(
    attachments: &mut Vec<Attachment>,
    inline_bytes: usize,
    encode: impl FnOnce() -> R,
) -> R {
    let _restore = Restore::new(&OUTGOING, Some(Outgoing { attachments: std::mem::take(attachments), inline_bytes }));
    let result = encode();
    if let Some(outgoing) = OUTGOING.take() {
        *attachments = outgoing.attachments;
    }
    result
}

/// Runs `decode` with the channel open: buffers are taken from `attachments`.
pub(crate) fn while_decoding<R>(attachments: &mut Incoming, decode: impl FnOnce() -> R) -> R {
    let _restore = Restore::new(&INCOMING, Some(std::mem::take(attachments)));
    let result = decode();
    if let Some(incoming) = INCOMING.take() {
        *attachments = incoming;
    }
    result
}

/// Runs `code` with the channel closed, as for any other serializer.
pub(crate) fn without_attachments<R>(code: impl FnOnce() -> R) -> R {
    let _restore = (Restore::new(&OUTGOING, None), Restore::new(&INCOMING, None));
    code()
}

/// Offers a buffer to what is being encoded in this thread; `None` if that is not done by this library's codec.
pub(crate) fn attach(buffer: &Attachment) -> Option<Place> {
    OUTGOING.with_borrow_mut(|outgoing| {
        let outgoing = outgoing.as_mut()?;
        if buffer.len_bytes() < outgoing.inline_bytes {
            return Some(Place::Inline);
        }
        outgoing.attachments.push(buffer.clone());
        Some(Place::Attached(outgoing.attachments.len() as u32 - 1))
    })
}

/// Whether this library's codec is decoding in this thread.
pub(crate) fn is_decoding() -> bool {
    INCOMING.with_borrow(Option::is_some)
}

/// Takes the buffer in this place, if there is one.
pub(crate) fn take(place: u32) -> Option<Attachment> {
    INCOMING.with_borrow_mut(|incoming| incoming.as_mut()?.get_mut(place as usize)?.take())
}

/// Gives a thread's variable its former value at the end: encoding nests, where a `Serialize` submits a task, and may
/// end by a panic.
struct Restore<T: 'static> {
    variable: &'static LocalKey<RefCell<Option<T>>>,
    before: Option<T>,
}

impl<T> Restore<T> {
    fn new(variable: &'static LocalKey<RefCell<Option<T>>>, value: Option<T>) -> Self {
        Restore { variable, before: variable.replace(value) }
    }
}

impl<T> Drop for Restore<T> {
    fn drop(&mut self) {
        self.variable.set(self.before.take());
    }
}
