//! Which MPI this is, by what it says of itself.

use std::fmt;

/// An implementation of MPI, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// Open MPI.
    OpenMpi { major: u32, minor: u32 },
    /// MPICH itself, with the device that it was built for.
    Mpich { major: u32, minor: u32, device: String },
    /// Any other, by the first line of what it says.
    Other(String),
}

impl Implementation {
    /// Reads what `MPI_Get_library_version` gave.
    pub(crate) fn parse(text: &str) -> Self {
        if let Some((major, minor)) = text.strip_prefix("Open MPI v").and_then(major_and_minor) {
            return Implementation::OpenMpi { major, minor };
        }
        let field = |name| text.lines().find_map(|line: &str| line.strip_prefix(name)).map(str::trim);
        if let Some((major, minor)) = field("MPICH Version:").and_then(major_and_minor) {
            let device = field("MPICH Device:").unwrap_or_default().to_owned();
            return Implementation::Mpich { major, minor, device };
        }
        Implementation::Other(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Implementation::OpenMpi { major, minor } => write!(f, "Open MPI {major}.{minor}"),
            Implementation::Mpich { major, minor, device } if device.is_empty() => write!(f, "MPICH {major}.{minor}"),
            Implementation::Mpich { major, minor, device } => write!(f, "MPICH {major}.{minor} ({device})"),
            Implementation::Other(text) if text.is_empty() => f.write_str("an unknown MPI"),
            Implementation::Other(text) => f.write_str(text),
        }
    }
}

/// The first two numbers of a version such as `4.1.4, package: ...` or `5.0.2`.
fn major_and_minor(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start().split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    });
    Some((numbers.next()??, numbers.next()??))
}
