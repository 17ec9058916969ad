//! How long the workers may take to prepare themselves for an executor, and whose fault it is, step by step.

use futures_mpi::{Error, Executor, Future, remote_state, remote_task};
use futures_mpi_tests::stepped_pool::Pool;
use std::sync::Arc;
use std::time::Duration;

#[remote_task]
fn first() {}

#[remote_task]
fn second() {}

#[remote_state]
fn model() -> u64 {
    0
}

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

/// The executors wait for their preparations for 60 s.
fn two_with_initializers(pool: &mut Pool) -> (Arc<Executor>, Arc<Executor>) {
    let executors = (
        pool.executor(|options| options.initializer(first::ID, ())),
        pool.executor(|options| options.initializer(second::ID, ())),
    );
    pool.step();
    executors
}

/// What a call of the executor fails with.
fn failure(pool: &mut Pool, executor: &Executor) -> Option<Error> {
    let call = executor.submit(square::ID, 3);
    pool.step();
    call.done().then(|| call.result().expect_err("no worker has taken it"))
}

fn value(call: &Future<i64>) -> i64 {
    assert!(call.done(), "{call:?}");
    call.result().expect("it succeeds")
}

#[test]
fn the_limit_counts_from_when_the_preparations_could_begin() {
    let mut pool = Pool::new(1);
    let (first, second) = two_with_initializers(&mut pool);
    pool.pass(59);
    assert!(pool.work_once(0), "the first initializer takes 59 s");
    pool.step();
    pool.pass(59);
    assert!(failure(&mut pool, &second).is_none(), "the second has had 59 s of its own");
    pool.work(0);
    assert_eq!(pool.workers_of(&first), 1);
    assert_eq!(pool.workers_of(&second), 1);
}

#[test]
fn an_initializer_that_hangs_breaks_its_own_executor_first() {
    let mut pool = Pool::new(2);
    let (first, second) = two_with_initializers(&mut pool);
    pool.work(1);
    pool.pass(60);
    let message = failure(&mut pool, &first).expect("its time is up").message().to_owned();
    assert!(
        message.starts_with("the initializer ") && message.contains("first did not finish on worker 0 (host here)")
    );
    assert!(failure(&mut pool, &second).is_none(), "its own may just begin");
    pool.work(1);
    // Worker 0 is not waited for any longer than that.
    pool.pass(60);
    assert_eq!(pool.workers_of(&second), 1);
    let call = second.submit(square::ID, 4);
    pool.step();
    pool.work(1);
    assert_eq!(value(&call), 16);
    pool.work(0);
    let calls: Vec<_> = (0..2).map(|n| second.submit(square::ID, n)).collect();
    pool.step();
    pool.work(0);
    assert_eq!(calls.iter().filter(|call| call.done()).count(), 1, "worker 0 has come back, and is prepared");
}

#[test]
fn a_state_that_takes_too_long_is_named() {
    let mut pool = Pool::new(1);
    let alone = pool.executor(|options| options.state(model::ID, ()));
    let both = pool.executor(|options| {
        options.initializer(first::ID, ());
        options.state(model::ID, ());
    });
    pool.step();
    pool.pass(60);
    let message = failure(&mut pool, &alone).expect("its time is up").message().to_owned();
    assert!(
        message.starts_with("the making of the state by preparations::model did not finish on worker 0"),
        "{message}"
    );
    assert!(pool.work_once(0), "it was in it");
    pool.step();
    pool.pass(60);
    let message = failure(&mut pool, &both).expect("its time is up").message().to_owned();
    let wanted =
        "the initializer preparations::first, or the making of the state by preparations::model, did not finish";
    assert!(message.starts_with(wanted), "{message}");
    // It is late, and of use to nobody any more.
    pool.work(0);
    assert!(failure(&mut pool, &both).is_some());
}

#[test]
fn the_error_says_whose_initializer_stands_in_the_way() {
    let mut pool = Pool::new(1);
    let (first, second) = two_with_initializers(&mut pool);
    pool.pass(60);
    assert!(failure(&mut pool, &first).is_some());
    first.shutdown(false, false);
    pool.step();
    pool.pass(59);
    assert!(failure(&mut pool, &second).is_none());
    pool.pass(1);
    let error = failure(&mut pool, &second).expect("its time is up");
    let message = error.message();
    assert!(
        error.is_broken() && message.contains("preparations::second could not start on worker 0 (host here)"),
        "{error}"
    );
    assert!(
        message.contains("worker 0 is still running the initializer preparations::first of another executor"),
        "{error}"
    );
    // When the worker comes back, others find it.
    pool.work(0);
    let call = pool.executor.submit(square::ID, 5);
    pool.step();
    pool.work(0);
    assert_eq!(value(&call), 25, "the worker is back");
}

#[test]
fn tasks_before_the_preparations_do_not_count() {
    let mut pool = Pool::new(1);
    let long = pool.executor.submit(square::ID, 2);
    pool.step();
    let executor = pool.executor(|options| options.initializer(first::ID, ()));
    pool.step();
    pool.pass(3600);
    assert!(failure(&mut pool, &executor).is_none(), "a task takes as long as it takes");
    assert!(pool.work_once(0), "the task");
    pool.step();
    assert!(long.done());
    pool.pass(59);
    assert!(failure(&mut pool, &executor).is_none());
    pool.pass(1);
    let message = failure(&mut pool, &executor).expect("its time is up").message().to_owned();
    assert!(
        message.contains("preparations::first did not finish on worker 0 (host here) within 60.000 s"),
        "{message}"
    );
}

#[test]
fn a_task_that_was_given_up_stands_in_the_way_for_a_while() {
    let mut pool = Pool::new(1);
    let late = pool.executor.call(square::ID).task_timeout(Duration::from_secs(100)).submit(2);
    pool.step();
    let executor = pool.executor(|options| options.initializer(first::ID, ()));
    pool.step();
    pool.pass(100);
    assert!(late.done());
    pool.pass(59);
    assert!(failure(&mut pool, &executor).is_none());
    pool.pass(1);
    let message = failure(&mut pool, &executor).expect("its time is up").message().to_owned();
    assert!(message.contains("worker 0 is still running a task that has already timed out"), "{message}");
}

#[test]
fn an_executor_that_comes_to_a_pool_at_its_end_is_refused_and_does_not_hold_it_up() {
    let mut pool = Pool::new(1);
    let before = pool.executor.submit(square::ID, 3);
    pool.step();
    pool.end();
    pool.step();
    let late = pool.executor(|_| ());
    let refused = late.submit(square::ID, 1);
    pool.step();
    assert!(refused.done() && refused.result().is_err_and(|error| error.is_shutdown()), "{refused:?}");
    assert!(!pool.is_finished());
    pool.work(0);
    assert_eq!(before.result().expect("it was there before"), 9);
    assert!(pool.is_finished());
}
