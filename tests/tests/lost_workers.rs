//! What becomes of tasks whose worker is lost or late, step by step: the real manager and workers, and a transport that
//! does what the test says.

use futures_mpi::{Error, Executor, Future, remote_state, remote_task};
use futures_mpi_core::options::PoolOptions;
use futures_mpi_tests::stepped_pool::Pool;
use std::sync::Arc;
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn fail(reason: String) -> Result<(), String> {
    Err(reason)
}

/// What one worker has added up.
struct Total(i64);

#[remote_state]
fn total(start: i64) -> Total {
    Total(start)
}

#[remote_task]
fn add(#[state] total: &mut Total, n: i64) -> i64 {
    total.0 += n;
    total.0
}

fn error<T: std::fmt::Debug>(future: &Future<T>) -> Error {
    assert!(future.done(), "{future:?}");
    future.result().expect_err("it has failed")
}

#[test]
fn what_was_sent_to_a_lost_worker_fails_and_the_rest_goes_on() {
    let mut pool = Pool::new(2);
    let futures: Vec<_> = (0..3).map(|n| pool.executor.submit(square::ID, n)).collect();
    pool.step();
    assert_eq!((pool.waiting(0), pool.waiting(1)), (1, 1), "long tasks are sent one at a time");
    pool.lose(0);
    let lost = error(&futures[0]);
    assert!(lost.is_worker_lost() && lost.worker() == Some(0), "{lost}");
    pool.work(1);
    pool.work(1);
    assert_eq!(futures[1].result().expect("its worker is there"), 1);
    assert_eq!(futures[2].result().expect("it had not been sent"), 4);
    pool.lose(1);
    let none = pool.executor.submit(square::ID, 1);
    pool.step();
    assert!(error(&none).is_broken(), "no worker is left");
}

#[test]
fn a_call_everywhere_fails_where_its_worker_is_lost_and_nowhere_else() {
    let mut pool = Pool::new(3);
    let executor = pool.executor(|_| {});
    let busy: Vec<_> = (0..3).map(|n| executor.submit(square::ID, n)).collect();
    pool.step();
    let futures = pool.everywhere(&executor, square::ID, (7,));
    assert_eq!([0, 1, 2].map(|worker| pool.waiting(worker)), [1; 3], "each has something to do first");
    pool.lose(1);
    let lost = error(&futures[1]);
    assert!(lost.is_worker_lost() && lost.worker() == Some(1), "{lost}");
    assert!(lost.message().contains("was lost before it was sent the task: a test says so"), "{lost}");
    assert!(error(&busy[1]).message().contains("while it held the task"));
    pool.work(0);
    assert_eq!(pool.waiting(0), 1, "now it is sent");
    pool.lose(0);
    let lost = error(&futures[0]);
    assert!(lost.is_worker_lost() && lost.worker() == Some(0), "{lost}");
    assert!(lost.message().contains("while it held the task"), "{lost}");
    pool.work(2);
    pool.work(2);
    assert_eq!(futures[2].result().expect("its worker is there"), 49);
    assert_eq!(pool.everywhere(&executor, square::ID, (7,)).len(), 1, "one worker is left");
}

#[test]
fn a_call_everywhere_is_not_made_up_for_on_a_worker_that_comes_later() {
    let mut pool = Pool::replacing(2);
    let executor = pool.executor(|_| {});
    // In one step: it is given to the worker, and before it is sent the worker is gone.
    let futures = pool.everywhere(&executor, square::ID, (3,));
    pool.lose(0);
    assert_eq!(pool.wanted(), 1);
    pool.join(Ok(()));
    pool.work(2);
    assert!(error(&futures[0]).is_worker_lost());
    assert_eq!(pool.waiting(2), 0, "it has none of them");
    pool.work(1);
    assert_eq!(futures[1].result().expect("its worker is there"), 9);
    let futures = pool.everywhere(&executor, square::ID, (4,));
    pool.work(1);
    pool.work(2);
    assert_eq!(futures.iter().map(|future| future.result().ok()).collect::<Vec<_>>(), [Some(16); 2], "it counts now");
}

#[test]
fn the_number_of_workers_is_true_after_losses() {
    let mut pool = Pool::new(3);
    let executor = pool.executor(|_| {});
    assert_eq!(pool.workers_of(&executor), 3);
    pool.lose(1);
    assert_eq!(pool.workers_of(&executor), 2);
    executor.bootup(true).expect("two are left");
    pool.lose(0);
    pool.lose(2);
    let error = pool.start_of(&executor).expect_err("none is left");
    assert!(error.is_broken() && error.message().contains("worker"), "{error}");
    assert!(executor.bootup(true).expect_err("none is left").is_broken());
}

