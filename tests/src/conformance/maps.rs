//! Maps: lazy input, results in order, chunks, errors in their own place.

use super::gate::{Busy, Gate, pass};
use super::retries::{Tries, note_try};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, remote_task};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

promises![
    results_come_in_the_order_of_the_items,
    every_chunk_size_gives_the_same_results,
    a_size_of_zero_is_an_error,
    every_buffer_size_gives_the_same_results,
    a_buffer_size_bounds_what_is_taken_ahead,
    unordered_results_are_complete,
    unordered_results_do_not_wait_for_slow_ones,
    a_map_ends_at_its_limit,
    a_limit_that_is_not_reached_changes_nothing,
    a_limit_counts_from_the_beginning_of_the_iteration,
    an_empty_map_is_empty,
    input_is_taken_lazily,
    every_chunk_is_submitted_before_more_input_is_asked_for,
    a_result_that_is_there_is_given_before_more_input_is_asked_for,
    a_buffer_is_filled_after_each_result,
    an_endless_map_can_be_left,
    an_error_surfaces_at_its_own_item,
    an_argument_that_cannot_be_encoded_costs_one_item,
    an_input_that_panics_costs_one_item,
    an_argument_whose_encoding_panics_costs_one_item,
    a_result_that_cannot_be_decoded_costs_one_item,
    a_function_without_arguments_can_be_mapped,
    maps_of_references_work,
    dropping_a_map_cancels_what_is_left,
    dropping_a_map_early_is_fine,
    a_map_survives_the_shutdown_of_its_executor,
    maps_may_run_side_by_side,
];

fn results_come_in_the_order_of_the_items(setting: &Setting) {
    let executor = setting.executor();
    // Later items take less time.
    let times: Vec<u64> = (0..20).map(|n| 20 - n).collect();
    let results: Result<Vec<u64>, _> = executor.map(sleep::ID, &times).into_iter().collect();
    assert_eq!(results.expect("all succeed"), times);
}

fn every_chunk_size_gives_the_same_results(setting: &Setting) {
    let executor = setting.executor();
    for length in [1u64, 7, 100] {
        let expected: Vec<u64> = (0..length).map(|n| power(n, 2)).collect();
        for chunksize in [1, 2, 3, 50, 1000, usize::MAX] {
            let items = (0..length).map(|n| (n, 2));
            let results: Result<Vec<u64>, _> =
                executor.starmap(power::ID, items).chunksize(chunksize).into_iter().collect();
            assert_eq!(results.expect("all succeed"), expected, "{length} items in chunks of {chunksize}");
        }
    }
}

fn a_size_of_zero_is_an_error(setting: &Setting) {
    let executor = setting.executor();
    let chunk = executor.map(square::ID, 0..3).chunksize(0).into_iter();
    let buffer = executor.map(square::ID, 0..3).buffersize(0).into_iter();
    for (mut results, name) in [(chunk, "chunk size"), (buffer, "buffer size")] {
        let error = results.next().expect("there is an error").expect_err("zero is refused");
        assert!(error.is_configuration() && error.message().contains(name), "{error}");
        assert!(results.next().is_none());
    }
}

fn every_buffer_size_gives_the_same_results(setting: &Setting) {
    let executor = setting.executor();
    for length in [0, 1, 2, 5, 23] {
        let expected: Vec<i64> = (0..length).map(|n| n * n).collect();
        for (chunksize, buffersize) in
            [1, 2, 3, 7].into_iter().flat_map(|chunk| [1, 2, 4, 100].map(|buffer| (chunk, buffer)))
        {
            for unordered in [false, true] {
                let map = executor.map(square::ID, 0..length).chunksize(chunksize).buffersize(buffersize);
                let map = if unordered { map.unordered() } else { map };
                let mut results: Vec<i64> = map.into_iter().map(|result| result.expect("it succeeds")).collect();
                if unordered {
                    results.sort_unstable();
                }
                assert_eq!(results, expected, "chunks of {chunksize}, {buffersize} ahead, unordered: {unordered}");
            }
        }
    }
}

fn a_buffer_size_bounds_what_is_taken_ahead(setting: &Setting) {
    let executor = setting.executor();
    for unordered in [false, true] {
        let taken = Cell::new(0);
        let items = (0i64..).inspect(|_| taken.set(taken.get() + 1));
        let map = executor.map(square::ID, items).chunksize(2).buffersize(3);
        let mut results = if unordered { map.unordered() } else { map }.into_iter();
        for used in 0..100 {
            // Three chunks ahead and the one that is being used.
            assert!(taken.get() <= used + 8, "{} items are taken when {used} are used", taken.get());
            assert!(results.next().expect("it is endless").is_ok());
        }
    }
}

