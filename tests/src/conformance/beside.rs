//! Maps that yield more than results: the index of each item, the item itself, or both.

use super::gate::{Busy, Gate, pass};
use super::retries::{Tries, note_try};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, remote_task};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

promises![
    every_result_comes_with_the_index_of_its_item,
    every_result_comes_with_its_item,
    index_and_item_come_together_in_any_order_of_the_options,
    an_index_counts_items_that_have_panicked,
    an_item_that_cannot_be_encoded_comes_back,
    the_error_of_a_time_out_names_the_first_item_without_a_result,
    the_error_of_a_size_of_zero_names_the_first_item,
    items_come_back_when_their_calls_are_tried_again,
    items_come_back_when_their_calls_are_cancelled,
    a_map_keeps_an_item_until_its_result_is_taken,
];

/// Every combination of the options by which chunks travel.
const OPTIONS: [(usize, usize, bool); 8] = [
    (1, 1, false),
    (1, 5, true),
    (1, 1000, true),
    (3, 1, true),
    (3, 4, false),
    (7, 2, true),
    (50, 3, true),
    (1000, 1000, false),
];

fn every_result_comes_with_the_index_of_its_item(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, buffersize, unordered) in OPTIONS {
        let map = executor.map(square::ID, 100..160).chunksize(chunksize).buffersize(buffersize).indexed();
        let map = if unordered { map.unordered() } else { map };
        let mut squares: Vec<(usize, i64)> =
            map.into_iter().map(|(index, result)| (index, result.expect("it succeeds"))).collect();
        if unordered {
            squares.sort_unstable();
        }
        let expected = (100..160).map(|n| n * n).enumerate();
        assert!(squares.iter().copied().eq(expected), "chunks of {chunksize}, {buffersize} ahead, {unordered}");
    }
}

fn every_result_comes_with_its_item(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, buffersize, unordered) in OPTIONS {
        let items = (0..60).map(|n| vec![n.to_string(), "and".to_owned()]);
        // The items are tuples of arguments, with a reference among them.
        let map = executor.starmap(join_words::ID, items.map(|words| (words, " ")));
        let map = map.with_items().chunksize(chunksize).buffersize(buffersize).timeout(LONG);
        let map = if unordered { map.unordered() } else { map };
        let mut count = 0;
        for ((words, separator), joined) in map {
            assert_eq!(joined.expect("it succeeds"), words.join(separator));
            count += 1;
        }
        assert_eq!(count, 60, "chunks of {chunksize}, {buffersize} ahead, unordered: {unordered}");
    }
    let numbers = ["7", "8"];
    let texts = executor.map(parse::ID, numbers).with_items().into_iter();
    assert!(texts.map(|(text, number)| text == number.expect("it is one").to_string()).eq([true; 2]));
}

fn index_and_item_come_together_in_any_order_of_the_options(setting: &Setting) {
    let executor = setting.executor();
    let map = || executor.map(square::ID, 10..40);
    let maps = [
        map().indexed().with_items().unordered().chunksize(4).retries(1),
        map().unordered().with_items().chunksize(4).indexed().task_timeout(LONG),
        map().chunksize(4).with_items().indexed().with_items().indexed().unordered().prefetch(false),
    ];
    for map in maps {
        let mut yielded: Vec<(usize, i64, i64)> =
            map.into_iter().map(|(index, n, square)| (index, n, square.expect("it succeeds"))).collect();
        yielded.sort_unstable();
        assert!(yielded.into_iter().eq((0..30).map(|index| (index, index as i64 + 10, (index as i64 + 10).pow(2)))));
    }
}

/// Those of [`OPTIONS`] with which the 21st item is not encoded before the iteration.
fn small_buffers() -> impl Iterator<Item = (usize, usize, bool)> {
    OPTIONS.into_iter().filter(|(chunksize, buffersize, _)| chunksize * buffersize < 20)
}

