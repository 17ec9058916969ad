//! Whether there are liveness connections, where the master listens, and how long the other end may stay silent.

use futures_mpi_core::options::{self, Variable};
use futures_mpi_core::{Error, Result};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What the program and the environment want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Liveness connections on these terms.
    On(Terms),
    /// None.
    Off,
}

/// Where a master listens, and how long the other end of a connection may stay silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The address of the network interface; none for the loopback interface where all processes are on one host, else
    /// every interface.
    pub(crate) interface: Option<IpAddr>,
    pub(crate) ports: Ports,
    pub(crate) timeout: Duration,
}

/// The first and the last port at which a master may listen; 0 is any that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) u16, pub(crate) u16);

/// Where workers can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// On the host of the master.
    OneHost,
    /// Anywhere.
    Network,
}

impl Reach {
    /// The reach of workers that are all on the master's host, or not.
    pub(crate) fn of(one_host: bool) -> Self {
        if one_host { Reach::OneHost } else { Reach::Network }
    }
}

/// How long a host may give no answer before its processes are lost, if nobody says it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The shortest time that the system accepts: it counts parts of it in whole seconds.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest time that the system accepts.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(32_767);

/// How long the other end of a connection may stay silent.
const TIMEOUT: Variable<Duration> = Variable {
    name: "FUTURES_MPI_LIVENESS_TIMEOUT",
    option: "liveness_timeout",
    accepted: "a number of seconds from 1 to 32767",
    accept: |timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout).then_some(timeout),
};

impl Setting {
    /// The variable by which the environment says whether and where.
    pub(crate) const VARIABLE: &'static str = "FUTURES_MPI_LIVENESS";

    /// What a program wants, filled in by the environment: whether there are connections, and the time-out.
    ///
    /// # Errors
    ///
    /// A value that is not accepted, with where it came from.
    pub(crate) fn decide(wanted: Option<bool>, timeout: Option<Duration>) -> Result<Self> {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Setting::of(wanted, timeout, &variable)
    }

    /// As [`decide`](Self::decide), in this environment.
    pub(super) fn of(
        wanted: Option<bool>,
        timeout: Option<Duration>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        if wanted == Some(false) {
            return Ok(Setting::Off);
        }
        let timeout = TIMEOUT.choose(timeout, || variable(TIMEOUT.name).map(Into::into))?.unwrap_or(DEFAULT_TIMEOUT);
        let place = match variable(Setting::VARIABLE).as_deref().map(str::trim) {
            None | Some("" | "1" | "auto") => Some((None, Ports(0, 0))),
            Some("0") => wanted.map(|_| (None, Ports(0, 0))),
            Some(text) => Some(read_place(text).ok_or_else(|| refuse_place(text))?),
        };
        Ok(place.map_or(Setting::Off, |(interface, ports)| Setting::On(Terms { interface, ports, timeout })))
    }

    /// How long the other end of a connection may stay silent, whether it is one of these or beside them.
    pub(crate) fn timeout(self) -> Duration {
        match self {
            Setting::On(terms) => terms.timeout,
            Setting::Off => DEFAULT_TIMEOUT,
        }
    }

    /// What the environment says.
    pub(crate) fn of_environment() -> Result<Self> {
        Setting::decide(None, None)
    }
}