fn unordered_results_are_complete(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 3] {
        let items = (0..60).map(|n| Touchy { encodes: n % 5 != 0, decodes: true });
        let results = executor.map(take_touchy::ID, items).chunksize(chunksize).unordered();
        let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((good.len(), bad.len()), (48, 12));
    }
}

fn unordered_results_do_not_wait_for_slow_ones(setting: &Setting) {
    let executor = setting.executor();
    if executor.num_workers().expect("the pool starts") < 2 {
        return;
    }
    let results = executor.map(sleep::ID, [600, 1, 2, 3]).unordered();
    let order: Vec<u64> = results.into_iter().map(|result| result.expect("it succeeds")).collect();
    assert_eq!((order.len(), order.last()), (4, Some(&600)), "{order:?}");
}

fn a_map_ends_at_its_limit(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    for unordered in [false, true] {
        // As many as there are workers stand at the gate, and keep what follows from being sent.
        let gate = Gate::new();
        let items = vec![(gate.path(), 1); setting.workers + 20];
        let map = executor.map(pass::ID, items).timeout(Duration::from_millis(50));
        let mut results = if unordered { map.unordered() } else { map }.into_iter();
        let error = results.next().expect("it says that time is up").expect_err("they stand at the gate");
        assert!(error.is_timeout(), "{error}");
        assert!(results.next().is_none(), "what is left was cancelled");
    }
    let mut results = executor.map(sleep::ID, [100; 3]).timeout(Duration::ZERO).into_iter();
    assert!(results.next().expect("no time was given").expect_err("no time was given").is_timeout());
}

fn a_limit_that_is_not_reached_changes_nothing(setting: &Setting) {
    let executor = setting.executor();
    let results: Result<Vec<i64>, _> = executor.map(square::ID, 0..10).timeout(LONG).into_iter().collect();
    assert_eq!(results.expect("all succeed").len(), 10);
}

fn a_limit_counts_from_the_beginning_of_the_iteration(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let limit = Duration::from_millis(1500);
    let map = |chunksize| executor.map(sleep::ID, [1; 3]).chunksize(chunksize).timeout(limit);
    let late = [map(1), map(3)];
    let early = [map(1).into_iter(), map(3).into_iter()];
    // By then those before it are done as well, also where little time is had for it.
    executor.submit(sleep::ID, 50).result_timeout(LONG).expect("it succeeds");
    std::thread::sleep(limit + Duration::from_millis(100));
    for results in early {
        assert_eq!(results.filter(Result::is_ok).count(), 3, "what is there is given, however late it is asked for");
    }
    for map in late {
        assert_eq!(map.into_iter().filter(Result::is_ok).count(), 3, "its time begins only now");
    }
    let limit = Duration::from_millis(150);
    // What is done in time comes before the error.
    let times = std::iter::once(1).chain([2 * LONG.as_millis() as u64; 3]);
    let mut results =
        executor.map(square_after::ID, times.map(|millis| (millis % 2 * 1000, 2))).timeout(limit).into_iter();
    assert!(results.by_ref().take_while(Result::is_ok).count() < 3);
}

fn an_empty_map_is_empty(setting: &Setting) {
    let executor = setting.executor();
    for map in [
        executor.map(square::ID, Vec::<i64>::new()).unordered(),
        executor.map(square::ID, Vec::<i64>::new()).chunksize(10).buffersize(2),
        executor.map(square::ID, Vec::<i64>::new()).timeout(Duration::ZERO),
    ] {
        assert_eq!(map.into_iter().count(), 0);
    }
    let mut results = executor.map(square::ID, Vec::<i64>::new()).into_iter();
    assert!(results.next().is_none() && results.next().is_none());
}

fn input_is_taken_lazily(setting: &Setting) {
    let executor = setting.executor();
    let taken = Cell::new(0);
    let items = (0i64..).inspect(|_| taken.set(taken.get() + 1));
    let map = executor.map(square::ID, items);
    assert_eq!(taken.get(), 0, "nothing is taken before the iteration");
    let mut results = map.into_iter();
    let ahead = taken.get();
    assert!((1..100_000).contains(&ahead), "{ahead} items are taken ahead");
    for n in 0..20_000 {
        assert_eq!(results.next().expect("it is endless").expect("it succeeds"), n * n);
    }
    // How many are ahead depends on how quick the calls are; no more than have been taken, and a few thousand.
    assert!((20_001..50_000).contains(&taken.get()), "{} items are taken for 20,000 results", taken.get());
}

/// Takes note of itself, and goes on when so many have done so.
#[remote_task]
fn begin_and_wait(tries: PathBuf, count: usize) -> bool {
    let limit = Instant::now() + LONG;
    let mut begun = note_try(&tries);
    // Long enough to be given to nobody who is busy.
    std::thread::sleep(Duration::from_millis(3));
    while begun < count && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(1));
        begun = std::fs::metadata(&tries).map_or(begun, |data| data.len() as usize);
    }
    begun >= count
}

