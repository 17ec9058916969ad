//! The answer to a greeting: one byte, and a text behind its length.

use std::io::{self, ErrorKind, Read};

/// The first bytes of a greeting that is accepted, from a process that is to [call](super::wake_up) and from one that
/// is not.
const ACCEPTED: u8 = b'a';
const ACCEPTED_QUIET: u8 = b'q';

/// The first byte of the answer to a greeting that is refused.
const REFUSED: u8 = b'n';

/// How long the text of an answer may be.
const TEXT_BYTES_MAX: usize = 8192;

/// The answer to a greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The process that connects may stay.
    Accepted {
        /// Whether it is to [call](super::wake_up).
        calls: bool,
        /// What it has to know; for a client, the port of MPI.
        text: String,
    },
    /// The process that connects has to go, for this reason.
    Refused(String),
}

impl Answer {
    /// The answer of a master to a worker.
    pub(super) fn to_worker(calls: bool) -> Self {
        Answer::Accepted { calls, text: String::new() }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (first, text) = match self {
            Answer::Accepted { calls: true, text } => (ACCEPTED, text),
            Answer::Accepted { calls: false, text } => (ACCEPTED_QUIET, text),
            Answer::Refused(reason) => (REFUSED, reason),
        };
        let mut bytes = vec![first];
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    /// Reads an answer, for which it waits.
    ///
    /// # Errors
    ///
    /// Those of the connection, and `InvalidData` for bytes that are no answer.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Self> {
        let (mut first, mut length) = ([0], [0; 4]);
        stream.read_exact(&mut first)?;
        if ![ACCEPTED, ACCEPTED_QUIET, REFUSED].contains(&first[0]) {
            return Err(ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > TEXT_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; length];
        stream.read_exact(&mut text)?;
        let text = String::from_utf8(text).map_err(|_| ErrorKind::InvalidData)?;
        Ok(match first[0] {
            REFUSED => Answer::Refused(text),
            first => Answer::Accepted { calls: first == ACCEPTED, text },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_answer_survives_the_wire(calls: bool, text in ".{0,80}", rest in ".{0,9}") {
            for answer in [Answer::Accepted { calls, text: text.clone() }, Answer::Refused(text.clone())] {
                let bytes = [answer.to_bytes(), rest.clone().into_bytes()].concat();
                let mut left = &bytes[..];
                prop_assert_eq!(Answer::read(&mut left).expect("it was written"), answer);
                prop_assert_eq!(left, rest.as_bytes(), "what comes after it is left");
            }
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(
            first in prop_oneof![any::<u8>(), Just(ACCEPTED), Just(ACCEPTED_QUIET), Just(REFUSED)],
            length in prop_oneof![any::<u32>(), 0..20u32],
            text in prop::collection::vec(prop_oneof![any::<u8>(), b'a'..b'e'], 0..20),
        ) {
            let bytes = [&[first][..], &length.to_le_bytes(), &text].concat();
            match Answer::read(&mut &bytes[..]) {
                Ok(answer) => prop_assert!(bytes.starts_with(&answer.to_bytes())),
                Err(error) => prop_assert!(
                    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
                    "{}",
                    error
                ),
            }
        }
    }
}
