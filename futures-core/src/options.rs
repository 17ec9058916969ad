//! Options that come from the program or from the environment, with errors that say where a bad value came from.

use crate::error::{Error, Kind, Result};
use std::env;
use std::time::Duration;

/// The number of workers, if the program does not say it.
pub const MAX_WORKERS: &str = "FUTURES_MPI_MAX_WORKERS";

/// The longest sleep of an idle process in seconds, if the program does not say it.
pub const BACKOFF: &str = "FUTURES_MPI_BACKOFF";

/// The longest sleep of an idle process, if nobody says it: 0.001 s.
pub const DEFAULT_BACKOFF: Duration = Duration::from_millis(1);

/// The most workers that can be asked for.
const MOST_WORKERS: usize = 1 << 24;

/// The number of workers that the program asks for, else the one in the environment, else none.
///
/// # Errors
///
/// If the value is 0, too large or no number; the error names it and where it came from.
pub fn max_workers(given: Option<usize>) -> Result<Option<usize>> {
    match given {
        Some(count) => accept_workers(count, &count.to_string(), "max_workers").map(Some),
        None => variable(MAX_WORKERS)?
            .map(|text| accept_workers(text.trim().parse().unwrap_or(0), &text, MAX_WORKERS))
            .transpose(),
    }
}

/// The longest sleep that the program asks for, else the one in the environment, else the default.
///
/// # Errors
///
/// If the variable is negative or no number; the error names the value.
pub fn backoff(given: Option<Duration>) -> Result<Duration> {
    if let Some(duration) = given {
        return Ok(duration);
    }
    let Some(text) = variable(BACKOFF)? else {
        return Ok(DEFAULT_BACKOFF);
    };
    text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
        refuse(BACKOFF, &text, "a number of seconds that is not negative, such as 0.001; 0 never sleeps")
    })
}

/// Whether so many processes are more than this machine has cores, if they all run on it.
pub fn is_crowded(processes: usize) -> bool {
    processes > std::thread::available_parallelism().map_or(1, usize::from)
}

fn accept_workers(count: usize, text: &str, origin: &str) -> Result<usize> {
    if (1..=MOST_WORKERS).contains(&count) {
        Ok(count)
    } else {
        Err(refuse(origin, text, &format!("a whole number from 1 to {MOST_WORKERS}")))
    }
}

fn variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(text)) => Err(refuse(name, &text.to_string_lossy(), "a number")),
    }
}

fn refuse(origin: &str, value: &str, accepted: &str) -> Error {
    Error::new(Kind::Configuration, format!("{origin} is {value:?}, which is not accepted: it must be {accepted}"))
}