#[test]
fn what_may_be_tried_again_goes_to_another_worker() {
    let mut pool = Pool::new(2);
    let future = pool.executor.call(square::ID).retries(1).submit(5);
    pool.step();
    pool.lose(0);
    assert!(!future.done());
    pool.work(1);
    assert_eq!(future.result().expect("it was tried again"), 25);

    let mut pool = Pool::new(2);
    let refusing = pool.executor.call(square::ID).retries(1).retry_if(Error::is_panic).submit(5);
    pool.step();
    pool.lose(0);
    assert!(error(&refusing).is_worker_lost());
}

#[test]
fn what_was_not_sent_goes_elsewhere_and_counts_as_no_try() {
    let mut pool = Pool::new(2);
    let future = pool.executor.submit(square::ID, 6);
    // In one step: the task is given to worker 0, and before it is sent the worker is gone.
    pool.lose(0);
    assert_eq!((pool.waiting(0), pool.waiting(1)), (0, 1));
    pool.work(1);
    assert_eq!(future.result().expect("it had not been sent"), 36);
}

#[test]
fn a_task_whose_time_is_up_fails_and_its_worker_rests_until_it_is_back() {
    let mut pool = Pool::new(1);
    let call = pool.executor.call(square::ID).task_timeout(Duration::from_secs(10));
    let (late, next) = (call.submit(7), call.submit(8));
    pool.step();
    pool.pass(9);
    assert!(!late.done());
    pool.pass(1);
    let error = error(&late);
    assert!(error.is_timeout() && error.worker() == Some(0), "{error}");
    pool.pass(3600);
    assert_eq!(pool.waiting(0), 1, "the first task is still there, and no other");
    assert!(!next.done(), "its limit has not begun");
    pool.work(0);
    assert!(late.result().is_err(), "what comes late is dropped");
    pool.work(0);
    assert_eq!(next.result().expect("the worker is back"), 64);
}

#[test]
fn retries_wait_for_their_time() {
    let mut pool = Pool::new(1);
    let [first, longest] = [10, 15].map(Duration::from_secs);
    let future = pool.executor.call(fail::ID).retries(3).retry_backoff(first, longest).submit("no".to_owned());
    for seconds in [0, 10, 15, 15] {
        if seconds > 0 {
            pool.pass(seconds - 1);
            assert_eq!(pool.waiting(0), 0, "it is not time yet");
            assert!(!future.done() && !future.running());
        }
        pool.pass(u64::from(seconds > 0));
        assert_eq!(pool.waiting(0), 1);
        pool.work(0);
    }
    assert_eq!(error(&future).message(), "no");
}

/// Whoever waits for nothing else sleeps deeply.
#[test]
fn a_task_that_is_gone_leaves_no_timer() {
    let mut pool = Pool::new(2);
    let hour = Duration::from_secs(3600);
    let resting = pool.executor.call(fail::ID).retries(3).retry_backoff(hour, hour).submit("no".to_owned());
    pool.step();
    pool.work(0);
    assert!(!resting.done() && !pool.is_calm(), "it rests");
    assert!(resting.cancel());
    pool.step();
    assert!(pool.is_calm(), "it is cancelled");

    let limited = pool.executor.call(square::ID).task_timeout(hour).submit(7);
    pool.step();
    assert!(!limited.done() && !pool.is_calm(), "its limit runs");
    pool.lose(if pool.waiting(0) > 0 { 0 } else { 1 });
    assert!(error(&limited).is_worker_lost());
    assert!(pool.is_calm(), "it is lost");
}

#[test]
fn a_late_task_of_a_lost_worker_is_forgotten() {
    let mut pool = Pool::new(2);
    let future = pool.executor.call(square::ID).task_timeout(Duration::from_secs(1)).submit(7);
    pool.step();
    pool.pass(1);
    assert!(error(&future).is_timeout());
    pool.lose(0);
    let next = pool.executor.submit(square::ID, 3);
    pool.step();
    pool.work(1);
    assert_eq!(next.result().expect("the other worker is there"), 9);
}

/// A pool of three that starts, an executor of it with an initializer, and a call of it.
fn starting(options: PoolOptions) -> (Pool, Arc<Executor>, Future<i64>) {
    let mut pool = Pool::starting(3, options);
    let executor = pool.executor(|options| options.initializer(square::ID, 1));
    let call = executor.submit(square::ID, 4);
    pool.step();
    (pool, executor, call)
}