fn every_chunk_is_submitted_before_more_input_is_asked_for(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, unordered) in [(1, false), (1, true), (3, false)] {
        let tries = Tries::new();
        let items = (0..12).map(|n| {
            // The chunks before have been computed when it goes on.
            tries.wait(n / chunksize * chunksize);
            (tries.path(), 0)
        });
        let map = executor.starmap(begin_and_wait::ID, items).chunksize(chunksize);
        let map = if unordered { map.unordered() } else { map };
        assert_eq!(map.into_iter().filter(|result| matches!(result, Ok(true))).count(), 12);
    }
}

fn a_result_that_is_there_is_given_before_more_input_is_asked_for(setting: &Setting) {
    let executor = setting.executor();
    for (seeds, unordered) in [(1, false), (1, true), (2, false), (5, true)] {
        // Each result gives the next item. The input that is asked for an item before that ends.
        let frontier = RefCell::new(VecDeque::from_iter(0..seeds));
        let input = std::iter::from_fn(|| frontier.borrow_mut().pop_front());
        let map = executor.map(square::ID, input).buffersize(seeds as usize);
        let mut given = seeds;
        let mut squares = Vec::new();
        for square in if unordered { map.unordered() } else { map } {
            squares.push(square.expect("it succeeds"));
            if given < 40 {
                frontier.borrow_mut().push_back(given);
                given += 1;
            }
        }
        squares.sort_unstable();
        assert!(squares.iter().copied().eq((0..40).map(|n| n * n)), "{seeds} at first: {squares:?}");
    }
    // The same with an input that would wait for ever.
    let (sender, items) = mpsc::channel();
    sender.send(1).expect("the map is there");
    let mut sender = Some(sender);
    for square in executor.map(square::ID, items).buffersize(1).timeout(LONG) {
        match square.expect("it succeeds") {
            n if n < 1000 => sender.as_ref().expect("it goes on").send(n + 1).expect("the map is there"),
            _ => sender = None,
        }
    }
}

fn a_buffer_is_filled_after_each_result(setting: &Setting) {
    let executor = setting.executor();
    let workers = executor.num_workers().expect("the pool starts");
    for unordered in [false, true] {
        // Each call waits for as many as there are workers to have begun after it, up to the last.
        let (tries, count) = (Tries::new(), 4 * workers);
        let items = (0..count).map(|n| (tries.path(), (n + workers).min(count)));
        let map = executor.starmap(begin_and_wait::ID, items).buffersize(workers).timeout(2 * LONG);
        let map = if unordered { map.unordered() } else { map };
        let results: Vec<_> = map.into_iter().map(|result| result.expect("it succeeds")).collect();
        assert_eq!(results, vec![true; count], "no worker is idle");
    }
}

fn an_endless_map_can_be_left(setting: &Setting) {
    let executor = setting.executor();
    let first = executor.map(square::ID, 1..).into_iter().map(Result::unwrap).find(|square| *square > 1000);
    assert_eq!(first, Some(1024));
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
}

fn an_error_surfaces_at_its_own_item(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 4, 100] {
        let results = executor.starmap(panic_at::ID, (0..10).map(|n| (n, 6))).chunksize(chunksize);
        for (n, result) in (0..).zip(results) {
            match result {
                Ok(value) => assert_eq!(value, n),
                Err(error) => assert!(n == 6 && error.is_panic() && error.message() == "6 is bad", "{n}: {error}"),
            }
        }
    }
}

fn an_argument_that_cannot_be_encoded_costs_one_item(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 2, 3, 10] {
        let items = (0..9).map(|n| Touchy { encodes: n % 3 != 1, decodes: true });
        let results: Vec<bool> = executor
            .map(take_touchy::ID, items)
            .chunksize(chunksize)
            .into_iter()
            .map(|result| result.map_err(|error| assert!(error.is_codec())).is_ok())
            .collect();
        assert_eq!(results, [true, false, true].repeat(3), "in chunks of {chunksize}");
    }
}

