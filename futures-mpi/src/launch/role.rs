//! How a spawned process learns that it is a worker: by an argument that its master adds to its command line; without
//! it, by what the process that has spawned it sends first.

use std::ffi::{OsStr, OsString};
use std::time::Duration;
use std::{env, fmt};

/// The argument's name.
const NAME: &str = "--futures-mpi-worker=";

/// The word for what a worker has to find out by itself.
const UNKNOWN: &str = "unknown";

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Why a worker without the argument does not work.
pub(crate) fn arguments_are_lost() -> String {
    let program = env::args_os().next().unwrap_or_default();
    format!(
        "{program:?} was started without the argument by which its master tells it what it is, and without those of \
         the option `args`: a script between the two dropped them. The script must pass on all its arguments, as in: \
         exec PROGRAM \"$@\""
    )
}

/// What a master tells a worker before they can talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerArgument {
    /// The longest sleep of the worker when it is idle.
    pub(crate) backoff: Duration,
    /// Whether there are more processes than cores; none where the worker has to find out, because it may be on another
    /// host than its master.
    pub(crate) crowded: Option<bool>,
    /// How long its master waits for it to start.
    pub(crate) start_limit: Duration,
    /// Whether it comes in the place of a lost one, alone in its world.
    pub(crate) replaces: bool,
}

impl WorkerArgument {
    /// The argument of this process, if it has one. One that cannot be read is an error: a worker that does not know
    /// what it is would run `main`, which spawns workers again, and so on.
    pub(crate) fn of_this_process() -> Result<Option<Self>, String> {
        Self::find(env::args_os().skip(1))
    }

    /// The argument among others: a wrapper script may have added some behind it.
    fn find(arguments: impl DoubleEndedIterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut own = arguments.rev().filter(|argument| argument.as_encoded_bytes().starts_with(NAME.as_bytes()));
        own.next().map(|argument| Self::read(&argument)).transpose()
    }

    fn read(argument: &OsStr) -> Result<Self, String> {
        argument.to_str().and_then(Self::parse).ok_or_else(|| {
            format!(
                "cannot parse {argument:?}, the argument by which a master tells this process that it is a worker; \
                 exiting before `main`. Master and workers must be built with the same version of futures-mpi"
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(NAME)?.split(',');
        let backoff = parse_duration(words.next()?)?;
        let crowded = match words.next()? {
            UNKNOWN => None,
            known => Some(known.parse().ok()?),
        };
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
        let crowded = crowded.map_or(UNKNOWN, |crowded| if crowded { "true" } else { "false" });
        write!(f, "{NAME}{longest}.{longest_nanos:09},{crowded},{limit}.{limit_nanos:09},{replaces}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    fn find(arguments: &[&str]) -> Result<Option<WorkerArgument>, String> {
        WorkerArgument::find(arguments.iter().map(OsString::from))
    }

    fn duration() -> impl Strategy<Value = Duration> {
        (any::<u64>(), 0..NANOS_PER_SECOND).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
    }

    proptest! {
        #[test]
        fn every_argument_is_read_as_it_was_written(
            backoff in duration(),
            crowded: Option<bool>,
            start_limit in duration(),
            replaces: bool,
        ) {
            let argument = WorkerArgument { backoff, crowded, start_limit, replaces };
            prop_assert_eq!(find(&[&argument.to_string()]), Ok(Some(argument)));
        }

        #[test]
        fn any_text_is_an_argument_or_an_error(
            text in prop_oneof![".{0,40}", "[0-9]{0,21}\\.[0-9]{0,10},(true|false|unknown),[0-9]{0,21}\\.[0-9]{0,10},true"],
        ) {
            let found = find(&[&format!("{NAME}{text}")]);
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
            crowded: Some(true),
            start_limit: Duration::from_secs(60),
            replaces: false,
        };
        assert_eq!(argument.to_string(), "--futures-mpi-worker=0.001500000,true,60.000000000,false");
        let longest = WorkerArgument { backoff: Duration::MAX, start_limit: Duration::MAX, ..argument };
        for argument in [argument, longest] {
            assert_eq!(find(&[&argument.to_string()]), Ok(Some(argument)));
        }
    }

    #[test]
    fn the_argument_is_found_wherever_a_wrapper_has_put_it() {
        let one = "--futures-mpi-worker=0.001500000,true,60.000000000,false";
        let two = "--futures-mpi-worker=0.002500000,true,60.000000000,false";
        for arguments in [&["a", one][..], &[one, "--verbose", "b"], &["a", one, "b"]] {
            let found = find(arguments).expect("it can be read").expect("it is there");
            assert_eq!(found.to_string(), one, "{arguments:?}");
        }
        // The master adds its own behind those that it was asked to give.
        assert_eq!(find(&[one, two, "b"]).map(|found| found.map(|found| found.to_string())), Ok(Some(two.to_owned())));
    }

    #[test]
    fn an_argument_that_cannot_be_read_is_an_error() {
        for other in ["worker", "", "--futures-mpi-worker", "--futures-mpi-serve=file:x"] {
            assert_eq!(find(&[other]), Ok(None), "{other}");
        }
        for words in ["", "1500000,true,60000,false", "0.1000000000,true,60.0,false", "0.1,true,60.0,false,1"] {
            let error = find(&[&format!("{NAME}{words}"), "more"]).expect_err(words);
            assert!(error.contains(&format!("cannot parse \"{NAME}{words}\", the argument")), "{error}");
        }
        let damaged = OsStr::from_bytes(b"--futures-mpi-worker=0.1,true,60.0,\xff");
        assert!(WorkerArgument::find([damaged.to_owned()].into_iter()).is_err());
    }
}
