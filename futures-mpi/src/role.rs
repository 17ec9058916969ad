//! How a spawned process learns that it is a worker: by an argument that its master adds to its command line.

use std::env;
use std::fmt;
use std::time::Duration;

/// The argument's name.
const NAME: &str = "--futures-mpi-worker=";

/// What a master tells a worker before they can talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerArgument {
    /// The longest sleep of the worker when it is idle.
    pub(crate) backoff: Duration,
    /// Whether there are more processes than cores.
    pub(crate) crowded: bool,
}

impl WorkerArgument {
    /// The argument of this process, if it has one.
    pub(crate) fn of_this_process() -> Option<Self> {
        env::args_os().next_back().and_then(|last| Self::parse(last.to_str()?))
    }

    fn parse(text: &str) -> Option<Self> {
        let (nanos, crowded) = text.strip_prefix(NAME)?.split_once(',')?;
        Some(WorkerArgument { backoff: Duration::from_nanos(nanos.parse().ok()?), crowded: crowded.parse().ok()? })
    }
}

impl fmt::Display for WorkerArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}{},{}", self.backoff.as_nanos(), self.crowded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_reads_what_its_master_writes() {
        let argument = WorkerArgument { backoff: Duration::from_micros(1500), crowded: true };
        assert_eq!(WorkerArgument::parse(&argument.to_string()), Some(argument));
        assert_eq!(WorkerArgument::parse("--futures-mpi-worker="), None);
        assert_eq!(WorkerArgument::parse("worker"), None);
    }
}
