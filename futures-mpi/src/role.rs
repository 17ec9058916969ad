//! How a spawned process learns that it is a worker: by an argument that its master adds to its command line.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

/// The argument's name.
const NAME: &str = "--futures-mpi-worker=";

const NANOS_PER_SECOND: u32 = 1_000_000_000;

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
    /// The argument of this process, if it has one. One that cannot be read is an error: a worker that does not know
    /// what it is would run `main`, which spawns workers again, and so on.
    pub(crate) fn of_this_process() -> Result<Option<Self>, String> {
        env::args_os().next_back().map_or(Ok(None), |last| Self::find(&last))
    }

    fn find(last: &OsStr) -> Result<Option<Self>, String> {
        if !last.as_encoded_bytes().starts_with(NAME.as_bytes()) {
            return Ok(None);
        }
        last.to_str().and_then(Self::parse).map(Some).ok_or_else(|| {
            format!(
                "the last argument of this process is {last:?}, by which a master tells a worker what it is, and it cannot \
                 be read; this process ends before its `main`. Master and workers must be built with the same version of \
                 futures-mpi"
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(NAME)?.split(',');
        let backoff = parse_duration(words.next()?)?;
        let crowded = words.next()?.parse().ok()?;
        let start_limit = parse_duration(words.next()?)?;
        let replaces = words.next()?.parse().ok()?;
        words.next().is_none().then_some(WorkerArgument { backoff, crowded, start_limit, replaces })
    }
}

/// Seconds and nanoseconds are apart, because together they may be more than a number of 64 bits holds.
fn parse_duration(text: &str) -> Option<Duration> {
    let (seconds, nanos) = text.split_once('.')?;
    let nanos = nanos.parse().ok().filter(|nanos| *nanos < NANOS_PER_SECOND)?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}

impl fmt::Display for WorkerArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerArgument { backoff, crowded, start_limit, replaces } = self;
        let (longest, limit) = (backoff.as_secs(), start_limit.as_secs());
        let (longest_nanos, limit_nanos) = (backoff.subsec_nanos(), start_limit.subsec_nanos());
        write!(f, "{NAME}{longest}.{longest_nanos:09},{crowded},{limit}.{limit_nanos:09},{replaces}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    fn duration() -> impl Strategy<Value = Duration> {
        (any::<u64>(), 0..NANOS_PER_SECOND).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
    }

    proptest! {
        #[test]
        fn every_argument_is_read_as_it_was_written(
            backoff in duration(),
            crowded: bool,
            start_limit in duration(),
            replaces: bool,
        ) {
            let argument = WorkerArgument { backoff, crowded, start_limit, replaces };
            prop_assert_eq!(WorkerArgument::find(argument.to_string().as_ref()), Ok(Some(argument)));
        }

        #[test]
        fn any_text_is_an_argument_or_an_error(
            text in prop_oneof![".{0,40}", "[0-9]{0,21}\\.[0-9]{0,10},(true|false),[0-9]{0,21}\\.[0-9]{0,10},true"],
        ) {
            let found = WorkerArgument::find(format!("{NAME}{text}").as_ref());
            prop_assert_ne!(&found, &Ok(None));
            if let Ok(Some(argument)) = found {
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
        assert_eq!(argument.to_string(), "--futures-mpi-worker=0.001500000,true,60.000000000,false");
        let longest = WorkerArgument { backoff: Duration::MAX, start_limit: Duration::MAX, ..argument };
        for argument in [argument, longest] {
            assert_eq!(WorkerArgument::find(argument.to_string().as_ref()), Ok(Some(argument)));
        }
    }

    #[test]
    fn an_argument_that_cannot_be_read_is_an_error() {
        for other in ["worker", "", "--futures-mpi-worker", "--futures-mpi-serve=file:x"] {
            assert_eq!(WorkerArgument::find(other.as_ref()), Ok(None), "{other}");
        }
        for words in ["", "1500000,true,60000,false", "0.1000000000,true,60.0,false", "0.1,true,60.0,false,1"] {
            let error = WorkerArgument::find(format!("{NAME}{words}").as_ref()).expect_err(words);
            assert!(error.contains(&format!("is \"{NAME}{words}\", by which a master")), "{error}");
        }
        let damaged = OsStr::from_bytes(b"--futures-mpi-worker=0.1,true,60.0,\xff");
        assert!(WorkerArgument::find(damaged).is_err());
    }
}