#[test]
fn a_pool_starts_without_a_worker_that_is_lost_after_its_answer() {
    let (mut pool, prepared, call) = starting(PoolOptions::default());
    let executor = pool.executor(|_| {});
    pool.work(0);
    pool.work(0);
    assert_eq!(pool.waiting(0), 1, "it is prepared, and has the call");
    let calls: Vec<_> = (0..3).map(|n| executor.submit(square::ID, n)).collect();
    pool.step();
    pool.lose(0);
    assert!(error(&call).is_worker_lost());
    pool.work(1);
    assert!(!pool.is_booted(), "worker 2 has not answered");
    pool.work(2);
    assert_eq!(pool.start_of(&executor).expect("two are there"), 2);
    (0..6).for_each(|turn| pool.work(1 + turn % 2));
    assert_eq!(pool.start_of(&prepared).expect("two are prepared"), 2);
    assert!(calls.iter().all(|call| call.done() && call.result().is_ok()), "{calls:?}");
}

#[test]
fn a_pool_starts_without_a_worker_that_is_lost_before_its_answer() {
    let (mut pool, executor, call) = starting(PoolOptions::default());
    pool.work(1);
    pool.work(2);
    pool.work(1);
    pool.work(2);
    assert!(!pool.is_booted(), "worker 0 has not answered");
    pool.lose(0);
    assert_eq!(pool.start_of(&executor).expect("two are prepared"), 2);
    pool.work(1);
    pool.work(2);
    assert_eq!(call.result().expect("two are prepared"), 16);
}

#[test]
fn a_start_is_broken_when_its_last_worker_is_lost() {
    let (mut pool, executor, call) = starting(PoolOptions::default());
    pool.work(0);
    (0..2).for_each(|worker| pool.lose(worker));
    assert!(!pool.is_booted() && !call.done(), "worker 2 has not answered");
    pool.lose(2);
    let reason = "worker 2 was lost before it was ready: a test says so";
    assert_eq!(pool.start_of(&executor).expect_err("none is left").message(), reason);
    assert_eq!(error(&call).message(), reason);
}

#[test]
fn a_start_does_not_wait_for_workers_in_the_place_of_lost_ones() {
    let replacing = PoolOptions { replace_lost_workers: true, ..PoolOptions::default() };
    let (mut pool, _, _) = starting(replacing);
    let executor = pool.executor(|_| {});
    pool.lose(0);
    pool.work(1);
    pool.lose(1);
    assert_eq!(pool.wanted(), 2);
    pool.join(Ok(()));
    assert!(!pool.is_booted(), "worker 2 has not answered");
    pool.work(2);
    assert_eq!(pool.start_of(&executor).expect("worker 2 is there"), 1);
}

#[test]
fn a_start_that_is_not_in_time_names_the_workers_that_are_awaited() {
    let (mut pool, executor, _) = starting(PoolOptions::default());
    pool.work(0);
    pool.lose(1);
    pool.pass(60);
    let error = pool.start_of(&executor).expect_err("worker 2 has not answered");
    assert_eq!(error.message(), "workers 2 did not answer within 60 s of the pool's start");
}

#[test]
fn a_pool_waits_for_a_worker_in_the_place_of_the_last_one() {
    let mut pool = Pool::replacing(1);
    let begun = pool.executor.submit(square::ID, 2);
    pool.step();
    let waits = pool.executor.submit(square::ID, 3);
    pool.lose(0);
    assert!(error(&begun).is_worker_lost());
    assert_eq!(pool.wanted(), 1);
    pool.pass(3600);
    assert!(!waits.done(), "a worker is awaited");
    pool.join(Ok(()));
    pool.work(1);
    assert!(!waits.done(), "it has only answered");
    pool.work(1);
    assert_eq!(waits.result().expect("the new worker is there"), 9);
    assert_eq!(pool.wanted(), 0);
}

#[test]
fn a_new_worker_is_prepared_for_every_executor_before_its_first_task() {
    let mut pool = Pool::replacing(1);
    let executor = pool.executor(|options| options.initializer(fail::ID, "not here".to_owned()));
    let other = pool.executor(|options| options.initializer(square::ID, 1));
    pool.lose(0);
    pool.join(Ok(()));
    let calls = [executor.submit(square::ID, 4), other.submit(square::ID, 5)];
    pool.work(1);
    pool.work(1);
    assert!(error(&calls[0]).message().contains("not here"), "its initializer has failed");
    pool.work(1);
    assert_eq!(calls[1].result().expect("it is prepared"), 25);
    assert_eq!(pool.workers_of(&other), 1);
}

