//! The first bytes of the process that connects: a token that only invited processes know, and a number.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

/// How each greeting begins: the protocol and its version.
const PROTOCOL: [u8; 4] = *b"fmp2";

/// How long a greeting is.
pub(super) const GREETING_BYTES: usize = 24;

/// Random bytes that the process makes to which others connect.
#[derive(Clone, Copy, Default)]
pub(crate) struct Token([u8; 16]);

impl Token {
    /// A new token, from the system's source of random bytes.
    pub(crate) fn random() -> io::Result<Self> {
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

/// The greeting of a process that connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// The token of the process to which it connects.
    pub(crate) token: Token,
    /// The number of a worker that connects to its master, or of the wish of a client that connects to a service.
    pub(crate) number: u32,
}

impl Greeting {
    pub(super) fn to_bytes(self) -> [u8; GREETING_BYTES] {
        let mut bytes = [0; GREETING_BYTES];
        bytes[..4].copy_from_slice(&PROTOCOL);
        bytes[4..20].copy_from_slice(&self.token.0);
        bytes[20..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// Reads a greeting; `None` if it is one of another protocol or version.
    pub(super) fn from_bytes(bytes: &[u8; GREETING_BYTES]) -> Option<Self> {
        let (token, number) = bytes.strip_prefix(&PROTOCOL)?.split_first_chunk()?;
        Some(Greeting { token: Token(*token), number: number.try_into().map(u32::from_le_bytes).ok()? })
    }
}
