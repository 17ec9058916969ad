//! What becomes of tasks that were sent ahead of others, step by step: the real manager and workers, and a transport
//! that does what the test says.

use futures_mpi::{Executor, Future, remote_task};
use futures_mpi_tests::stepped_pool::Pool;
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

/// How many calls are waited for by whom must not be known.
fn submit(executor: &Executor, calls: i64) -> Vec<Future<i64>> {
    (0..calls).map(|n| executor.submit(square::ID, n)).collect()
}

/// A pool of two, whose worker 0 is in a call and has others behind it, with all calls; worker 1 is in a call as well,
/// or is idle.
fn stuck(idle: bool) -> (Pool, Vec<Future<i64>>) {
    let mut pool = Pool::new(2);
    let calls = submit(&pool.executor, 12);
    pool.step();
    pool.work_once(0);
    pool.step();
    assert!(pool.waiting(0) > 1, "calls are known to be short");
    pool.begin(0);
    while pool.waiting(1) > usize::from(!idle) {
        pool.work_once(1);
        pool.step();
    }
    if !idle {
        pool.begin(1);
    }
    assert!(pool.waiting(0) > 0 && pool.waiting(1) == 0);
    (pool, calls)
}

/// Lets time pass, and the manager ask for tasks and take the answer.
fn pass(pool: &mut Pool, seconds: u64) {
    pool.pass(seconds);
    pool.step();
}

fn values(calls: &[Future<i64>]) -> Vec<i64> {
    calls.iter().map(|call| call.result().expect("it is executed")).collect()
}

fn squares(calls: &[Future<i64>]) -> Vec<i64> {
    (0..calls.len() as i64).map(|n| n * n).collect()
}

fn running(calls: &[Future<i64>]) -> usize {
    calls.iter().filter(|call| call.running()).count()
}

#[test]
fn what_waits_behind_a_call_goes_to_a_worker_that_is_idle() {
    let (mut pool, calls) = stuck(true);
    let behind = pool.waiting(0);
    pool.pass(0);
    assert!(pool.waiting(1) == 0 && !pool.is_calm(), "worker 0 has only just begun");
    pass(&mut pool, 1);
    assert!(pool.waiting(1) > 0, "what waited has come back");
    while pool.waiting(1) > 0 {
        pool.work_once(1);
        pool.step();
    }
    assert_eq!((running(&calls), calls.iter().filter(|call| call.done()).count()), (1, calls.len() - 1));
    assert_eq!(pool.waiting(0), behind, "worker 0 has not looked at what it is not to do");
    let more = submit(&pool.executor, 3);
    pool.step();
    assert_eq!((pool.waiting(0), running(&more)), (behind, 3), "nothing is sent behind that call");
    pool.leave(0);
    pool.work(0);
    pool.work(1);
    assert_eq!((values(&calls), values(&more)), (squares(&calls), squares(&more)));
    let more = submit(&pool.executor, 2);
    pool.step();
    assert!(pool.waiting(0) == 1 && pool.waiting(1) == 1, "worker 0 takes tasks again");
    pool.work(0);
    pool.work(1);
    assert_eq!(values(&more), squares(&more));
}

#[test]
fn what_waits_for_long_comes_back_though_nobody_is_idle_and_can_be_cancelled() {
    let (mut pool, calls) = stuck(false);
    pool.pass(0);
    assert!(running(&calls) > 2);
    pass(&mut pool, 1);
    assert_eq!(running(&calls), 2, "two are begun");
    let pending = calls.iter().position(|call| !call.done() && !call.running()).expect("others are pending");
    assert!(calls[pending].cancel() && !calls[pending].running());
    pool.leave(1);
    (0..calls.len()).for_each(|_| pool.work(1));
    pool.leave(0);
    pool.work(0);
    for (n, call) in (0..).zip(&calls) {
        match call.result() {
            Ok(square) => assert_eq!(square, n * n),
            Err(error) => assert!(error.is_cancelled() && n as usize == pending, "{error}"),
        }
    }
}

#[test]
fn nothing_comes_back_from_a_worker_that_has_not_begun_what_it_was_sent_first() {
    let mut pool = Pool::new(2);
    let calls = submit(&pool.executor, 12);
    pool.step();
    pool.work_once(0);
    pool.step();
    (0..calls.len()).for_each(|_| pool.work(1));
    let waiting = pool.waiting(0);
    assert!(waiting > 1);
    pool.pass(0);
    pass(&mut pool, 1);
    assert_eq!((pool.waiting(0), pool.waiting(1)), (waiting, 0), "its first task has no copy here");
    pool.work(0);
    pool.work(0);
    assert_eq!(values(&calls), squares(&calls));
}

#[test]
fn what_waits_behind_a_task_whose_time_is_up_comes_back_at_once() {
    let mut pool = Pool::new(1);
    let call = pool.executor.call(square::ID).task_timeout(Duration::from_secs(10));
    let calls: Vec<_> = (0..12).map(|n| call.submit(n)).collect();
    pool.step();
    pool.work_once(0);
    pool.step();
    pool.begin(0);
    assert!(running(&calls) > 1);
    // Nobody looks meanwhile, so that nothing has come back before.
    pass(&mut pool, 10);
    let late = calls.iter().position(|call| call.done() && call.result().is_err()).expect("its time is up");
    assert!(calls[late].exception().is_some_and(|error| error.is_timeout()));
    assert!(running(&calls) == 0 && pool.is_calm(), "the others are pending, and their time does not run");
    pool.leave(0);
    while calls.iter().any(|call| !call.done()) {
        pool.work(0);
    }
    let mut others = calls.iter().enumerate().filter(|(n, _)| *n != late);
    assert!(others.all(|(n, call)| call.result().is_ok_and(|square| square == (n * n) as i64)));
}

#[test]
fn a_worker_that_gives_back_what_it_cannot_have_is_lost() {
    let (mut pool, calls) = stuck(true);
    pool.claim_begun(0, u64::MAX);
    let lost: Vec<_> = calls.iter().filter_map(|call| call.result().err()).collect();
    assert!(!lost.is_empty() && lost.iter().all(|error| error.is_worker_lost()), "{lost:?}");
    assert!(lost[0].message().contains("it returned tasks that the master did not ask for"), "{}", lost[0]);
}