#[test]
fn a_new_worker_makes_a_state_of_its_own_before_its_first_task() {
    let mut pool = Pool::replacing(1);
    let executor = pool.executor(|options| options.state(total::ID, 100));
    let value = |call: &Future<i64>| {
        assert!(call.done(), "{call:?}");
        call.result().expect("its state is there")
    };
    let before = executor.submit(add::ID, 1);
    pool.step();
    (0..2).for_each(|_| pool.work(0));
    assert_eq!(value(&before), 101);
    pool.lose(0);
    pool.join(Ok(()));
    let calls = [executor.submit(add::ID, 2), executor.submit(add::ID, 3)];
    (0..4).for_each(|_| pool.work(1));
    assert_eq!(calls.each_ref().map(value), [102, 105], "it begins anew");
}

#[test]
fn a_call_everywhere_does_not_wait_for_what_has_timed_out_on_its_worker() {
    let mut pool = Pool::new(2);
    let hanging = pool.executor.call(square::ID).task_timeout(Duration::from_secs(1)).submit(1);
    pool.step();
    let executor = pool.executor(|_| {});
    let before = pool.everywhere(&executor, square::ID, (3,));
    pool.work(1);
    assert_eq!(before.iter().map(Future::done).collect::<Vec<_>>(), [false, true], "one waits for its turn");
    pool.pass(2);
    assert!(error(&hanging).is_timeout());
    let after = pool.everywhere(&executor, square::ID, (4,));
    pool.work(1);
    assert_eq!(after[1].result().expect("its worker is free"), 16);
    for late in [&before[0], &after[0]] {
        let error = error(late);
        assert!(error.is_timeout() && error.worker() == Some(0), "{error}");
        assert!(error.message().contains("is still running a task that has already timed out"), "{error}");
    }
    pool.work(0);
    let again = pool.everywhere(&executor, square::ID, (5,));
    (0..2).for_each(|worker| pool.work(worker));
    assert!(again.iter().all(|future| future.result().is_ok()), "it has answered");
}

#[test]
fn a_call_everywhere_does_not_wait_for_the_overdue_initializer_of_another_executor() {
    let mut pool = Pool::new(2);
    let executor = pool.executor(|_| {});
    let hanging = pool.executor(|options| options.initializer(square::ID, 1));
    let before = pool.everywhere(&executor, square::ID, (3,));
    pool.pass(60);
    assert!(pool.start_of(&hanging).expect_err("its time is up").is_broken());
    let after = pool.everywhere(&executor, square::ID, (4,));
    for late in before.iter().chain(&after) {
        let error = error(late);
        assert!(error.is_timeout() && error.message().contains("is still running the initializer"), "{error}");
    }
    (0..2).for_each(|worker| pool.work(worker));
    let again = pool.everywhere(&executor, square::ID, (5,));
    (0..2).for_each(|worker| pool.work(worker));
    assert!(again.iter().all(|future| future.result().is_ok()), "they have answered");
}

#[test]
fn attempts_to_replace_a_worker_do_not_go_on_for_ever() {
    let mut pool = Pool::replacing(2);
    pool.lose(0);
    for attempt in 1..=5 {
        assert_eq!(pool.wanted(), 1, "attempt {attempt}");
        pool.join(Err("there is no room"));
        assert_eq!(pool.wanted(), 0, "there is a pause first");
        pool.pass(2);
    }
    assert_eq!(pool.wanted(), 0, "these were enough");
    let call = pool.executor.submit(square::ID, 6);
    pool.step();
    pool.work(1);
    assert_eq!(call.result().expect("the other worker is there"), 36);
    pool.lose(1);
    let call = pool.executor.submit(square::ID, 6);
    pool.step();
    let error = error(&call);
    assert!(error.is_broken() && error.message().ends_with("(last attempt: there is no room)"), "{error}");
}

#[test]
fn a_new_worker_that_does_not_answer_or_dies_at_once_is_replaced_too() {
    let mut pool = Pool::replacing(1);
    let call = pool.executor.call(square::ID).retries(9).submit(7);
    pool.step();
    pool.lose(0);
    pool.join(Ok(()));
    assert_eq!(pool.wanted(), 1);
    pool.pass(60);
    pool.pass(1);
    assert_eq!(pool.wanted(), 1, "worker 1 has not answered");
    pool.join(Ok(()));
    pool.lose(2);
    pool.pass(1);
    assert_eq!(pool.wanted(), 1, "worker 2 is lost before it was ready");
    pool.join(Ok(()));
    pool.work(3);
    pool.lose(3);
    pool.pass(1);
    assert_eq!(pool.wanted(), 1, "worker 3 is lost before it has finished a task");
    pool.join(Ok(()));
    pool.work(4);
    pool.work(4);
    assert_eq!(call.result().expect("worker 4 stays"), 49);
    pool.lose(4);
    assert_eq!(pool.wanted(), 1, "at once, because worker 4 had finished a task");
}
