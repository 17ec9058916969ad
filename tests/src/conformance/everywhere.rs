//! Calls of every worker: one for each, whatever else the pool has to do.

use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Executor, Future, remote_task};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

promises![
    a_call_everywhere_is_one_on_each_worker,
    a_call_everywhere_comes_after_the_initializer,
    a_call_everywhere_waits_only_for_its_own_worker,
    a_call_everywhere_can_be_cancelled_before_it_is_sent,
    a_call_everywhere_that_fails_names_its_worker,
    a_call_everywhere_says_what_keeps_it_from_being_made,
    calls_everywhere_go_on_among_the_tasks_of_others,
];

/// Which worker this is.
#[remote_task]
fn place() -> (u32, String) {
    (std::process::id(), format!("{:?}", thread::current().id()))
}

#[remote_task]
fn mark_place(mark: u64) {
    MARKS.set(mark);
}

#[remote_task]
fn marked_place() -> u64 {
    MARKS.get()
}

thread_local! {
    static MARKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn results<T: serde::de::DeserializeOwned + 'static>(futures: &[Future<T>]) -> Vec<T> {
    futures.iter().map(|future| future.result_timeout(LONG).expect("it succeeds")).collect()
}

fn places(executor: &Executor) -> Vec<(u32, String)> {
    results(&executor.everywhere(place::ID, ()).expect("there are workers"))
}

fn a_call_everywhere_is_one_on_each_worker(setting: &Setting) {
    let executor = setting.executor();
    let first = places(&executor);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), setting.workers, "one for each: {first:?}");
    assert_eq!(first.len(), setting.workers);
    assert_eq!(places(&executor), first, "in the order of their numbers");
    let squares = executor.everywhere(square::ID, 7).expect("there are workers");
    assert_eq!(results(&squares), vec![49; setting.workers], "with the same arguments");
    let bytes = executor.everywhere(echo_bytes::ID, &vec![7; 300_000][..]).expect("there are workers");
    assert_eq!(results(&bytes), vec![vec![7; 300_000]; setting.workers]);
}

fn a_call_everywhere_comes_after_the_initializer(setting: &Setting) {
    for mark in [3, 4] {
        let executor = setting.builder().initializer(mark_place::ID, mark).build().expect("it is good");
        let marks = executor.everywhere(marked_place::ID, ()).expect("there are workers");
        assert_eq!(results(&marks), vec![mark; setting.workers]);
    }
}

fn a_call_everywhere_waits_only_for_its_own_worker(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let gate = Gate::new();
    let busy = executor.call(pass::ID).prefetch(false).submit((gate.path(), Busy::VALUE));
    super::futures::wait_until(|| busy.running());
    let futures = executor.everywhere(place::ID, ()).expect("there are workers");
    let done = |futures: &[Future<_>]| futures.iter().filter(|future| future.done()).count();
    super::futures::wait_until(|| done(&futures) == setting.workers - 1);
    // Whatever else is done meanwhile, by the others: that one stays.
    if setting.workers > 1 {
        let others: Vec<_> = (0..30).map(|n| executor.submit(square::ID, n)).collect();
        assert_eq!(results(&others), (0..30).map(|n| n * n).collect::<Vec<i64>>());
    }
    assert_eq!(done(&futures), setting.workers - 1);
    let waits = futures.iter().find(|future| !future.done()).expect("its worker stands at the gate");
    assert!(!waits.running(), "it is not sent");
    gate.open();
    assert_eq!(results(&futures).iter().collect::<BTreeSet<_>>().len(), setting.workers);
}

fn a_call_everywhere_can_be_cancelled_before_it_is_sent(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let busy = Busy::all(&executor);
    let futures = executor.everywhere(place::ID, ()).expect("there are workers");
    assert!(futures.iter().all(Future::cancel), "none is sent");
    let queued = executor.everywhere(place::ID, ()).expect("there are workers");
    executor.shutdown(false, true);
    assert!(futures.iter().chain(&queued).all(Future::cancelled));
    busy.release();
    assert_eq!(results(&busy), vec![Busy::VALUE; setting.workers]);
}

fn a_call_everywhere_that_fails_names_its_worker(setting: &Setting) {
    let executor = setting.executor();
    let futures = executor.everywhere(panic_at::ID, (7, 7)).expect("there are workers");
    let errors: Vec<Error> = futures.iter().map(|future| future.result_timeout(LONG).expect_err("it panics")).collect();
    assert!(errors.iter().all(Error::is_panic), "{errors:?}");
    let workers: Vec<Option<usize>> = errors.iter().map(Error::worker).collect();
    assert_eq!(workers, (0..setting.workers).map(Some).collect::<Vec<_>>());
    super::errors::assert_works(&executor);
}

fn a_call_everywhere_says_what_keeps_it_from_being_made(setting: &Setting) {
    let executor = setting.executor();
    let touchy = Touchy { encodes: false, ..PLACID };
    let error = executor.everywhere(take_touchy::ID, touchy).expect_err("it cannot be encoded");
    assert!(error.is_codec() && error.message().contains("I stay here"), "{error}");
    super::errors::assert_works(&executor);
    executor.shutdown(true, false);
    let error = executor.everywhere(square::ID, 1).expect_err("it is shut down");
    assert!(error.is_shutdown(), "{error}");
    let broken = setting.builder().initializer(at_most_ten::ID, 11).build().expect("it is good");
    let error = broken.everywhere(square::ID, 1).expect_err("it is broken");
    assert!(error.is_broken() && error.message().contains("larger than 10"), "{error}");
}

fn calls_everywhere_go_on_among_the_tasks_of_others(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let items = 3_000;
    thread::scope(|scope| {
        let map = scope.spawn(|| {
            let map = executor.map(square::ID, 0..items).chunksize(1).buffersize(500);
            map.into_iter().collect::<Result<Vec<i64>, Error>>()
        });
        let slow: Vec<_> = (0..20 * setting.workers).map(|_| executor.submit(sleep::ID, 1)).collect();
        let mut rounds = Vec::new();
        for round in 0..30 {
            rounds.push(executor.everywhere(square::ID, round).expect("there are workers"));
            if round % 3 == 0 {
                assert_eq!(results(&rounds[round as usize]), vec![round * round; setting.workers]);
            }
            thread::sleep(Duration::from_millis(1));
        }
        for (round, futures) in (0..).zip(&rounds) {
            assert_eq!(results(futures), vec![round * round; setting.workers]);
        }
        assert_eq!(results(&slow), vec![1; 20 * setting.workers]);
        let squares = map.join().expect("it does not panic").expect("all succeed");
        assert_eq!(squares, (0..items).map(|n| n * n).collect::<Vec<i64>>());
    });
}
