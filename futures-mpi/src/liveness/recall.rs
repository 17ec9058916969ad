//! How a master takes back over a liveness connection what a worker has not begun: the worker's thread there is always
//! awake.
//!
//! The master sends a byte and two numbers. The worker answers by the same byte, how many tasks are begun, how long the
//! replies are that it holds back, and these; what all that means says [`Claims`](futures_mpi_core::engine::Claims).
//!
//! A question is one write, because there is one at a time; a second kind of question has to keep to that, or buffer.

use std::io::{self, Read};

/// The byte before the numbers.
pub(super) const RECALL: u8 = b'r';

/// How long a question is.
const QUESTION_BYTES: usize = 17;

/// How long an answer is at least, after its first byte.
const ANSWER_BYTES: usize = 16;

/// No answer is longer: what is held back beyond a small part of that is sent.
const ANSWER_BYTES_MAX: u64 = 1 << 24;

/// How much room is made at once for what an answer promises.
const ROOM_BYTES: usize = 1 << 16;

/// The question of a master: which tasks are to come back, from one number on and before another.
pub(super) fn question(from: u64, until: u64) -> [u8; QUESTION_BYTES] {
    let mut bytes = [RECALL; QUESTION_BYTES];
    bytes[1..9].copy_from_slice(&from.to_le_bytes());
    bytes[9..].copy_from_slice(&until.to_le_bytes());
    bytes
}

/// The answer of a worker: how many tasks are begun, and the replies that it holds back.
pub(super) fn answer(begun: u64, replies: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ANSWER_BYTES + replies.len());
    bytes.push(RECALL);
    bytes.extend(begun.to_le_bytes());
    bytes.extend((replies.len() as u64).to_le_bytes());
    bytes.extend(replies);
    bytes
}

/// Reads a number, for which it waits.
pub(super) fn read(stream: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// An answer that comes in pieces, after its first byte.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// What has come, and room for more.
    bytes: Vec<u8>,
    length: usize,
}

impl Pieces {
    /// Where the next bytes belong.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let whole = self.whole().unwrap_or(ANSWER_BYTES);
        self.bytes.resize(whole.min(self.length + ROOM_BYTES), 0);
        &mut self.bytes[self.length..]
    }

    /// So many bytes have come; the answer, when they are all there.
    ///
    /// # Errors
    ///
    /// If it is longer than any.
    pub(super) fn fill(&mut self, count: usize) -> Result<Option<(u64, Vec<u8>)>, ()> {
        self.length += count;
        let Some(begun) = self.number(0) else { return Ok(None) };
        if self.number(8).is_some_and(|length| length > ANSWER_BYTES_MAX) {
            return Err(());
        }
        Ok((self.whole() == Some(self.length)).then(|| (begun, self.bytes.split_off(ANSWER_BYTES))))
    }

    /// How long all together is, once that is known.
    fn whole(&self) -> Option<usize> {
        self.number(8).map(|length| ANSWER_BYTES + length as usize)
    }

    fn number(&self, at: usize) -> Option<u64> {
        let bytes = self.bytes[..self.length].get(at..at + 8)?;
        bytes.try_into().map(u64::from_le_bytes).ok()
    }
}
