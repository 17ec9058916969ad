//! Waiting for several futures in different states, some of which end meanwhile.

use super::gate::{self, Gate, pass};
use super::states::States;
use super::tasks::*;
use super::{AnyExecutor, LONG, Setting, promises};
use futures_mpi::{DoneAndNotDone, Future, ReturnWhen, as_completed, wait};
use std::thread;
use std::time::Duration;

promises![
    the_first_that_is_completed_ends_a_wait,
    the_first_failure_ends_a_wait_and_no_success_does,
    a_wait_for_all_has_those_of_every_state,
    a_wait_at_its_limit_has_what_is_done,
    as_completed_yields_those_of_every_state,
    as_completed_at_its_limit_has_yielded_what_is_done,
    a_crowd_may_be_done_at_once,
    futures_of_several_pools_are_waited_for_together,
];

/// Asserts which futures were done, in this order, and which were not.
fn assert_waited<const D: usize, const N: usize>(
    waited: &DoneAndNotDone<u64>,
    done: [&Future<u64>; D],
    not_done: [&Future<u64>; N],
) {
    assert_eq!(waited.done.iter().collect::<Vec<_>>(), done);
    assert_eq!(waited.not_done.iter().collect::<Vec<_>>(), not_done);
}

/// Futures that are done in every way, and an executor whose workers are free again.
fn settled(executor: &AnyExecutor) -> [Future<u64>; 3] {
    let States { succeeded, failed, cancelled, running, pending, gate } = States::new(executor);
    gate.open();
    wait([&running, &pending], ReturnWhen::AllCompleted, Some(LONG));
    [succeeded, failed, cancelled]
}

fn the_first_that_is_completed_ends_a_wait(setting: &Setting) {
    let executor = setting.executor();
    let [succeeded, failed, cancelled] = settled(&executor);
    let gates = [Gate::new(), Gate::new()];
    let first = executor.submit(pass::ID, (gates[0].path(), 42));
    let second = executor.submit(pass::ID, (gates[1].path(), 43));
    let waited = thread::scope(|scope| {
        let waiting = scope.spawn(|| wait([&second, &first], ReturnWhen::FirstCompleted, Some(LONG)));
        gates[0].open();
        waiting.join().expect("it waits")
    });
    assert_waited(&waited, [&first], [&second]);
    let waited = wait([&cancelled, &second, &succeeded, &failed], ReturnWhen::FirstCompleted, None);
    assert_waited(&waited, [&cancelled, &succeeded, &failed], [&second]);
}

fn the_first_failure_ends_a_wait_and_no_success_does(setting: &Setting) {
    let executor = setting.executor();
    let [succeeded, failed, cancelled] = settled(&executor);
    let (before, behind) = (Gate::new(), Gate::new());
    let success = executor.submit(at_most_ten::ID, 4);
    let failure = executor.submit(gate::fail_behind::ID, (before.path(), "in the end"));
    let pending = executor.submit(pass::ID, (behind.path(), 5));
    thread::scope(|scope| {
        scope.spawn(|| {
            success.result_timeout(LONG).expect("it succeeds");
            before.open();
        });
        let all = [&succeeded, &success, &cancelled, &failure, &pending];
        let waited = wait(all, ReturnWhen::FirstException, Some(LONG));
        assert_waited(&waited, [&succeeded, &success, &cancelled, &failure], [&pending]);
    });
    // One that has failed before ends it at once.
    let waited = wait([&pending, &failed], ReturnWhen::FirstException, None);
    assert_waited(&waited, [&failed], [&pending]);
    behind.open();
    let waited = wait([&succeeded, &cancelled, &pending], ReturnWhen::FirstException, Some(LONG));
    assert_waited(&waited, [&succeeded, &cancelled, &pending], []);
}

fn a_wait_for_all_has_those_of_every_state(setting: &Setting) {
    let executor = setting.executor();
    let [succeeded, failed, cancelled] = settled(&executor);
    let gate = Gate::new();
    let failure = executor.submit(gate::fail_behind::ID, (gate.path(), "later"));
    let success = executor.submit(pass::ID, (gate.path(), 5));
    let waited = thread::scope(|scope| {
        let all = [&succeeded, &cancelled, &failed, &failure, &success];
        let waiting = scope.spawn(move || wait(all, ReturnWhen::AllCompleted, Some(LONG)));
        gate.open();
        waiting.join().expect("it waits")
    });
    assert_waited(&waited, [&succeeded, &cancelled, &failed, &failure, &success], []);
    assert!(failure.exception().is_some() && success.exception().is_none());
}

