//! Several futures at once: waiting for some, taking them as they are completed.

use super::futures::wait_until;
use super::gate::{Busy, Gate, fail_behind, pass, pass_square};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Future, ReturnWhen, as_completed, wait};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

promises![
    waiting_for_all_returns_when_all_are_done,
    waiting_for_the_first_returns_early,
    waiting_for_an_exception_returns_at_the_first,
    waiting_ends_at_its_limit,
    every_way_of_waiting_sees_what_is_done_already,
    waiting_counts_a_future_once,
    waiting_for_nothing_returns_at_once,
    cancelled_futures_are_done,
    futures_come_as_they_are_completed,
    what_is_done_already_comes_first,
    as_completed_ends_at_its_limit,
    as_completed_yields_a_future_once,
    as_completed_keeps_nothing_of_what_it_has_yielded,
];

fn waiting_for_all_returns_when_all_are_done(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = [60, 1, 30].map(|millis| executor.submit(sleep::ID, millis)).into();
    let waited = wait(&futures, ReturnWhen::AllCompleted, Some(LONG));
    assert!(waited.not_done.is_empty() && waited.done.iter().all(Future::done));
    let values: Vec<u64> = waited.done.iter().map(|future| future.result().expect("it succeeds")).collect();
    assert_eq!(values, [60, 1, 30], "the order is that of the argument");
    assert_eq!(wait(&futures, ReturnWhen::default(), None).done.len(), 3, "what is done stays done");
}

fn waiting_for_the_first_returns_early(setting: &Setting) {
    let executor = setting.executor();
    let quick = executor.submit(square::ID, 3);
    quick.result_timeout(LONG).expect("it succeeds");
    let gate = Gate::new();
    let slow = executor.submit(pass_square::ID, (gate.path(), 2));
    let waited = wait([&slow, &quick], ReturnWhen::FirstCompleted, Some(LONG));
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    assert_eq!(waited.done[0].result().expect("it succeeds"), 9);
    gate.open();
    let waited = wait([&slow], ReturnWhen::FirstCompleted, Some(LONG));
    assert_eq!(waited.done[0].result().expect("it succeeds"), 4);
}

fn waiting_for_an_exception_returns_at_the_first(setting: &Setting) {
    let executor = setting.executor();
    let (gate, opened) = (Gate::new(), Gate::new());
    opened.open();
    let fails = executor.submit(fail_behind::ID, (opened.path(), "at once"));
    let slow: Vec<_> = (0..2 * setting.workers).map(|_| executor.submit(pass::ID, (gate.path(), 1))).collect();
    let waited = wait(slow.iter().chain([&fails]), ReturnWhen::FirstException, Some(LONG));
    assert!(fails.done() && !waited.not_done.is_empty(), "it did not wait for the others");
    gate.open();
    let waited = wait(&slow, ReturnWhen::FirstException, Some(LONG));
    assert!(waited.not_done.is_empty(), "without an exception it waits for all");
}

fn waiting_ends_at_its_limit(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let future = executor.submit(pass::ID, (gate.path(), 1));
    let waited = wait([&future], ReturnWhen::AllCompleted, Some(Duration::from_millis(20)));
    assert_eq!((waited.done.len(), waited.not_done.len()), (0, 1));
    let waited = wait([&future], ReturnWhen::AllCompleted, Some(Duration::ZERO));
    assert_eq!(waited.not_done.len(), 1);
}

fn every_way_of_waiting_sees_what_is_done_already(setting: &Setting) {
    use ReturnWhen::{AllCompleted, FirstCompleted, FirstException};
    let executor = setting.executor();
    let good = executor.submit(sleep::ID, 0);
    let bad = executor.submit(sleep::ID, 0).then(|_| Err(Error::other("bad")));
    wait([&good, &bad], AllCompleted, Some(LONG));
    let busy = Busy::all(&executor);
    let cancelled = executor.submit(sleep::ID, 1);
    assert!(cancelled.cancel());
    let pending = &busy[0];
    // What is given, and whether FirstCompleted, FirstException and AllCompleted return before the pending one is done.
    let cases: [(&[&Future<u64>], [bool; 3]); 6] = [
        (&[&good, &bad, &cancelled], [true, true, true]),
        (&[pending, &good], [true, false, false]),
        (&[pending, &bad, &good], [true, true, false]),
        (&[&cancelled, pending], [true, false, false]),
        (&[&cancelled, pending, &bad], [true, true, false]),
        (&[pending], [false, false, false]),
    ];
    for (futures, early) in cases {
        for (when, early) in [FirstCompleted, FirstException, AllCompleted].into_iter().zip(early) {
            for limit in [Duration::ZERO, Duration::from_millis(2)] {
                let waited = wait(futures.iter().copied(), when, Some(limit));
                let done = futures.iter().filter(|future| future.done()).count();
                assert!(waited.done.len() <= done && waited.done.len() + waited.not_done.len() == futures.len());
                assert_eq!(waited.done.len(), done, "{when:?} sees all that are done");
            }
            if early {
                wait(futures.iter().copied(), when, None);
            }
        }
    }
    busy.release();
    for when in [FirstCompleted, FirstException, AllCompleted] {
        let waited = wait([pending, &good, &cancelled], when, Some(LONG));
        assert!(waited.not_done.is_empty() || when == FirstCompleted, "without an exception it waits for all");
    }
    let order: Vec<bool> =
        as_completed([&bad, &good, &cancelled].map(Clone::clone)).map(|future| future.done()).collect();
    assert_eq!(order, [true; 3]);
}