impl Terms {
    /// The address to listen at.
    pub(crate) fn address(self, reach: Reach) -> IpAddr {
        match (self.interface, reach) {
            (Some(address), _) => address,
            (None, Reach::OneHost) => Ipv4Addr::LOCALHOST.into(),
            (None, Reach::Network) => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

/// Reads `ADDRESS`, `ADDRESS:PORTS`, `[ADDRESS]:PORTS` or `:PORTS`, where PORTS is a port or a range as `4000-4100`.
fn read_place(text: &str) -> Option<(Option<IpAddr>, Ports)> {
    if let Ok(address) = text.parse() {
        return Some((Some(address), Ports(0, 0)));
    }
    let (address, ports) = text.rsplit_once(':')?;
    let address = match address {
        "" => None,
        address => Some(address.trim_matches(['[', ']']).parse().ok()?),
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let ports = Ports(first.trim().parse().ok()?, last.trim().parse().ok()?);
    (0 < ports.0 && ports.0 <= ports.1).then_some((address, ports))
}

fn refuse_place(text: &str) -> Error {
    let accepted = "0 for none, 1, the address of the network interface on which the master is reached, such as \
                    10.0.0.1, or that with the ports at which it may listen, such as 10.0.0.1:4000-4100, or \
                    :4000-4100 for the ports only";
    options::refuse(Setting::VARIABLE, text, accepted)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The setting for a value of the variable.
    fn setting(value: &str) -> Result<Setting, String> {
        setting_of(None, None, &|name| (name == Setting::VARIABLE).then(|| value.to_owned()))
    }

    /// The setting, or the message of the error, which is one of configuration.
    fn setting_of(
        wanted: Option<bool>,
        timeout: Option<Duration>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Setting, String> {
        Setting::of(wanted, timeout, variable).map_err(|error| {
            assert!(error.is_configuration(), "{error}");
            error.to_string()
        })
    }

    /// The terms for a value of the variable that is accepted.
    pub(in crate::liveness) fn terms(value: &str) -> Terms {
        match setting(value) {
            Ok(Setting::On(terms)) => terms,
            other => panic!("{value:?} gives {other:?}"),
        }
    }

    #[test]
    fn settings_are_read() {
        let at = |interface: Option<&str>, first, last| {
            let interface = interface.map(|text| text.parse().expect("it is an address"));
            Ok(Setting::On(Terms { interface, ports: Ports(first, last), timeout: Duration::from_secs(30) }))
        };
        let table = [
            ("", at(None, 0, 0)),
            ("1", at(None, 0, 0)),
            ("0", Ok(Setting::Off)),
            ("10.0.0.1", at(Some("10.0.0.1"), 0, 0)),
            ("10.0.0.1:4000", at(Some("10.0.0.1"), 4000, 4000)),
            ("10.0.0.1:4000-4100", at(Some("10.0.0.1"), 4000, 4100)),
            (":4000-4100", at(None, 4000, 4100)),
            ("::1", at(Some("::1"), 0, 0)),
            ("[::1]:4000", at(Some("::1"), 4000, 4000)),
        ];
        for (value, expected) in table {
            assert_eq!(setting(value), expected, "{value:?}");
        }
        for value in ["eth0", "10.0.0.1:", "10.0.0.1:0", ":4100-4000", ":70000", ":4000-", "10.0.0:4000"] {
            let error = setting(value).expect_err("it is not accepted");
            assert!(error.starts_with(&format!("FUTURES_MPI_LIVENESS is {value:?}, which is not accepted")), "{error}");
        }
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(terms("1").address(Reach::OneHost), localhost);
        assert!(terms("1").address(Reach::Network).is_unspecified());
        assert_eq!(terms("127.0.0.1").address(Reach::Network), localhost);
    }

    #[test]
    fn what_a_program_wants_comes_first() {
        let both = |name: &str| match name {
            Setting::VARIABLE => Some("10.0.0.1:4000".to_owned()),
            _ => Some("7.5".to_owned()),
        };
        let of = |wanted, seconds: Option<u64>| setting_of(wanted, seconds.map(Duration::from_secs), &both);
        let terms = terms("10.0.0.1:4000");
        let after = |millis| Ok(Setting::On(Terms { timeout: Duration::from_millis(millis), ..terms }));
        assert_eq!(of(None, None), after(7500));
        assert_eq!(of(Some(true), Some(3)), after(3000), "the address is that of the environment");
        assert_eq!(of(Some(false), None), Ok(Setting::Off));
        let off = |name: &str| (name == Setting::VARIABLE).then(|| "0".to_owned());
        assert!(matches!(setting_of(Some(true), None, &off), Ok(Setting::On(_))));
        for seconds in [0, 32_768] {
            let error = of(None, Some(seconds)).expect_err("it is not accepted");
            let said =
                format!("liveness_timeout is \"{seconds} s\", which is not accepted: it must be a number of seconds");
            assert!(error.starts_with(&said), "{error}");
        }
        for text in ["0", "soon", "-1", "1e9"] {
            let variable = |name: &str| (name == TIMEOUT.name).then(|| text.to_owned());
            let error = setting_of(None, None, &variable).expect_err("it is not accepted");
            assert!(
                error.starts_with(&format!("FUTURES_MPI_LIVENESS_TIMEOUT is {text:?}, which is not accepted")),
                "{error}"
            );
        }
    }
}