fn a_wait_at_its_limit_has_what_is_done(setting: &Setting) {
    let executor = setting.executor();
    let [succeeded, failed, cancelled] = settled(&executor);
    let gate = Gate::new();
    let quick = executor.submit(at_most_ten::ID, 6);
    quick.result_timeout(LONG).expect("it succeeds");
    let pending = executor.submit(pass::ID, (gate.path(), 5));
    for limit in [Duration::ZERO, Duration::from_millis(10)] {
        let all = [&cancelled, &failed, &pending, &succeeded, &quick];
        let waited = wait(all, ReturnWhen::AllCompleted, Some(limit));
        assert_waited(&waited, [&cancelled, &failed, &succeeded, &quick], [&pending]);
    }
}

fn as_completed_yields_those_of_every_state(setting: &Setting) {
    let executor = setting.executor();
    let [succeeded, failed, cancelled] = settled(&executor);
    let gate = Gate::new();
    let last = executor.submit(pass::ID, (gate.path(), 5));
    let mut futures = as_completed([&last, &succeeded, &failed, &cancelled, &succeeded]);
    let done: Vec<_> = futures.by_ref().take(3).collect();
    assert_eq!(done, [succeeded, failed, cancelled], "those that are done come first, in their order");
    gate.open();
    assert_eq!((futures.next(), futures.next()), (Some(last), None));
    // Any iterator will do.
    let future = executor.submit(pass::ID, (gate.path(), 6));
    assert_eq!(as_completed(std::iter::repeat_n(&future, 3)).count(), 1);
}

fn as_completed_at_its_limit_has_yielded_what_is_done(setting: &Setting) {
    let executor = setting.executor();
    let done = settled(&executor);
    let gate = Gate::new();
    let pending = [5, 6].map(|n| executor.submit(pass::ID, (gate.path(), n)));
    for limit in [Duration::ZERO, Duration::from_millis(10)] {
        let mut futures = as_completed(pending.iter().chain(&done)).timeout(limit);
        let yielded: Result<Vec<_>, _> = futures.by_ref().take(3).collect();
        assert_eq!(yielded.expect("they are done"), done);
        let error = futures.next().expect("it says that time is up").expect_err("two are pending");
        assert!(error.is_timeout() && error.message().contains(": 2 of 5 futures are not finished"), "{error}");
        assert!(futures.next().is_none() && futures.next().is_none());
    }
}

fn a_crowd_may_be_done_at_once(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let futures: Vec<_> = (0..100).map(|n| executor.submit(pass::ID, (gate.path(), n))).collect();
    thread::scope(|scope| {
        let waiting = [ReturnWhen::AllCompleted, ReturnWhen::FirstException].map(|when| {
            let futures = &futures;
            scope.spawn(move || wait(futures, when, Some(LONG)).not_done.len())
        });
        let yielding = scope.spawn(|| as_completed(&futures).count());
        gate.open();
        assert!(waiting.into_iter().all(|thread| thread.join().expect("it waits") == 0));
        assert_eq!(yielding.join().expect("it waits"), 100);
    });
    let values: Result<Vec<u64>, _> = futures.iter().map(Future::result).collect();
    assert_eq!(values.expect("all succeed"), (0..100).collect::<Vec<_>>());
}

/// Sixteen where executors cost little; three where each has processes of its own.
fn futures_of_several_pools_are_waited_for_together(setting: &Setting) {
    let count = if setting.opens_at_little_cost() { 16 } else { 3 };
    let executors: Vec<_> = (0..count).map(|_| setting.executor()).collect();
    executors.iter().for_each(|executor| executor.bootup(true).expect("the pool starts"));
    let numbers = 0..count as i64 * 64;
    let futures: Vec<_> = numbers.clone().map(|n| executors[n as usize % count].submit(square::ID, n)).collect();
    assert!(wait(futures.iter().rev(), ReturnWhen::AllCompleted, Some(LONG)).not_done.is_empty());
    for (n, future) in numbers.zip(&futures) {
        assert_eq!(future.result().expect("it succeeds"), n * n);
    }
    let workers: Result<Vec<usize>, _> = executors.iter().map(|executor| executor.num_workers()).collect();
    assert_eq!(workers.expect("the pools are there"), vec![setting.workers; count]);
}
