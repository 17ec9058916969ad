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
    /// How long its master waits for it to start.
    pub(crate) start_limit: Duration,
    /// Whether it comes in the place of a lost one, alone in its world.
    pub(crate) replaces: bool,
}

impl WorkerArgument {
    /// The argument of this process, if it has one.
    pub(crate) fn of_this_process() -> Option<Self> {
        env::args_os().next_back().and_then(|last| Self::parse(last.to_str()?))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(NAME)?.split(',');
        let backoff = Duration::from_nanos(words.next()?.parse().ok()?);
        let crowded = words.next()?.parse().ok()?;
        let start_limit = Duration::from_millis(words.next()?.parse().ok()?);
        let replaces = words.next()?.parse().ok()?;
        words.next().is_none().then_some(WorkerArgument { backoff, crowded, start_limit, replaces })
    }
}

impl fmt::Display for WorkerArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerArgument { backoff, crowded, start_limit, replaces } = self;
        write!(f, "{NAME}{},{crowded},{},{replaces}", backoff.as_nanos(), start_limit.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_argument_is_read_as_it_was_written(backoff: u32, crowded: bool, limit: u32, replaces: bool) {
            let (backoff, start_limit) = (Duration::from_nanos(backoff.into()), Duration::from_millis(limit.into()));
            let argument = WorkerArgument { backoff, crowded, start_limit, replaces };
            prop_assert_eq!(WorkerArgument::parse(&argument.to_string()), Some(argument));
        }

        #[test]
        fn any_text_is_an_argument_or_none(text in prop_oneof![".{0,40}", "[0-9]{0,21},(true|false),[0-9]{0,21},true"]) {
            if let Some(argument) = WorkerArgument::parse(&format!("{NAME}{text}")) {
                prop_assert_eq!(WorkerArgument::parse(&argument.to_string()), Some(argument));
            }
        }
    }

    #[test]
    fn a_worker_reads_what_its_master_writes() {
        let argument = WorkerArgument {
            backoff: Duration::from_micros(1500),
            crowded: true,
            start_limit: Duration::from_secs(60),
            replaces: false,
        };
        assert_eq!(WorkerArgument::parse(&argument.to_string()), Some(argument));
        assert_eq!(WorkerArgument::parse("--futures-mpi-worker="), None);
        assert_eq!(WorkerArgument::parse("worker"), None);
    }
}
