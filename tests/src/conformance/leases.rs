//! Maps whose chunk sizes the library chooses: what a worker does not come to goes to others, and every item has its
//! own outcome.

use super::gate::Gate;
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Buffer, Error, remote_task};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

promises![
    a_map_without_a_chunk_size_gives_every_value,
    items_behind_quick_ones_are_spread_when_they_are_long,
    what_is_done_of_a_chunk_does_not_wait_for_the_rest,
    large_arguments_and_results_come_back_from_a_lease,
    failures_of_a_lease_are_those_of_their_items,
    a_map_that_is_dropped_leaves_its_executor_well,
    a_buffer_size_counts_items_where_no_chunk_size_is_set,
];

/// The number, after so many milliseconds, and who has done it.
#[remote_task]
fn note_worker(n: u64, millis: u64) -> (u64, String) {
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
    (n, format!("{} {:?}", std::process::id(), std::thread::current().id()))
}

/// The number, after a while for the first that is large; at a gate for one that is somewhat larger.
#[remote_task]
fn stand_behind(n: u64, gate: Option<PathBuf>) -> u64 {
    if n == QUICK {
        // Any lease is over then.
        std::thread::sleep(Duration::from_millis(100));
    }
    while gate.as_ref().is_some_and(|gate| gate.exists()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    n
}

/// Fails for every seventh number, and panics for every eleventh; after a while for large ones.
#[remote_task]
fn halve_or_fail(n: u64) -> Result<u64, String> {
    if n > QUICK {
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(!n.is_multiple_of(11), "{n} is bad luck");
    if n.is_multiple_of(7) { Err(format!("{n} is divisible by seven")) } else { Ok(n / 2) }
}

/// The numbers of the array, twice; after a while for large ones.
#[remote_task]
fn double(values: Buffer<u64>) -> Buffer<u64> {
    if values.first().is_some_and(|first| *first >= QUICK) {
        std::thread::sleep(Duration::from_millis(3));
    }
    values.iter().map(|value| 2 * value).collect::<Vec<_>>().into()
}

/// So many quick items let chunks grow.
const QUICK: u64 = 3000;

/// So many long ones are behind them.
const LONG_ONES: u64 = 40;

fn a_map_without_a_chunk_size_gives_every_value(setting: &Setting) {
    let executor = setting.executor();
    for length in [0, 1, 31, 1000, 50_000] {
        let in_order: Result<Vec<i64>, Error> = executor.map(square::ID, 0..length).into_iter().collect();
        assert!(in_order.expect("all succeed").into_iter().eq((0..length).map(|n| n * n)));
        let mut seen = vec![false; length as usize];
        for (index, value) in executor.map(square::ID, 0..length).unordered().indexed() {
            assert_eq!(value.expect("it succeeds"), (index * index) as i64);
            assert!(!std::mem::replace(&mut seen[index], true), "{index} comes once");
        }
        assert!(seen.into_iter().all(|seen| seen));
    }
}

fn items_behind_quick_ones_are_spread_when_they_are_long(setting: &Setting) {
    let executor = setting.executor();
    let workers = executor.num_workers().expect("they are there");
    // An endless input, so that chunks do not shrink towards its end.
    let items = (0..).map(|n| (n, if n < QUICK { 0 } else { 20 }));
    let results = executor.starmap(note_worker::ID, items).into_iter().take((QUICK + LONG_ONES) as usize);
    let mut names = BTreeSet::new();
    for (n, result) in (0..).zip(results) {
        let (number, name) = result.expect("it succeeds");
        assert_eq!(number, n, "results come in order");
        if n >= QUICK {
            names.insert(name);
        }
    }
    assert!(names.len() > 1 || workers == 1, "one of {workers} workers has done all long items");
}

fn what_is_done_of_a_chunk_does_not_wait_for_the_rest(setting: &Setting) {
    let executor = setting.executor();
    for is_in_order in [true, false] {
        let gate = Gate::new();
        let path = |n| (n == QUICK + 5).then(|| gate.path().to_owned());
        let items = (0..QUICK + 500).map(|n| (n, path(n)));
        let map = executor.starmap(stand_behind::ID, items).timeout(LONG);
        let map = if is_in_order { map } else { map.unordered() };
        let mut numbers = Vec::new();
        for result in map {
            let n = result.expect("it does not wait for the gate");
            assert!(n < QUICK + 5 || !is_in_order || gate.is_open(), "{n} is behind the gate");
            if n == QUICK {
                gate.open();
            }
            numbers.push(n);
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..QUICK + 500));
    }
}

fn large_arguments_and_results_come_back_from_a_lease(setting: &Setting) {
    let executor = setting.executor();
    // Every tenth travels beside the codec.
    let array = |n: u64| Buffer::from(vec![n; if n.is_multiple_of(10) { 9000 } else { 2 }]);
    let numbers = || (0..100).chain(QUICK..QUICK + LONG_ONES);
    let items: Vec<Buffer<u64>> = numbers().map(array).collect();
    let results = executor.map(double::ID, items);
    for (n, result) in numbers().zip(results) {
        let values = result.expect("it succeeds");
        assert_eq!((values.len(), values.iter().all(|value| *value == 2 * n)), (array(n).len(), true), "item {n}");
    }
}

fn failures_of_a_lease_are_those_of_their_items(setting: &Setting) {
    let executor = setting.executor();
    let items = 1..QUICK + LONG_ONES;
    let mut count = 0;
    for (n, result) in items.clone().zip(executor.map(halve_or_fail::ID, items.clone())) {
        count += 1;
        match result {
            Ok(half) => assert!(half == n / 2 && !n.is_multiple_of(7) && !n.is_multiple_of(11)),
            Err(error) if n.is_multiple_of(11) => assert!(error.is_panic() && error.message().contains(&n.to_string())),
            Err(error) => assert!(error.is_task_error() && error.message() == format!("{n} is divisible by seven")),
        }
    }
    assert_eq!(count, items.count());
}

fn a_map_that_is_dropped_leaves_its_executor_well(setting: &Setting) {
    let executor = setting.executor();
    let items = (0..).map(|n| (n, u64::from(n >= QUICK)));
    let mut results = executor.starmap(note_worker::ID, items).into_iter();
    let last = results.nth((QUICK + 5) as usize).expect("it is endless").expect("it succeeds");
    assert_eq!(last.0, QUICK + 5);
    drop(results);
    assert_eq!(executor.submit(square::ID, 3).result().expect("it can be squared"), 9);
}

fn a_buffer_size_counts_items_where_no_chunk_size_is_set(setting: &Setting) {
    let executor = setting.executor();
    for buffersize in [1, 2, 100, 5000] {
        let taken = std::cell::Cell::new(0);
        let items = (0i64..1000 + 3 * buffersize as i64).inspect(|_| taken.set(taken.get() + 1));
        for (n, result) in (0..).zip(executor.map(square::ID, items).buffersize(buffersize)) {
            assert_eq!(result.expect("it succeeds"), n * n);
            // Besides those ahead, the results of a chunk are taken out together.
            let most = n as usize + 1 + 2 * buffersize;
            assert!(taken.get() <= most, "{} items are taken for {n} results", taken.get());
        }
    }
}
