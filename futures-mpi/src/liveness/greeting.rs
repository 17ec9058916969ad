//! The first bytes of a worker on its liveness connection: a token that only invited processes know, and who it is.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

/// How long a greeting is.
pub(super) const GREETING_BYTES: usize = 20;

/// Random bytes that a master makes for each pool.
#[derive(Clone, Copy)]
pub(crate) struct Token([u8; 16]);

impl Token {
    /// A new token, from the system's source of random bytes.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Token(bytes))
    }
}

/// Takes equally long for all tokens, so that none can be guessed byte by byte.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (mine, theirs)| difference | (mine ^ theirs)) == 0
    }
}

impl Eq for Token {}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        u128::from_str_radix(text, 16).map(|number| Token(number.to_be_bytes())).map_err(|_| ())
    }
}

/// The greeting of a worker.
pub(super) fn write(token: Token, worker: u32) -> [u8; GREETING_BYTES] {
    let mut bytes = [0; GREETING_BYTES];
    bytes[..16].copy_from_slice(&token.0);
    bytes[16..].copy_from_slice(&worker.to_le_bytes());
    bytes
}

/// The number of the worker that greets, if it knows the token.
pub(super) fn read(bytes: &[u8; GREETING_BYTES], token: Token) -> Option<u32> {
    let (theirs, number) = bytes.split_first_chunk()?;
    (Token(*theirs) == token).then(|| number.try_into().map(u32::from_le_bytes).ok())?
}