fn waiting_counts_a_future_once(setting: &Setting) {
    let executor = setting.executor();
    let future = executor.submit(square::ID, 3);
    let waited = wait([&future, &future.clone(), &future], ReturnWhen::AllCompleted, Some(LONG));
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 0));
    assert_eq!(wait(vec![future.clone(), future.clone()], ReturnWhen::AllCompleted, None).done, [future]);
}

fn waiting_for_nothing_returns_at_once(_setting: &Setting) {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        let waited = wait(std::iter::empty::<&Future<u8>>(), when, None);
        assert!(waited.done.is_empty() && waited.not_done.is_empty());
    }
    assert!(as_completed(Vec::<Future<u8>>::new()).next().is_none());
}

fn cancelled_futures_are_done(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let cancelled: Vec<_> = (0..3).map(|_| executor.submit(sleep::ID, 10_000)).collect();
    assert!(cancelled.iter().all(Future::cancel));
    assert_eq!(wait(&cancelled, ReturnWhen::AllCompleted, Some(LONG)).done.len(), 3);
    busy.release();
    let all = busy.iter().chain(&cancelled);
    let waited = wait(all, ReturnWhen::FirstException, Some(LONG));
    assert!(waited.not_done.is_empty(), "a cancellation is no exception");
}

fn futures_come_as_they_are_completed(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..50).map(|n| executor.submit(square::ID, n)).collect();
    let mut squares: Vec<i64> =
        as_completed(futures).map(|future| future.result_timeout(Duration::ZERO).expect("it is done")).collect();
    squares.sort_unstable();
    assert_eq!(squares, (0..50).map(|n| n * n).collect::<Vec<_>>());
}

fn what_is_done_already_comes_first(setting: &Setting) {
    let executor = setting.executor();
    let done = executor.submit(sleep::ID, 0);
    done.result_timeout(LONG).expect("it succeeds");
    let slow = executor.submit(sleep::ID, 100);
    let order: Vec<u64> = as_completed([slow, done]).map(|future| future.result().expect("it succeeds")).collect();
    assert_eq!(order, [0, 100]);
}

fn as_completed_ends_at_its_limit(setting: &Setting) {
    let executor = setting.executor();
    let done = executor.submit(sleep::ID, 0);
    done.result_timeout(LONG).expect("it succeeds");
    for limit in [Duration::ZERO, Duration::from_millis(20)] {
        let gate = Gate::new();
        let slow = executor.submit(pass::ID, (gate.path(), 300));
        let mut futures = as_completed([slow, done.clone()]).timeout(limit);
        assert!(futures.next().expect("one is done").is_ok());
        assert!(futures.next().expect("it says that time is up").expect_err("one sleeps").is_timeout());
        assert!(futures.next().is_none());
    }
    let quick = executor.submit(square::ID, 1);
    assert_eq!(as_completed([quick]).timeout(LONG).filter(Result::is_ok).count(), 1);
}

#[expect(clippy::mutable_key_type, reason = "futures are hashed by what never changes, their identity")]
fn as_completed_yields_a_future_once(setting: &Setting) {
    let begin = Instant::now();
    let executor = setting.executor();
    let futures: HashMap<_, _> = (0..9).map(|n| (executor.submit(square::ID, n), n)).collect();
    for future in as_completed(futures.keys()) {
        let n = futures[&future];
        assert_eq!(future.result().expect("it succeeds"), n * n, "each is found again by its future");
    }
    let future = executor.submit(square::ID, 3);
    assert_eq!(as_completed([future.clone(), future.clone(), future]).count(), 1);
    assert!(begin.elapsed() < LONG);
}

fn as_completed_keeps_nothing_of_what_it_has_yielded(setting: &Setting) {
    let executor = setting.executor();
    let kept = Arc::new(());
    let give = |n| {
        let kept = Arc::clone(&kept);
        executor.submit(square::ID, n).then(move |_| Ok(kept))
    };
    let mut futures = as_completed((0..20).map(give));
    for left in (0..20).rev() {
        assert!(futures.next().expect("there are twenty").result_timeout(LONG).is_ok());
        wait_until(|| Arc::strong_count(&kept) == left + 1);
    }
    assert!(futures.next().is_none());
}
