//! Whether there are liveness connections, and on which network interface the master listens.

use std::net::{IpAddr, Ipv4Addr};

/// What the program or the environment wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Setting {
    /// Liveness connections on the loopback interface where all processes are on one host, else on every interface.
    #[default]
    Automatic,
    /// Liveness connections on the interface with this address.
    At(IpAddr),
    /// None.
    Off,
}

/// Where workers can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On the host of the master.
    OneHost,
    /// Anywhere.
    Network,
}

impl Setting {
    /// The variable that is read if the program does not say it.
    pub(crate) const VARIABLE: &'static str = "FUTURES_MPI_LIVENESS";

    /// Reads the value of the variable.
    pub(crate) fn parse(value: Option<&str>) -> Result<Self, String> {
        match value.map(str::trim) {
            None | Some("" | "1" | "auto") => Ok(Setting::Automatic),
            Some("0") => Ok(Setting::Off),
            Some(text) => text.parse().map(Setting::At).map_err(|_| {
                format!(
                    "{} is {text:?}, which is not accepted: it must be 0 for none, 1, or the address of the network \
                     interface on which the master is reached, such as 10.0.0.1",
                    Setting::VARIABLE
                )
            }),
        }
    }

    /// What the environment says.
    pub(crate) fn of_environment() -> Result<Self, String> {
        Setting::parse(std::env::var_os(Setting::VARIABLE).as_deref().map(|value| value.to_string_lossy()).as_deref())
    }

    /// The address to listen at, if there are to be liveness connections.
    pub(crate) fn address(self, reach: Reach) -> Option<IpAddr> {
        match (self, reach) {
            (Setting::Off, _) => None,
            (Setting::At(address), _) => Some(address),
            (Setting::Automatic, Reach::OneHost) => Some(Ipv4Addr::LOCALHOST.into()),
            (Setting::Automatic, Reach::Network) => Some(Ipv4Addr::UNSPECIFIED.into()),
        }
    }
}
