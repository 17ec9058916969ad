//! Maps that run out of time, or whose calls do; and what maps take and give besides.

use super::gate::{self, Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Map, remote_task};
use std::cell::Cell;
use std::thread;
use std::time::Duration;

promises![
    a_map_gives_what_is_there_in_time,
    a_map_out_of_time_begins_nothing_more,
    nothing_is_submitted_after_the_limit_however_many_results_there_are,
    a_time_out_of_a_call_does_not_end_its_map,
    a_result_comes_before_the_next_item_of_a_slow_input,
    two_inputs_become_one_by_zip,
    unordered_maps_yield_each_outcome_once,
    a_map_that_is_over_stays_over,
];

/// The map in the order of its items or in that of their completion.
fn in_order<Args, T, I>(map: Map<Args, T, I>, unordered: bool) -> Map<Args, T, I> {
    if unordered { map.unordered() } else { map }
}

/// The limit is longer each time, until the machine is quick enough for it.
fn a_map_gives_what_is_there_in_time(setting: &Setting) {
    let open = std::env::temp_dir().join("futures-mpi-gate-that-is-open");
    for unordered in [false, true] {
        let mut limit = Duration::from_millis(20);
        loop {
            let executor = setting.executor();
            executor.bootup(true).expect("the pool starts");
            let gate = Gate::new();
            let mut items = vec![(open.as_path(), 0), (open.as_path(), 1), (gate.path(), 2)];
            if unordered && setting.workers > 1 {
                items.reverse();
            }
            let mut results = in_order(executor.map(pass::ID, items).timeout(limit), unordered).into_iter();
            let mut given: Vec<u64> = results.by_ref().map_while(take_value).collect();
            assert!(results.next().is_none() && results.next().is_none(), "after the error it is over");
            if unordered {
                given.sort_unstable();
                assert!(given.iter().all(|n| *n < 2), "nothing is given that is not there: {given:?}");
            } else {
                assert!([0, 1].starts_with(&given), "nothing is given that is not there: {given:?}");
            }
            if given.len() == 2 {
                break;
            }
            limit *= 4;
            assert!(limit < LONG, "what could be done in time is given, unordered: {unordered}");
        }
    }
}

/// The value, or nothing at the time-out of a map.
fn take_value(result: Result<u64, Error>) -> Option<u64> {
    result.map_err(|error| assert!(error.is_timeout(), "{error}")).ok()
}

fn a_map_out_of_time_begins_nothing_more(setting: &Setting) {
    for unordered in [false, true] {
        let executor = setting.executor();
        let untouched = [Gate::new(), Gate::new(), Gate::new()];
        let busy = Busy::all(&executor);
        let map = executor.map(gate::open::ID, untouched.iter().map(Gate::path)).timeout(Duration::ZERO);
        let mut results = in_order(map, unordered).into_iter();
        assert!(results.next().expect("it says so").expect_err("no time was given").is_timeout());
        assert!(results.next().is_none());
        busy.release();
        assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()));
        executor.shutdown(true, false);
        assert!(!untouched.iter().any(Gate::is_open), "none of its calls was made");
    }
}

fn nothing_is_submitted_after_the_limit_however_many_results_there_are(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    for chunksize in [None, Some(1)] {
        let taken = Cell::new(0);
        let items = (0i64..).inspect(|_| taken.set(taken.get() + 1));
        // Longer than a busy machine holds up the first result.
        let limit = Duration::from_secs(1);
        let map = executor.map(square::ID, items).timeout(limit);
        let map = if let Some(chunksize) = chunksize { map.chunksize(chunksize) } else { map };
        let mut results = map.into_iter();
        assert_eq!(results.next().expect("there is one").expect("it succeeds"), 0);
        thread::sleep(limit + Duration::from_millis(50));
        let (before, mut next) = (taken.get(), 1);
        let error = results.find_map(|result| match result {
            Ok(square) => {
                assert_eq!(square, next * next);
                next += 1;
                None
            }
            Err(error) => Some(error),
        });
        assert!(error.is_some_and(|error| error.is_timeout()) && results.next().is_none(), "the map ends late");
        // Whether the input has an end shows only when it is asked.
        assert!(taken.get() <= before + 1, "{} items are taken, {before} of them in time", taken.get());
    }
}

#[remote_task]
fn run_out_of_time_at_one(n: u64) -> std::io::Result<u64> {
    if n == 1 { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(n) }
}

