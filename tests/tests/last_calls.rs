//! What workers do last for an executor, step by step: the real manager and workers, and a transport that does what the
//! test says.

use futures_mpi::{Error, Executor, Future, remote_task};
use futures_mpi_core::options::PoolOptions;
use futures_mpi_tests::stepped_pool::Pool;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn seven() -> i64 {
    7
}

fn error<T: std::fmt::Debug>(future: &Future<T>) -> Error {
    assert!(future.done(), "{future:?}");
    future.result().expect_err("it has failed")
}

/// The end of an executor, which must have come.
fn finish(executor: &Arc<Executor>) -> Result<Vec<Result<i64, Error>>, Error> {
    let (sender, end) = mpsc::channel();
    let executor = Arc::clone(executor);
    thread::spawn(move || sender.send(executor.finish::<i64>()));
    end.recv_timeout(Duration::from_secs(60)).expect("it has ended")
}

/// What the workers have returned last, of an executor that has ended.
fn last(executor: &Arc<Executor>) -> Vec<i64> {
    finish(executor).expect("it is good").into_iter().map(|item| item.expect("it is good")).collect()
}

/// An executor whose workers are prepared.
fn prepared(pool: &mut Pool, workers: usize) -> Arc<Executor> {
    let executor = pool.executor(|options| options.exit(seven::ID));
    pool.step();
    (0..workers).for_each(|worker| pool.work(worker));
    executor
}

#[test]
fn the_last_calls_of_an_executor_end_with_their_workers() {
    let mut pool = Pool::new(3);
    let executor = pool.executor(|options| options.exit(seven::ID));
    let busy: Vec<_> = (0..3).map(|n| executor.submit(square::ID, n)).collect();
    pool.step();
    (0..3).for_each(|worker| pool.work(worker));
    executor.shutdown(false, false);
    pool.lose(2);
    pool.step();
    assert!([0, 1].map(|worker| pool.waiting(worker)) == [1; 2], "each has its own task first");
    pool.work(0);
    assert_eq!(pool.waiting(0), 0, "another one is not done");
    pool.work(1);
    assert_eq!([0, 1].map(|worker| pool.waiting(worker)), [1; 2], "now comes the last");
    assert!(error(&busy[2]).is_worker_lost());
    pool.lose(1);
    pool.work(0);
    let last = finish(&executor).expect("it has ended");
    let [first, second] = &last[..] else { panic!("two were there: {last:?}") };
    assert_eq!(*first.as_ref().expect("its worker is there"), 7);
    let lost = second.as_ref().expect_err("its worker is gone");
    assert!(lost.is_worker_lost() && lost.worker() == Some(1), "{lost}");
}

#[test]
fn an_executor_ends_without_the_last_call_of_a_worker_that_hangs() {
    let mut pool = Pool::new(2);
    let executor = pool.executor(|options| options.exit(seven::ID));
    let hanging = executor.call(square::ID).task_timeout(Duration::from_secs(1)).submit(1);
    pool.step();
    (0..2).for_each(|worker| pool.work(worker));
    assert_eq!([0, 1].map(|worker| pool.waiting(worker)), [1, 0], "it is prepared and has begun");
    pool.pass(2);
    assert!(error(&hanging).is_timeout());
    executor.shutdown(false, false);
    pool.step();
    pool.work(1);
    let last = finish(&executor).expect("it has ended");
    let [hangs, other] = &last[..] else { panic!("two are there: {last:?}") };
    let error = hangs.as_ref().expect_err("its worker does not come to it");
    assert!(error.is_timeout() && error.worker() == Some(0), "{error}");
    assert_eq!(*other.as_ref().expect("its worker is there"), 7);
}

#[test]
fn the_last_calls_of_an_executor_do_not_wait_for_what_has_timed_out_for_another_one() {
    let mut pool = Pool::new(2);
    let hanging = pool.executor.call(square::ID).task_timeout(Duration::from_secs(1)).submit(1);
    pool.step();
    let executor = pool.executor(|options| options.exit(seven::ID));
    pool.step();
    pool.work(1);
    executor.shutdown(false, false);
    pool.step();
    pool.work(1);
    pool.pass(2);
    assert!(error(&hanging).is_timeout());
    let last = finish(&executor).expect("it has ended");
    assert!(last[0].as_ref().is_err_and(Error::is_timeout) && last[1].is_ok(), "{last:?}");
}

