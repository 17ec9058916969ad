//! Encoded arguments and results on this side of the wire.

use crate::wire::attachments::{Encoded, Incoming};
use crate::wire::memory::Attachment;
use std::mem;

/// Encoded values with the buffers that they name.
///
/// It takes three words, because millions may be queued, most of them short.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Few bytes are stored inline.
    Short {
        length: u8,
        bytes: [u8; SHORT_BYTES],
    },
    Long(Box<[u8]>),
    /// Most payloads have no buffers.
    WithAttachments(Box<Encoded>),
}

/// The most bytes that are stored inline.
const SHORT_BYTES: usize = 22;

/// Longer payloads are moved, shorter ones are copied.
const HAND_OVER_BYTES: usize = 1 << 12;

impl Payload {
    /// Packs received bytes, which are copied, and attachments.
    pub(crate) fn received(bytes: &[u8], attachments: Vec<Attachment>) -> Self {
        if attachments.is_empty() {
            Self::copied(bytes)
        } else {
            Payload(Form::WithAttachments(Box::new(Encoded { bytes: bytes.to_vec(), attachments })))
        }
    }

    /// Packs a copy of bytes without attachments.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        if bytes.len() > SHORT_BYTES {
            return Payload(Form::Long(bytes.into()));
        }
        let mut short = [0; SHORT_BYTES];
        short[..bytes.len()].copy_from_slice(bytes);
        Payload(Form::Short { length: bytes.len() as u8, bytes: short })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { length, bytes } => &bytes[..usize::from(*length)],
            Form::Long(bytes) => bytes,
            Form::WithAttachments(encoded) => &encoded.bytes,
        }
    }

    pub(crate) fn attachments(&self) -> &[Attachment] {
        match &self.0 {
            Form::WithAttachments(encoded) => &encoded.attachments,
            Form::Short { .. } | Form::Long(_) => &[],
        }
    }

    /// The attachments, to be decoded.
    pub(crate) fn incoming(&self) -> Incoming {
        self.attachments().to_vec().into()
    }
}

impl Default for Payload {
    fn default() -> Self {
        Payload(Form::Short { length: 0, bytes: [0; SHORT_BYTES] })
    }
}

impl Encoded {
    /// Packs all of it and leaves empty memory: few bytes are copied, so that their memory is used again; many are
    /// moved.
    pub(crate) fn pack(&mut self) -> Payload {
        if !self.attachments.is_empty() {
            return Payload(Form::WithAttachments(Box::new(mem::take(self))));
        }
        if self.bytes.len() > HAND_OVER_BYTES {
            return Payload(Form::Long(mem::take(&mut self.bytes).into()));
        }
        let payload = Payload::copied(&self.bytes);
        self.bytes.clear();
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::memory::Memory;

    #[test]
    fn payloads_are_small() {
        assert_eq!(size_of::<Payload>(), 24);
    }

    #[test]
    fn a_payload_holds_what_was_put_in_however_long() {
        for length in [0, 1, SHORT_BYTES, SHORT_BYTES + 1, HAND_OVER_BYTES, HAND_OVER_BYTES + 1] {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let attachments = vec![Attachment::new(Memory::Align1(vec![7]))];
            for attachments in [Vec::new(), attachments] {
                let mut encoded = Encoded { bytes: bytes.clone(), attachments: attachments.clone() };
                for payload in [encoded.pack(), Payload::received(&bytes, attachments.clone())] {
                    assert_eq!((payload.bytes(), payload.attachments()), (bytes.as_slice(), attachments.as_slice()));
                }
            }
        }
        assert_eq!((Payload::default().bytes(), Payload::default().attachments().len()), (&[][..], 0));
    }
}