/// The squares of 0 to 39 by the index of their items, of which one is lost in a panic.
fn without_one(results: impl IntoIterator<Item = (usize, Result<i64, Error>)>) -> Vec<(usize, i64)> {
    let mut results = results.into_iter();
    let (mut yielded, mut panics) = (Vec::new(), 0);
    loop {
        match panic::catch_unwind(AssertUnwindSafe(|| results.next())) {
            Ok(Some((index, square))) => yielded.push((index, square.expect("it succeeds"))),
            Ok(None) => break,
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 1);
    yielded.sort_unstable();
    yielded
}

fn an_index_counts_items_that_have_panicked(setting: &Setting) {
    let executor = setting.executor();
    let all_but_20 = (0..40).filter(|n| *n != 20);
    for (chunksize, buffersize, unordered) in small_buffers() {
        // The item is lost when it is encoded: those behind it keep their places.
        let items = (0..40).map(|n| (n, NotTwenty(n)));
        let map = executor.starmap(square_of::ID, items).chunksize(chunksize).buffersize(buffersize).indexed();
        let yielded = without_one(if unordered { map.unordered() } else { map });
        assert!(yielded.into_iter().eq(all_but_20.clone().map(|n| (n, (n * n) as i64))), "chunks of {chunksize}");
        // The input has no such item.
        let items = (0..40i64).inspect(|n| assert!(*n != 20, "there is no 20"));
        let map = executor.map(square::ID, items).chunksize(chunksize).buffersize(buffersize).indexed();
        let yielded = without_one(if unordered { map.unordered() } else { map });
        let squares = all_but_20.clone().map(|n| (n * n) as i64);
        assert!(yielded.into_iter().eq(squares.enumerate()), "chunks of {chunksize}");
    }
    // A result that panics takes its item with it, and no other.
    let items = [true, false, true];
    let mut results = executor.map(give_fragile::ID, items).chunksize(3).with_items().indexed().into_iter();
    assert!(matches!(results.next(), Some((0, true, Ok(_)))));
    assert!(panic::catch_unwind(AssertUnwindSafe(|| results.next())).is_err());
    assert!(matches!(results.next(), Some((2, true, Ok(_)))) && results.next().is_none());
}

/// What panics when it is decoded, unless all is well.
#[derive(Debug, Serialize)]
struct Fragile(bool);

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let well = bool::deserialize(deserializer)?;
        assert!(well, "this panic is part of a test");
        Ok(Fragile(well))
    }
}

#[remote_task]
fn give_fragile(well: bool) -> Fragile {
    Fragile(well)
}

fn an_item_that_cannot_be_encoded_comes_back(setting: &Setting) {
    let executor = setting.executor();
    for (chunksize, buffersize, unordered) in OPTIONS {
        let items = (0..30).map(|n| Touchy { encodes: n % 3 != 1, decodes: true });
        let map = executor.map(take_touchy::ID, items).chunksize(chunksize).buffersize(buffersize).with_items();
        let map = if unordered { map.unordered() } else { map };
        let mut count = 0;
        for (item, result) in map {
            assert_eq!(result.is_ok(), item.encodes);
            count += 1;
        }
        assert_eq!(count, 30);
    }
}

fn the_error_of_a_time_out_names_the_first_item_without_a_result(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    for (chunksize, unordered) in [(1, false), (1, true), (2, false), (2, true)] {
        let (gate, opened) = (Gate::new(), Gate::new());
        opened.open();
        // The first chunk passes, and those behind it stand at the gate.
        let passes = (0..chunksize).map(|n| (opened.path(), n as u64));
        let stands = (chunksize..chunksize + setting.workers + 20).map(|n| (gate.path(), n as u64));
        let map = executor.starmap(pass::ID, passes.chain(stands)).chunksize(chunksize).indexed().with_items();
        let map = map.timeout(Duration::from_millis(300));
        let mut results = if unordered { map.unordered() } else { map }.into_iter();
        let mut passed = 0;
        loop {
            let (index, (_, n), result) = results.next().expect("it says that time is up");
            assert_eq!(index as u64, n, "index and item belong together");
            assert_eq!(index, passed, "one after the other");
            match result {
                Ok(value) => assert_eq!((value, index < chunksize), (n, true)),
                Err(error) => {
                    assert!(error.is_timeout(), "{error}");
                    break;
                }
            }
            passed += 1;
        }
        assert!(results.next().is_none(), "what is left was cancelled");
    }
}