#[test]
fn the_last_calls_of_an_executor_do_not_wait_for_the_overdue_initializer_of_another_one() {
    let mut pool = Pool::new(2);
    let executor = prepared(&mut pool, 2);
    let hanging = pool.executor(|options| options.initializer(square::ID, 1));
    pool.step();
    pool.work(1);
    executor.shutdown(false, false);
    pool.step();
    pool.work(1);
    pool.pass(60);
    assert!(pool.start_of(&hanging).expect_err("its time is up").is_broken());
    let last = finish(&executor).expect("it has ended");
    let error = last[0].as_ref().expect_err("its worker does not come to it");
    assert!(error.is_timeout() && error.worker() == Some(0), "{error}");
    assert!(error.message().contains("is still running the initializer"), "{error}");
    assert_eq!(*last[1].as_ref().expect("its worker is there"), 7);
}

#[test]
fn the_last_calls_of_an_executor_are_not_cancelled() {
    let mut pool = Pool::new(2);
    let executor = prepared(&mut pool, 2);
    let other = pool.executor(|_| {});
    let busy = pool.everywhere(&other, square::ID, (3,));
    executor.shutdown(false, false);
    pool.step();
    executor.shutdown(false, true);
    pool.step();
    (0..2).for_each(|worker| pool.work(worker));
    assert!(busy.iter().all(Future::done));
    (0..2).for_each(|worker| pool.work(worker));
    assert_eq!(last(&executor), [7, 7]);
}

#[test]
fn what_is_cancelled_comes_before_the_last_calls() {
    let mut pool = Pool::new(1);
    let executor = prepared(&mut pool, 1);
    let calls: Vec<_> = (0..3).map(|n| executor.submit(square::ID, n)).collect();
    pool.step();
    executor.shutdown(false, true);
    pool.step();
    assert_eq!(calls.iter().map(Future::cancelled).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(pool.waiting(0), 1, "one has begun");
    pool.work(0);
    pool.work(0);
    assert_eq!(calls[0].result().expect("it is waited for"), 0);
    assert_eq!(last(&executor), [7]);
}

#[test]
fn a_worker_that_has_come_in_the_place_of_a_lost_one_is_called_last() {
    let mut pool = Pool::replacing(2);
    let executor = prepared(&mut pool, 2);
    pool.lose(0);
    pool.join(Ok(()));
    executor.shutdown(false, false);
    pool.step();
    (1..3).for_each(|worker| pool.work(worker));
    pool.work(2);
    assert_eq!(last(&executor).len(), 1, "it was not ready");

    let executor = pool.executor(|options| options.exit(seven::ID));
    pool.step();
    (1..3).for_each(|worker| pool.work(worker));
    executor.shutdown(false, false);
    pool.step();
    (1..3).for_each(|worker| pool.work(worker));
    pool.lose(2);
    pool.join(Ok(()));
    pool.work(3);
    assert_eq!(last(&executor), [7, 7], "one more that comes later changes nothing");
}

#[test]
fn the_last_calls_of_an_executor_wait_for_the_start_of_the_pool() {
    let mut pool = Pool::starting(3, PoolOptions::default());
    let executor = pool.executor(|options| options.exit(seven::ID));
    executor.shutdown(false, false);
    pool.end();
    pool.step();
    (0..2).for_each(|worker| (0..3).for_each(|_| pool.work(worker)));
    assert!(!pool.is_booted() && !pool.is_finished());
    pool.lose(2);
    assert!(pool.is_booted());
    (0..2).for_each(|worker| pool.work(worker));
    assert_eq!(last(&executor), [7, 7]);
}

#[test]
fn there_are_no_last_calls_if_the_pool_does_not_start() {
    let mut pool = Pool::starting(2, PoolOptions::default());
    let executor = pool.executor(|options| options.exit(seven::ID));
    executor.shutdown(false, false);
    pool.step();
    (0..2).for_each(|worker| pool.lose(worker));
    let error = finish(&executor).expect_err("it is broken");
    assert!(error.is_broken() && error.message().contains("before it was ready"), "{error}");
}

#[test]
fn there_are_no_last_calls_if_the_pool_breaks() {
    let mut pool = Pool::new(1);
    let executor = prepared(&mut pool, 1);
    let call = executor.submit(square::ID, 1);
    pool.step();
    executor.shutdown(false, false);
    pool.lose(0);
    assert!(error(&call).is_worker_lost());
    assert!(finish(&executor).expect_err("no worker is left").is_broken());
}
