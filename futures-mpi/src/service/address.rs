//! Where a group of workers and its clients meet, as users write it.

use crate::liveness::Token;
use std::fmt;
use std::path::PathBuf;

/// The name of a service for which the user gives none.
const DEFAULT_NAME: &str = "futures-mpi";

/// Where a group of workers and its clients meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A name that MPI publishes.
    Name(String),
    /// A host and a port of it.
    Socket(String, u16),
    /// A file that both sides can read.
    File(PathBuf),
}

impl Address {
    /// Reads what a user wrote: with a slash in it a file, `HOST:PORT` a socket, anything else a name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = if text.is_empty() { DEFAULT_NAME } else { text };
        let refused = |why: &str| {
            Err(format!(
                "the service {text:?} is not accepted: {why}; write a name, HOST:PORT, or the path of a file with a / in it"
            ))
        };
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refused("it contains whitespace or a control character");
        }
        if text.contains('/') {
            return Ok(Address::File(text.into()));
        }
        let Some((host, port)) = text.rsplit_once(':') else { return Ok(Address::Name(text.to_owned())) };
        match port.parse() {
            Ok(0) | Err(_) => refused("the port after the colon is not a number from 1 to 65535"),
            Ok(_) if host.is_empty() => refused("there is no host before the colon"),
            Ok(port) => Ok(Address::Socket(host.trim_matches(['[', ']']).to_owned(), port)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Name(name) => write!(f, "the published name {name}"),
            Address::Socket(host, port) => write!(f, "{host}:{port}"),
            Address::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// Where a group listens, as it is published or written into a file, with a token that shows that a client has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) token: Token,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (socket, token) = text.trim().split_once('/')?;
        let (host, port) = socket.rsplit_once(':')?;
        Some(Endpoint { host: host.to_owned(), port: port.parse().ok()?, token: token.parse().ok()? })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_names_sockets_or_files() {
        let name = |text: &str| Ok(Address::Name(text.to_owned()));
        let socket = |host: &str, port| Ok(Address::Socket(host.to_owned(), port));
        let table = [
            ("", name("futures-mpi")),
            ("weather", name("weather")),
            ("node7:4000", socket("node7", 4000)),
            ("[::1]:4000", socket("::1", 4000)),
            ("./weather", Ok(Address::File("./weather".into()))),
            ("/tmp/a:1", Ok(Address::File("/tmp/a:1".into()))),
        ];
        for (text, address) in table {
            assert_eq!(Address::parse(text), address);
        }
        for text in ["node7:", "node7:0", "node7:70000", ":4000", "two words"] {
            let error = Address::parse(text).expect_err("it is no address");
            assert!(error.starts_with(&format!("the service {text:?} is not accepted: ")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_endpoint_is_read_as_it_was_written(host in "[a-z0-9.:-]{0,20}", port: u16, token: u128) {
            let token = format!("{token:x}").parse().expect("it is a token");
            let endpoint = Endpoint { host, port, token };
            prop_assert_eq!(Endpoint::parse(&format!("{endpoint}\n")), Some(endpoint));
        }

        #[test]
        fn any_text_is_a_place_or_none_and_an_address_or_refused(
            text in prop_oneof![".{0,40}", "[a-z\\[\\]:]{0,9}:[0-9]{0,6}(/[0-9a-g]{0,33})?"],
        ) {
            if let Some(endpoint) = Endpoint::parse(&text) {
                prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Some(endpoint));
            }
            if let Err(error) = Address::parse(&text) {
                prop_assert!(error.contains(&format!("{text:?}")), "{}", error);
            }
        }
    }

    #[test]
    fn clients_read_what_groups_write() {
        let endpoint =
            Endpoint { host: "node7".to_owned(), port: 4000, token: Token::random().expect("there are random bytes") };
        assert_eq!(Endpoint::parse(&format!("{endpoint}\n")), Some(endpoint));
        for text in ["", "node7", "node7:1", "node7/a", "node7:x/a", "node7:1/secret"] {
            assert_eq!(Endpoint::parse(text), None);
        }
    }
}