fn a_time_out_of_a_call_does_not_end_its_map(setting: &Setting) {
    let executor = setting.executor();
    for limit in [None, Some(LONG)] {
        for unordered in [false, true] {
            let map = executor.map(run_out_of_time_at_one::ID, 0..4);
            let map = limit.into_iter().fold(map, Map::timeout);
            let (good, bad): (Vec<_>, Vec<_>) = in_order(map, unordered).into_iter().partition(Result::is_ok);
            assert_eq!((good.len(), bad.len()), (3, 1));
        }
        // A call that its limit has ended is a time-out, and still not that of the map.
        let gate = Gate::new();
        let open = std::env::temp_dir().join("futures-mpi-gate-that-is-open");
        let items = [(gate.path(), 0), (open.as_path(), 1), (open.as_path(), 2)];
        let map = executor.map(pass::ID, items).task_timeout(Duration::from_millis(50));
        let mut results = limit.into_iter().fold(map, Map::timeout).into_iter();
        assert!(results.next().expect("there are three").expect_err("it stands at the gate").is_timeout());
        gate.open();
        let rest: Vec<_> = results.collect();
        assert!(rest.len() == 2, "the map goes on behind it");
    }
}

/// A worker may be late for a while, on a machine with much to do: so the input ends when some results were in time.
fn a_result_comes_before_the_next_item_of_a_slow_input(setting: &Setting) {
    const ENOUGH: u32 = 5;
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    for unordered in [false, true] {
        let (given, taken, in_time) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let input = std::iter::from_fn(|| {
            in_time.set(in_time.get() + u32::from(given.get() > 0 && given.get() == taken.get()));
            thread::sleep(Duration::from_millis(20));
            given.set(given.get() + 1);
            (in_time.get() < ENOUGH && given.get() < 1000).then_some(given.get())
        });
        for result in in_order(executor.map(square::ID, input), unordered) {
            result.expect("it can be squared");
            taken.set(taken.get() + 1);
        }
        assert_eq!(in_time.get(), ENOUGH, "of {} items, in this order: {}", given.get(), !unordered);
    }
}

fn two_inputs_become_one_by_zip(setting: &Setting) {
    let executor = setting.executor();
    let expected: Vec<u64> = (0..10).map(|n: u64| n.pow(n as u32)).collect();
    for buffersize in [1, 2, 10, 20] {
        let map = executor.map(power::ID, (0..10).zip(0..10)).buffersize(buffersize);
        let powers: Result<Vec<u64>, _> = map.into_iter().collect();
        assert_eq!(powers.expect("all succeed"), expected);
    }
    let pairs: Vec<(u64, u32)> = (0..10).zip(0..10).collect();
    for powers in [executor.starmap(power::ID, pairs.clone()), executor.map(power::ID, pairs)] {
        assert_eq!(powers.into_iter().collect::<Result<Vec<u64>, _>>().expect("all succeed"), expected);
    }
    let endless = executor.map(power::ID, (0..).zip(std::iter::repeat(2))).buffersize(2);
    let first: Result<Vec<u64>, _> = endless.into_iter().take(4).collect();
    assert_eq!(first.expect("all succeed"), [0, 1, 4, 9]);
}

fn unordered_maps_yield_each_outcome_once(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 6, 40, 50] {
        let map = executor.starmap(panic_at::ID, (0..40).map(|n| (n, n / 10 * 10))).chunksize(chunksize);
        let (mut values, mut panics) = (Vec::new(), 0);
        for result in map.unordered().timeout(LONG) {
            match result {
                Ok(value) => values.push(value),
                Err(error) => panics += usize::from(error.is_panic()),
            }
        }
        values.sort_unstable();
        assert_eq!((values, panics), ((0..40).filter(|n| n % 10 != 0).collect(), 4), "in chunks of {chunksize}");
    }
    let refused = executor.map(square::ID, 0..3).chunksize(0).unordered().into_iter().next();
    assert!(refused.expect("there is an error").expect_err("zero is refused").is_configuration());
}

fn a_map_that_is_over_stays_over(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, unordered) in [(1, false), (3, false), (1, true), (3, true)] {
        let map = executor.starmap(panic_at::ID, [(5, 0), (0, 0), (3, 0), (5, 0)]).chunksize(chunksize);
        let mut results = in_order(map, unordered).into_iter();
        assert_eq!(results.by_ref().filter(Result::is_ok).count(), 3, "it goes on behind the panic");
        assert!(results.next().is_none() && results.next().is_none());
    }
}
