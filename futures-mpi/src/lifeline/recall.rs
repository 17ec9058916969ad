//! How a master takes back over a life line what a worker has not begun: the worker's thread there is always awake.
//!
//! The master sends a byte and two numbers, the worker answers by the same byte and one; what they mean say
//! [`Claims`](futures_mpi_core::engine::Claims).

use std::io::{self, Read};

/// The byte before the numbers.
pub(super) const RECALL: u8 = b'r';

/// How long a question is, and an answer.
const QUESTION_BYTES: usize = 17;
const ANSWER_BYTES: usize = 9;

/// The bytes of a number.
const NUMBER_BYTES: usize = 8;

/// The question of a master: which tasks are to come back, from one number on and before another.
pub(super) fn question(from: u64, until: u64) -> [u8; QUESTION_BYTES] {
    let mut bytes = [RECALL; QUESTION_BYTES];
    bytes[1..9].copy_from_slice(&from.to_le_bytes());
    bytes[9..].copy_from_slice(&until.to_le_bytes());
    bytes
}

/// The answer of a worker: how many tasks are begun.
pub(super) fn answer(begun: u64) -> [u8; ANSWER_BYTES] {
    let mut bytes = [RECALL; ANSWER_BYTES];
    bytes[1..].copy_from_slice(&begun.to_le_bytes());
    bytes
}

/// Reads a number, for which it waits.
pub(super) fn read(stream: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; NUMBER_BYTES];
    stream.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A number that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: [u8; NUMBER_BYTES],
    length: usize,
}

impl Pieces {
    /// Where the next bytes belong.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.length..]
    }

    /// So many bytes have come; the number, when they are all there.
    pub(super) fn fill(&mut self, count: usize) -> Option<u64> {
        self.length += count;
        (self.length == NUMBER_BYTES).then(|| u64::from_le_bytes(self.bytes))
    }
}
