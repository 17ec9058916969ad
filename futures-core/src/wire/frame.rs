//! A frame, which a transport carries: bytes, and the memory that travels beside them.

use crate::wire::memory::Attachment;

/// One message between the manager and a worker: bytes, and buffers that travel beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The message.
    pub bytes: Vec<u8>,
    /// Memory to which the bytes refer, in this order; to be sent from where it lies and received in aligned memory.
    pub attachments: Vec<Attachment>,
}

impl Frame {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.attachments.is_empty()
    }

    /// The length of all together, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len() + self.attachments.iter().map(Attachment::len_bytes).sum::<usize>()
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Frame { bytes, attachments: Vec::new() }
    }
}
