//! Values that come from the program, else from the environment, with errors that say where a bad one came from.

use crate::driver::options::{DEFAULT_BOOT_LIMIT, DEFAULT_SHUTDOWN_LIMIT};
use crate::error::{Error, Kind, Result};
use std::env;
use std::time::Duration;

/// The number of workers, if the program does not say it.
pub const MAX_WORKERS: &str = "FUTURES_MPI_MAX_WORKERS";

/// The longest sleep of an idle process in seconds, if the program does not say it.
pub const BACKOFF: &str = "FUTURES_MPI_BACKOFF";

/// How long workers may take to become ready, in seconds, if the program does not say it.
pub const BOOT_LIMIT: &str = "FUTURES_MPI_BOOT_LIMIT";

/// How long workers may take to disconnect, in seconds, if the program does not set it.
pub const SHUTDOWN_LIMIT: &str = "FUTURES_MPI_SHUTDOWN_LIMIT";

/// Whether buffers travel as messages of their own, if the program does not say it.
pub const OUT_OF_BAND: &str = "FUTURES_MPI_OUT_OF_BAND";

/// After how long without movement a pool is reported, in seconds, if the program does not say it.
pub const WATCHDOG: &str = "FUTURES_MPI_WATCHDOG";

/// Whether tasks may be sent to workers that have others to do before, if the program does not say it.
pub const PREFETCH: &str = "FUTURES_MPI_PREFETCH";

/// Whether lost workers are replaced, if the program does not say it.
pub const REPLACE_LOST_WORKERS: &str = "FUTURES_MPI_REPLACE_LOST_WORKERS";

/// The default of the longest sleep of an idle process: 0.001 s.
pub const DEFAULT_BACKOFF: Duration = Duration::from_millis(1);

/// Longer limits and sleeps are cut to this: a hundred years, which every clock can add to the time of day.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The most workers that can be asked for.
const MOST_WORKERS: usize = 1 << 24;

/// The smallest and the largest stack that can be asked for.
const SMALLEST_STACK_BYTES: usize = 2 << 20;
const LARGEST_STACK_BYTES: usize = 64 << 30;

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

/// The size of a stack in bytes.
///
/// # Errors
///
/// If nested values, as deep as they may be, have no room in it, or if it is absurdly large.
pub(crate) fn stack_size(bytes: usize) -> Result<usize> {
    if (SMALLEST_STACK_BYTES..=LARGEST_STACK_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        let accepted =
            format!("a number of bytes from {SMALLEST_STACK_BYTES} (2 MiB) to {LARGEST_STACK_BYTES} (64 GiB)");
        Err(refuse("stack_size", &bytes.to_string(), &accepted))
    }
}

/// The longest sleep that the program asks for, else the one in the environment, else the default; a hundred years at
/// the most, which is as good as no limit.
///
/// # Errors
///
/// If the variable is negative or no number; the error names the value.
pub fn backoff(given: Option<Duration>) -> Result<Duration> {
    let longest = match given {
        Some(duration) => duration,
        None => variable(BACKOFF)?.map_or(Ok(DEFAULT_BACKOFF), |text| read_backoff(&text))?,
    };
    Ok(longest.min(LONGEST))
}

fn read_backoff(text: &str) -> Result<Duration> {
    let accepted = "a number of seconds that is not negative, such as 0.001; 0 never sleeps";
    seconds(text).ok_or_else(|| refuse(BACKOFF, text, accepted))
}

pub(super) fn boot_limit(given: Option<Duration>) -> Result<Duration> {
    limit(given, "boot_limit", BOOT_LIMIT, DEFAULT_BOOT_LIMIT)
}

pub(super) fn shutdown_limit(given: Option<Duration>) -> Result<Duration> {
    limit(given, "shutdown_limit", SHUTDOWN_LIMIT, DEFAULT_SHUTDOWN_LIMIT)
}

