//! Values that come from the program, else from the environment, with errors that say where a bad one came from.

use crate::error::{Error, Kind, Result};
use std::env;
use std::ffi::OsString;
use std::time::Duration;

/// Longer limits and sleeps are cut to this: a hundred years, which every clock can add to the time of day.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The smallest and the largest stack that can be asked for.
const SMALLEST_STACK_BYTES: usize = 2 << 20;
const LARGEST_STACK_BYTES: usize = 64 << 30;

/// An option that a variable of the environment sets if the program does not.
#[derive(Debug)]
pub struct Variable<T> {
    /// The name of the variable.
    pub name: &'static str,
    /// The name of the option.
    pub option: &'static str,
    /// What is accepted, for the error of a value that is not.
    pub accepted: &'static str,
    /// The value that holds for a given one; `None` if that one is not accepted.
    pub accept: fn(T) -> Option<T>,
}

impl<T: Value> Variable<T> {
    /// The value that the program gives, else the one in the environment, else none.
    ///
    /// # Errors
    ///
    /// If the value is not accepted; the error names it and where it came from.
    pub fn decide(&self, given: Option<T>) -> Result<Option<T>> {
        self.choose(given, || env::var_os(self.name))
    }

    /// As [`decide`](Self::decide), where the variable has this value.
    ///
    /// # Errors
    ///
    /// As for [`decide`](Self::decide).
    pub fn choose(&self, given: Option<T>, variable: impl FnOnce() -> Option<OsString>) -> Result<Option<T>> {
        let (value, origin, text) = match given {
            Some(value) => (Some(value), self.option, value.show()),
            None => match variable() {
                Some(text) => (text.to_str().and_then(T::read), self.name, text.to_string_lossy().into_owned()),
                None => return Ok(None),
            },
        };
        let accepted = value.and_then(self.accept);
        accepted.map(Some).ok_or_else(|| refuse(origin, &text, self.accepted))
    }
}

/// A value of an option that a variable can set.
pub trait Value: Copy {
    /// Reads the value of a variable.
    fn read(text: &str) -> Option<Self>;

    /// The value as an error shows it.
    fn show(self) -> String;
}

impl Value for Duration {
    fn read(text: &str) -> Option<Self> {
        seconds(text)
    }

    fn show(self) -> String {
        format!("{} s", self.as_secs_f64())
    }
}

impl Value for bool {
    fn read(text: &str) -> Option<Self> {
        boolean(text)
    }

    fn show(self) -> String {
        self.to_string()
    }
}

impl Value for usize {
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn show(self) -> String {
        self.to_string()
    }
}

impl Variable<Duration> {
    /// A time limit.
    pub(super) const fn limit(option: &'static str, name: &'static str) -> Self {
        let accepted = "a number of seconds that is larger than 0";
        Variable { name, option, accepted, accept: |limit| (!limit.is_zero()).then(|| limit.min(LONGEST)) }
    }

    /// A duration that may be zero, with what zero does.
    pub(super) const fn duration(option: &'static str, name: &'static str, accepted: &'static str) -> Self {
        Variable { name, option, accepted, accept: |duration| Some(duration.min(LONGEST)) }
    }
}

impl Variable<bool> {
    /// A choice between yes and no.
    pub(super) const fn choice(option: &'static str, name: &'static str) -> Self {
        let accepted = "0 or 1, or one of yes, no, true, false, on, off, y, n";
        Variable { name, option, accepted, accept: Some }
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

/// Reads a number of seconds, such as `1.5`; `None` if it is negative, no number, or longer than a [`Duration`].
fn seconds(text: &str) -> Option<Duration> {
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
    }

    const LIMIT: Variable<Duration> = Variable::limit("limit", "LIMIT");
    const PAUSE: Variable<Duration> = Variable::duration("pause", "PAUSE", "a number; 0 does not pause");

    #[test]
    fn the_program_comes_first_and_then_the_variable() {
        let seven = || Some(OsString::from(" 7 "));
        let second = Duration::from_secs(1);
        assert_eq!(LIMIT.choose(None, || None).expect("nobody sets it"), None);
        assert_eq!(LIMIT.choose(None, seven).expect("it is accepted"), Some(7 * second));
        assert_eq!(LIMIT.choose(Some(second), seven).expect("it is accepted"), Some(second));
        let choice = Variable::choice("choice", "CHOICE");
        assert_eq!(choice.choose(None, || Some("off".into())).expect("it is accepted"), Some(false));
    }

    #[test]
    fn a_bad_value_is_named_with_its_origin() {
        let error = LIMIT.choose(Some(Duration::ZERO), || None).expect_err("it is refused");
        let accepted = "which is not accepted: it must be a number of seconds that is larger than 0";
        assert!(error.is_configuration(), "{error}");
        assert_eq!(error.message(), format!("limit is \"0 s\", {accepted}"));
        for text in ["0", "-1", "soon", ""] {
            let error = LIMIT.choose(None, || Some(text.into())).expect_err("it is refused");
            assert_eq!(error.message(), format!("LIMIT is {text:?}, {accepted}"));
        }
        let error = PAUSE.choose(None, || Some("-1".into())).expect_err("it is refused");
        assert!(error.message().starts_with("PAUSE is \"-1\", "), "{error}");
    }

    #[test]
    fn durations_have_an_end() {
        for given in [Duration::from_secs(100_000_000_000), Duration::MAX] {
            assert_eq!(LIMIT.choose(Some(given), || None).expect("it is accepted"), Some(LONGEST));
            assert_eq!(PAUSE.choose(Some(given), || None).expect("it is accepted"), Some(LONGEST));
        }
        assert_eq!(PAUSE.choose(Some(Duration::ZERO), || None).expect("it is accepted"), Some(Duration::ZERO));
        assert_eq!(PAUSE.choose(None, || Some("1e11".into())).expect("it is accepted"), Some(LONGEST));
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
}
