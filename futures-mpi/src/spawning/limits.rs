//! The limits of MPI and the system for the program, arguments and info of workers. They are checked when an executor
//! is built, because later MPI would end the program, or wait forever for workers that the system does not start.

use crate::sys;
use futures_mpi_core::Result;
use futures_mpi_core::options::refuse;
use std::ffi::OsStr;
use std::path::Path;

/// The keys whose value is a list of hosts, for which there is a way around the limit.
const HOST_KEYS: [&str; 2] = ["host", "add-host"];

/// The longest argument that Linux accepts, with its final zero byte.
const ARGUMENT_BYTES: usize = 128 << 10;

/// Room for the environment variables of MPI and for the argument that a master adds.
const RESERVE_BYTES: usize = 64 << 10;

/// How much of a value an error shows.
const SHOWN_CHARACTERS: usize = 60;

/// Checks keys and values for `MPI_Comm_spawn`.
///
/// # Errors
///
/// An empty one, one with a zero byte, or one that is longer than this MPI accepts.
pub(crate) fn check_info(pairs: &[(String, String)]) -> Result<()> {
    pairs.iter().try_for_each(|(key, value)| {
        let longest = sys::INFO_KEY_BYTES;
        if key.is_empty() || key.contains('\0') || key.len() > longest {
            let accepted = format!("a key of 1 to {longest} bytes, which is MPI's limit (MPI_MAX_INFO_KEY), none of them 0");
            return Err(refuse("a key of mpi_info", &shown(key), &accepted));
        }
        let longest = sys::INFO_VALUE_BYTES;
        if value.is_empty() || value.contains('\0') || value.len() > longest {
            let instead = if HOST_KEYS.contains(&&**key) && value.len() > longest {
                "; write the hosts into a file, one in a line, and name the file by the key hostfile, or add-hostfile"
            } else {
                ""
            };
            let accepted = format!(
                "a value of 1 to {longest} bytes, which is MPI's limit (MPI_MAX_INFO_VAL), none of them 0, and has {}{instead}",
                value.len()
            );
            return Err(refuse(&format!("mpi_info {key}"), &shown(value), &accepted));
        }
        Ok(())
    })
}

/// Checks the program that workers run, and its arguments.
///
/// # Errors
///
/// One with a zero byte, one that is longer than the system accepts, or more of them than it accepts together.
pub(crate) fn check_command<S: AsRef<OsStr>>(program: Option<&Path>, arguments: &[S]) -> Result<()> {
    check_command_by(program, arguments, ARGUMENT_BYTES, sys::command_bytes(), environment_bytes())
}

/// Checks a command for a system that accepts arguments of less than `longest` bytes, and commands of `room` bytes with
/// their variables, which take `taken` of them.
fn check_command_by<S: AsRef<OsStr>>(
    program: Option<&Path>,
    arguments: &[S],
    longest: usize,
    room: Option<usize>,
    taken: usize,
) -> Result<()> {
    let program = program.map(|program| ("exe", program.as_os_str()));
    let all = || program.into_iter().chain(arguments.iter().map(|argument| ("args", argument.as_ref())));
    for (origin, text) in all() {
        let bytes = text.as_encoded_bytes();
        if bytes.contains(&0) || origin == "exe" && bytes.is_empty() {
            let accepted = if origin == "exe" { "a path, without a zero byte" } else { "text without a zero byte" };
            return Err(refuse(origin, &shown(&text.to_string_lossy()), accepted));
        }
        if bytes.len() >= longest {
            let accepted = format!(
                "shorter than {longest} bytes, the system's limit for an argument, and has {}; give it to the workers by \
                 `global`, or in a file",
                bytes.len()
            );
            return Err(refuse(origin, &shown(&text.to_string_lossy()), &accepted));
        }
    }
    let total = all().map(|(_, text)| bytes_of(text)).sum::<usize>();
    let Some(room) = room.map(|room| room.saturating_sub(taken + RESERVE_BYTES)) else { return Ok(()) };
    if total > room {
        let value = format!("{} arguments of {total} bytes", arguments.len());
        let accepted = format!(
            "no more than {room} bytes, the system's limit (ARG_MAX) less the environment; give them to the workers by \
             `global`, or in a file"
        );
        return Err(refuse("args", &value, &accepted));
    }
    Ok(())
}

