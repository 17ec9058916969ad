//! How many cores processes and threads have to themselves, so that who waits knows whether it may spin.

use std::fs;
use std::thread;

/// The cores that this process may use.
pub fn own_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Whether so many threads are more than this process has cores.
pub fn is_crowded_by_threads(threads: usize) -> bool {
    threads > own_cores()
}

/// Whether so many processes are more than this machine has cores, if they all run on it. A launcher may have bound
/// this process to some of the cores, and has then given the other processes others.
pub fn is_crowded(processes: usize) -> bool {
    is_crowded_by_threads(processes) && machine_cores().is_none_or(|cores| processes > cores)
}

/// The cores of this machine, if this process is bound to some of them.
fn machine_cores() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let bound = count(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)?;
    let online = count(&fs::read_to_string("/sys/devices/system/cpu/online").ok()?)?;
    (bound < online).then_some(online)
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
