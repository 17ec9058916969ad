//! How many cores the processes of a job have to themselves, so that a process knows whether it may spin.

use std::fs;
use std::thread;

/// Whether so many processes are more than this machine has cores, if they all run on it.
pub fn is_crowded(processes: usize) -> bool {
    processes > cores()
}

/// The cores of this machine that its processes share. A launcher may have bound this process to some of them, and has
/// then given the other processes others.
fn cores() -> usize {
    let allowed = thread::available_parallelism().map_or(1, usize::from);
    let bound = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        count(line)
    });
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok().and_then(|list| count(&list));
    match (bound, online) {
        (Some(bound), Some(online)) if bound < online => online,
        _ => allowed,
    }
}

/// How many numbers a list as `0-3,8` names.
fn count(list: &str) -> Option<usize> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (last.checked_sub(first)?).checked_add(1)
    };
    list.trim().split(',').map(range).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_counted() {
        let table = [
            ("0", Some(1)),
            ("\t0-1\n", Some(2)),
            ("0-3,8,10-11", Some(7)),
            ("", None),
            ("a", None),
            ("3-1", None),
            ("0-18446744073709551615", None),
        ];
        for (list, expected) in table {
            assert_eq!(count(list), expected, "{list:?}");
        }
    }

    #[test]
    fn one_process_is_not_too_many_and_a_million_are() {
        assert!(!is_crowded(1) && is_crowded(1_000_000));
    }
}