fn the_error_of_a_size_of_zero_names_the_first_item(setting: &Setting) {
    let executor = setting.executor();
    let mut results = executor.map(square::ID, 5..9).indexed().chunksize(0).into_iter();
    let (index, error) = results.next().expect("there is an error");
    assert!(index == 0 && error.is_err_and(|error| error.is_configuration()) && results.next().is_none());
    let mut results = executor.map(square::ID, 5..9).buffersize(0).with_items().into_iter();
    let (item, error) = results.next().expect("there is an error");
    assert!(item == 5 && error.is_err_and(|error| error.is_configuration()) && results.next().is_none());
    let mut results = executor.map(square::ID, Vec::<i64>::new()).buffersize(0).with_items().into_iter();
    assert!(results.next().is_none(), "there is no item of which to say it");
}

/// Fails at the first try.
#[remote_task]
fn succeed_later(tries: PathBuf, n: u64) -> Result<u64, String> {
    if note_try(&tries) > 1 { Ok(n) } else { Err("not yet".to_owned()) }
}

fn items_come_back_when_their_calls_are_tried_again(setting: &Setting) {
    let executor = setting.executor();
    let tries: Vec<Tries> = (0..6).map(|_| Tries::new()).collect();
    let items = tries.iter().zip(0..).map(|(tries, n)| (tries.path(), n));
    let map = executor.starmap(succeed_later::ID, items).unordered().with_items().retries(1);
    let mut count = 0;
    for ((path, n), result) in map {
        assert_eq!((result.expect("the second try succeeds"), path), (n, tries[n as usize].path()));
        count += 1;
    }
    assert_eq!(count, 6);
}

fn items_come_back_when_their_calls_are_cancelled(setting: &Setting) {
    for unordered in [false, true] {
        let executor = setting.executor();
        let busy = Busy::all(&executor);
        let map = executor.map(square::ID, 0..10).with_items();
        let results = if unordered { map.unordered() } else { map }.into_iter();
        executor.shutdown(false, true);
        busy.release();
        let mut items: Vec<i64> = results
            .map(|(item, result)| {
                assert!(result.expect_err("it did not begin").is_cancelled());
                item
            })
            .collect();
        items.sort_unstable();
        assert_eq!(items, Vec::from_iter(0..10));
        let mut late = executor.map(square::ID, 7..).with_items().into_iter();
        let (item, error) = late.next().expect("it is endless");
        assert!(item == 7 && error.is_err_and(|error| error.is_shutdown()));
    }
}

/// A number, with something by which it is seen how many are left; it cannot be cloned.
#[derive(Debug)]
struct Counted(i64, #[expect(dead_code, reason = "it is there to be counted")] Arc<()>);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Counted(i64::deserialize(deserializer)?, Arc::default()))
    }
}

#[remote_task]
fn take_counted(counted: Counted) -> i64 {
    -counted.0
}

fn a_map_keeps_an_item_until_its_result_is_taken(setting: &Setting) {
    let executor = setting.executor();
    for unordered in [false, true] {
        let kept = Arc::new(());
        let items = (0..).map(|n| Counted(n, Arc::clone(&kept)));
        let map = executor.map(take_counted::ID, items).chunksize(2).buffersize(3).with_items();
        let mut results = if unordered { map.unordered() } else { map }.into_iter();
        for _ in 0..100 {
            let (item, result) = results.next().expect("it is endless");
            assert_eq!(result.expect("it succeeds"), -item.0);
            drop(item);
            // Three chunks ahead, and what is left of the one that is being taken.
            let items = Arc::strong_count(&kept) - 1;
            assert!(items <= 3 * 2 + 1, "{items} items are kept");
        }
        drop(results);
        assert_eq!(Arc::strong_count(&kept), 1, "they go with the iterator");
        // Without the option a map keeps nothing of an item that is encoded.
        let items = (0..3).map(|n| Counted(n, Arc::clone(&kept)));
        let results = executor.map(take_counted::ID, items).into_iter();
        assert_eq!(Arc::strong_count(&kept), 1);
        assert_eq!(results.filter(Result::is_ok).count(), 3);
    }
}