/// The room that a text takes among the arguments of a program: its bytes, a zero byte, and a pointer.
fn bytes_of(text: &OsStr) -> usize {
    text.len() + 1 + size_of::<usize>()
}

/// The room that the variables of this process take, which the workers get too.
fn environment_bytes() -> usize {
    std::env::vars_os().map(|(name, value)| bytes_of(&name) + 1 + value.len()).sum()
}

/// The beginning of a text that may be long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_info(key: &str, value: &str) -> std::result::Result<(), String> {
        check_info(&[("wdir".to_owned(), "/tmp".to_owned()), (key.to_owned(), value.to_owned())])
            .map_err(|error| format!("{} {error}", error.is_configuration()))
    }

    #[test]
    fn keys_and_values_for_mpi_are_checked() {
        let (key, value) = (sys::INFO_KEY_BYTES, sys::INFO_VALUE_BYTES);
        assert!(key >= 31 && value >= 63, "{key} {value}");
        assert_eq!(of_info("host", "node7"), Ok(()));
        assert_eq!(of_info(&"k".repeat(key), &"v".repeat(value)), Ok(()));
        let hosts: Vec<String> = (0..=value / 8).map(|n| format!("node{n:04}")).collect();
        let table = [
            ("", "1", "true a key of mpi_info is \"\", which is not accepted: it must be a key of 1 to ".to_owned()),
            ("a\0b", "1", "true a key of mpi_info is \"a\\0b\"".to_owned()),
            (&"k".repeat(key + 1), "1", format!("a key of 1 to {key} bytes, which is MPI's limit")),
            ("host", "", "true mpi_info host is \"\", which is not accepted: it must be a value of 1 to ".to_owned()),
            ("host", "a\0b", "true mpi_info host is \"a\\0b\"".to_owned()),
            ("path", &"v".repeat(value + 1), format!("none of them 0, and has {}", value + 1)),
            ("host", &hosts.join(","), "name the file by the key hostfile".to_owned()),
        ];
        for (key, value, expected) in table {
            let error = of_info(key, value).expect_err("it is not accepted");
            assert!(error.contains(&expected), "{expected} is not in: {error}");
            assert!(error.len() < 500, "{error}");
            assert_eq!(error.contains("hostfile"), expected.contains("hostfile"), "{error}");
        }
    }

    #[test]
    fn commands_are_checked() {
        let check = |program: Option<&str>, arguments: &[&str], room| {
            let program = program.map(Path::new);
            check_command_by(program, arguments, 100, room, 1000).map_err(|error| error.to_string())
        };
        let long = "x".repeat(99);
        assert_eq!(check(None, &[], Some(0)), Ok(()));
        assert_eq!(check(Some("/bin/true"), &["", "a b", &long], None), Ok(()));
        assert_eq!(check(None, &[&long], Some(RESERVE_BYTES + 1000 + 108)), Ok(()));
        let table = [
            (
                check(None, &["a", "b\0"], None),
                "args is \"b\\0\", which is not accepted: it must be text without a zero byte",
            ),
            (check(Some("a\0"), &[], None), "exe is \"a\\0\", which is not accepted: it must be a path"),
            (check(Some(""), &[], None), "exe is \"\""),
            (
                check(None, &[&"x".repeat(100)], None),
                "shorter than 100 bytes, the system's limit for an argument, and has 100",
            ),
            (check(None, &[&long], Some(RESERVE_BYTES + 1000 + 107)), "args is \"1 arguments of 108 bytes\""),
            (check(None, &["a"], Some(0)), "no more than 0 bytes"),
        ];
        for (found, expected) in table {
            let error = found.expect_err("it is not accepted");
            assert!(error.contains(expected), "{expected} is not in: {error}");
        }
        // Of this system and this process.
        assert!(check_command(None, &["x".repeat(ARGUMENT_BYTES - 1)]).is_ok());
        assert!(check_command(None, &vec!["y".repeat(100_000); 400]).is_err());
    }
}