fn limit(given: Option<Duration>, option: &str, name: &str, default: Duration) -> Result<Duration> {
    let accepted = "a number of seconds that is larger than 0";
    let duration = match given {
        Some(duration) if duration.is_zero() => return Err(refuse(option, "0 s", accepted)),
        Some(duration) => duration,
        None => match variable(name)? {
            Some(text) => {
                seconds(&text).filter(|duration| !duration.is_zero()).ok_or_else(|| refuse(name, &text, accepted))?
            }
            None => default,
        },
    };
    Ok(duration.min(LONGEST))
}

pub(super) fn out_of_band(given: Option<bool>) -> Result<bool> {
    choice(given, OUT_OF_BAND, true)
}

pub(super) fn replace_lost_workers(given: Option<bool>) -> Result<bool> {
    choice(given, REPLACE_LOST_WORKERS, false)
}

pub(super) fn prefetch(given: Option<bool>) -> Result<Option<bool>> {
    said(given, PREFETCH)
}

fn choice(given: Option<bool>, name: &str, default: bool) -> Result<bool> {
    Ok(said(given, name)?.unwrap_or(default))
}

/// What was given, else what the variable says.
fn said(given: Option<bool>, name: &str) -> Result<Option<bool>> {
    let found = variable(name)?.filter(|_| given.is_none());
    let accepted = "0 or 1, or one of yes, no, true, false, on, off, y, n";
    let found = found.map(|text| boolean(&text).ok_or_else(|| refuse(name, &text, accepted))).transpose()?;
    Ok(given.or(found))
}

/// After how long without movement a pool is reported; zero is never.
pub(super) fn watchdog(given: Option<Duration>) -> Result<Option<Duration>> {
    let accepted = "a number of seconds that is not negative; 0 reports nothing";
    let found = variable(WATCHDOG)?.filter(|_| given.is_none());
    let found = found.map(|text| seconds(&text).ok_or_else(|| refuse(WATCHDOG, &text, accepted))).transpose()?;
    Ok(given.or(found).filter(|interval| !interval.is_zero()).map(|interval| interval.min(LONGEST)))
}

/// Reads a number of seconds, such as `1.5`; `None` if it is negative, no number, or longer than a [`Duration`].
pub fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// A boolean of YAML 1.1 in any case, or 0 or 1.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "y" | "yes" | "true" | "on" => Some(true),
        "0" | "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
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

/// The error of a bad value: where it came from, the value, and what is accepted there.
pub fn refuse(origin: &str, value: &str, accepted: &str) -> Error {
    Error::new(Kind::Configuration, format!("{origin} is {value:?}, which is not accepted: it must be {accepted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_yaml() {
        for text in ["1", "y", "Y", "yes", "Yes", "YES", "true", "True", "on", "ON", " on "] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["0", "n", "N", "no", "No", "NO", "false", "FALSE", "off", "Off"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "2", "-1", "ja", "truee", "0.0"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_are_numbers_that_are_not_negative() {
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        assert_eq!(seconds(" 1.5 "), Some(Duration::from_millis(1500)));
        for text in ["", "-1", "nan", "inf", "1 s", "soon"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(limit(Some(Duration::MAX), "a", "b", Duration::ZERO).expect("it is accepted"), LONGEST);
    }

    #[test]
    fn a_stack_is_neither_too_small_nor_absurdly_large() {
        for bytes in [2 << 20, 8 << 20, 64 << 30] {
            assert_eq!(stack_size(bytes).expect("it is accepted"), bytes);
        }
        for bytes in [0, 8, (2 << 20) - 1, (64 << 30) + 1, usize::MAX] {
            let error = stack_size(bytes).expect_err("it is refused");
            assert!(error.is_configuration(), "{error}");
            assert!(error.message().starts_with(&format!("stack_size is \"{bytes}\"")), "{error}");
        }
    }

    #[test]
    fn a_backoff_has_an_end() {
        assert_eq!(backoff(Some(Duration::MAX)).expect("it is accepted"), LONGEST);
        assert_eq!(backoff(Some(Duration::ZERO)).expect("it is accepted"), Duration::ZERO);
        assert!(read_backoff("1e11").expect("it is accepted") > LONGEST);
        assert!(read_backoff("-1").is_err_and(|error| error.to_string().contains("FUTURES_MPI_BACKOFF is \"-1\"")));
    }
}