/// Takes everything out of a map of the squares of 0 to 39, but for 20, whose item panics, and of these chunks.
fn assert_one_panic(results: impl IntoIterator<Item = Result<i64, Error>>, chunksize: usize) {
    let mut results = results.into_iter();
    let (mut values, mut panics) = (Vec::new(), 0);
    loop {
        match panic::catch_unwind(AssertUnwindSafe(|| results.next())) {
            Ok(Some(result)) => values.push(result.expect("nothing is waited for in vain")),
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert!(results.next().is_none());
    values.sort_unstable();
    let expected: Vec<i64> = (0..40).filter(|n| *n != 20).map(|n| n * n).collect();
    assert_eq!((values, panics), (expected, 1), "in chunks of {chunksize}");
}

fn an_input_that_panics_costs_one_item(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, buffersize) in [(1, 1), (1, 7), (3, 1), (3, 4), (7, 2)] {
        let input = || (0..40).inspect(|n| assert!(*n != 20, "there is no 20"));
        let map = || executor.map(square::ID, input()).chunksize(chunksize).buffersize(buffersize).timeout(LONG);
        assert_one_panic(map(), chunksize);
        assert_one_panic(map().unordered(), chunksize);
    }
}

fn an_argument_whose_encoding_panics_costs_one_item(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, buffersize) in [(1, 1), (3, 4), (7, 2)] {
        let items = (0..40).map(|n| (n, NotTwenty(n)));
        let map = executor.starmap(square_of::ID, items).chunksize(chunksize).buffersize(buffersize);
        assert_one_panic(map.timeout(LONG), chunksize);
    }
}

fn a_result_that_cannot_be_decoded_costs_one_item(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 2, 4] {
        let map = executor.starmap(give_touchy::ID, (0..4).map(|n| (true, n != 1))).chunksize(chunksize);
        let results: Vec<bool> = map.into_iter().map(|result| result.is_ok()).collect();
        assert_eq!(results, [true, false, true, true], "in chunks of {chunksize}");
    }
}

fn a_function_without_arguments_can_be_mapped(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 3] {
        let results = executor.starmap(answer::ID, [(); 5]).chunksize(chunksize);
        let results: Result<Vec<u32>, _> = results.into_iter().collect();
        assert_eq!(results.expect("all succeed"), [42; 5]);
        let count = executor.map(nothing::ID, [(); 7]).chunksize(chunksize).into_iter().filter(Result::is_ok).count();
        assert_eq!(count, 7);
    }
}

fn maps_of_references_work(setting: &Setting) {
    let executor = setting.executor();
    let numbers: Result<Vec<i32>, _> = executor.map(parse::ID, ["1", "2", "3"]).into_iter().collect();
    assert_eq!(numbers.expect("all are numbers"), [1, 2, 3]);
}

fn dropping_a_map_cancels_what_is_left(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let begin = Instant::now();
    let mut results = executor.map(sleep::ID, [100; 600]).into_iter();
    assert_eq!(results.next().expect("there are many").expect("it succeeds"), 100);
    drop(results);
    drop(executor);
    // All of them would take 60 s divided by the number of workers.
    let limit = LONG / setting.workers as u32 / 2;
    assert!(begin.elapsed() < limit, "the rest was cancelled, not executed");
}

fn dropping_a_map_early_is_fine(setting: &Setting) {
    let executor = setting.executor();
    let begin = Instant::now();
    for unordered in [false, true] {
        let map = || {
            let map = executor.map(square_after::ID, (0..).map(|n| (5, n))).chunksize(2).buffersize(50);
            if unordered { map.unordered() } else { map }
        };
        drop(map());
        drop(map().into_iter());
        let mut in_a_chunk = map().into_iter();
        assert!(in_a_chunk.next().expect("it is endless").is_ok());
        drop(in_a_chunk);
    }
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
    assert!(begin.elapsed() < LONG);
}

fn a_map_survives_the_shutdown_of_its_executor(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let mut begun = executor.map(square::ID, 0..).buffersize(10).into_iter();
    let not_begun = executor.map(square::ID, 0..);
    executor.shutdown(false, false);
    busy.release();
    let mut results = begun.by_ref().take(1000);
    let done: Vec<_> = results.by_ref().map_while(Result::ok).collect();
    assert_eq!(done, (0..10).map(|n| n * n).collect::<Vec<_>>(), "what was submitted is done");
    let refused = |error: Error| error.is_shutdown() && error.message().contains("while it is iterated over");
    assert!(results.all(|result| result.is_err_and(refused)), "and nothing else");
    for unordered in [false, true] {
        let map = executor.map(square::ID, 0..);
        let mut results = if unordered { map.unordered() } else { map }.into_iter();
        assert!(results.next().expect("it is endless").expect_err("it comes too late").is_shutdown());
    }
    drop(executor);
    assert!(refused(not_begun.into_iter().next().expect("it is endless").expect_err("it comes too late")));
}

fn maps_may_run_side_by_side(setting: &Setting) {
    let executor = setting.executor();
    let squares = executor.map(square::ID, 0..500).chunksize(3);
    let powers = executor.starmap(power::ID, (0..500).map(|n| (n, 2))).chunksize(5);
    for (square, power) in squares.into_iter().zip(powers) {
        assert_eq!(square.expect("it succeeds").unsigned_abs(), power.expect("it succeeds"));
    }
}
