//! What a master tells a worker about its end of the liveness connection, in an MPI message before anything else.

use super::greeting::Token;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Where the master listens, and the token that lets a worker in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The number of the worker that is invited.
    pub(crate) worker: u32,
    /// What its greeting must carry.
    pub(crate) token: Token,
    /// The name of the master's host.
    pub(crate) host: String,
    /// How long either host may give no answer to the other.
    pub(crate) timeout: Duration,
    /// Where to try, in this order; the port is the same.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Invitation {
    /// Reads an invitation.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.worker, self.token, self.host, self.timeout.as_millis())?;
        self.addresses.iter().try_for_each(|address| write!(f, " {address}"))
    }
}

impl FromStr for Invitation {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(());
        let worker = next()?.parse().map_err(|_| ())?;
        let token = next()?.parse()?;
        let host = next()?.to_owned();
        let timeout = Duration::from_millis(next()?.parse().map_err(|_| ())?);
        let addresses = words.map(|word| word.parse().map_err(|_| ())).collect::<Result<_, ()>>()?;
        Ok(Invitation { worker, token, host, timeout, addresses })
    }
}
