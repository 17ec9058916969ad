//! Initializers: once at every worker before its first task, and what becomes of an executor whose initializer fails.

use super::tasks::*;
use super::{AnyExecutor, Kind, LONG, Setting, promises};
use futures_mpi::{Error, remote_task};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

promises![
    an_initializer_runs_once_at_every_worker_before_its_tasks,
    bootup_and_num_workers_wait_for_the_initializer,
    every_executor_has_its_own_initializer,
    an_initializer_that_cannot_be_encoded_fails_the_build,
    an_initializer_that_fails_breaks_its_executor,
    an_initializer_that_panics_breaks_its_executor,
    an_initializer_that_cannot_be_decoded_breaks_its_executor,
    an_initializer_that_hangs_ends_at_the_boot_limit,
    an_initializer_may_fail_while_its_executor_is_dropped,
    an_executor_may_end_before_its_initializer,
    executors_may_follow_one_whose_initializer_fails,
    threads_may_each_have_an_executor_with_an_initializer,
];

thread_local! {
    /// What initializers have left at this worker.
    static MARKS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

#[remote_task]
fn mark(mark: u64) {
    MARKS.with_borrow_mut(|marks| marks.push(mark));
}

#[remote_task]
fn mark_after(millis: u64, mark: u64) {
    std::thread::sleep(Duration::from_millis(millis));
    MARKS.with_borrow_mut(|marks| marks.push(mark));
}

/// How often an initializer has left this mark here.
#[remote_task]
fn count_marks(mark: u64) -> usize {
    MARKS.with_borrow(|marks| marks.iter().filter(|known| **known == mark).count())
}

#[remote_task]
fn refuse(reason: &str) -> Result<(), String> {
    Err(reason.to_owned())
}

#[remote_task]
fn refuse_after(millis: u64) -> Result<(), Refusal> {
    std::thread::sleep(Duration::from_millis(millis));
    Err(Refusal::TooLarge { limit: 3 })
}

/// A mark that nobody else leaves: workers of a shared pool remember those of all executors.
fn new_mark() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn an_initializer_runs_once_at_every_worker_before_its_tasks(setting: &Setting) {
    for boot in [false, true] {
        let mark = new_mark();
        let executor = setting.builder().initializer(mark_after::ID, (20, mark)).build().expect("it is good");
        if boot {
            executor.bootup(true).expect("the pool starts");
        }
        let counts: Result<Vec<_>, _> = executor.map(count_marks::ID, vec![mark; 200]).into_iter().collect();
        assert_eq!(counts.expect("all succeed"), [1; 200]);
    }
}

fn bootup_and_num_workers_wait_for_the_initializer(setting: &Setting) {
    let executor = setting.builder().initializer(sleep::ID, 100).build().expect("it is good");
    executor.bootup(false).expect("the pool starts");
    assert_eq!(executor.num_workers().expect("the pool starts"), setting.workers);
    executor.bootup(true).expect("the pool starts");
    let executor = setting.builder().initializer(refuse::ID, "not today").build().expect("it is good");
    executor.bootup(false).expect("it shows later that it fails");
    assert!(executor.num_workers().expect_err("it fails").message().contains("not today"));
    assert!(executor.bootup(true).expect_err("it has failed").message().contains("not today"));
}

fn every_executor_has_its_own_initializer(setting: &Setting) {
    let marks: Vec<u64> = (0..3).map(|_| new_mark()).collect();
    let build = |mark: &u64| setting.builder().initializer(mark::ID, *mark).build().expect("it is good");
    let executors: Vec<AnyExecutor> = marks.iter().map(build).collect();
    let futures: Vec<_> = (0..90).map(|n| executors[n % 3].submit(count_marks::ID, marks[n % 3])).collect();
    assert!(futures.iter().all(|future| future.result_timeout(LONG).expect("it succeeds") == 1));
    let broken = setting.builder().initializer(refuse::ID, "only here").build().expect("it is good");
    assert!(broken.submit(square::ID, 1).result_timeout(LONG).expect_err("it is broken").is_broken());
    for (executor, mark) in executors.iter().zip(&marks) {
        assert_eq!(executor.submit(count_marks::ID, *mark).result_timeout(LONG).expect("others go on"), 1);
    }
    assert_eq!(setting.executor().submit(square::ID, 3).result_timeout(LONG).expect("others go on"), 9);
}

fn an_initializer_that_cannot_be_encoded_fails_the_build(setting: &Setting) {
    let built = setting.builder().initializer(take_touchy::ID, Touchy { encodes: false, ..PLACID }).build();
    let error = built.err().expect("it cannot be encoded");
    assert!(error.is_codec(), "{error}");
    assert!(error.message().starts_with("initializer: ") && error.message().contains("I stay here"), "{error}");
}

/// Everything that is pending, and all that comes, fails for this reason.
fn assert_broken(executor: &AnyExecutor, check: impl Fn(&Error)) {
    let pending: Vec<_> = (0..10).map(|n| executor.submit(square::ID, n)).collect();
    for future in pending {
        let error = future.result_timeout(LONG).expect_err("it is broken");
        assert!(error.is_broken() && !error.is_shutdown(), "{error}");
        check(&error);
    }
    check(&executor.submit(square::ID, 1).result_timeout(LONG).expect_err("it is broken"));
    check(&executor.map(square::ID, [1, 2]).into_iter().next().expect("one item").expect_err("it is broken"));
    check(&executor.bootup(true).expect_err("it is broken"));
    check(&executor.num_workers().expect_err("it is broken"));
}

fn an_initializer_that_fails_breaks_its_executor(setting: &Setting) {
    let executor = setting.builder().initializer(refuse::ID, "no licence").build().expect("that it fails shows later");
    assert_broken(&executor, |error| {
        assert_eq!(error.message(), "the initializer failed: no licence");
        assert!(error.worker().is_some_and(|worker| worker < setting.workers), "{error}");
        assert!(error.host().is_some_and(|host| !host.is_empty()), "{error}");
        assert!(error.task().is_some_and(|task| task.ends_with("initializer::refuse")), "{error}");
        assert_eq!(error.downcast::<String>().as_deref(), Some("no licence"));
    });
    executor.shutdown(true, false);
    assert!(executor.submit(square::ID, 1).result().expect_err("it is shut down").is_shutdown());
}

fn an_initializer_that_panics_breaks_its_executor(setting: &Setting) {
    let executor = setting.builder().initializer(panic_at::ID, (5, 5)).build().expect("that it fails shows later");
    assert_broken(&executor, |error| {
        assert_eq!(error.message(), "the initializer failed: 5 is bad");
        assert!(error.location().is_some_and(|place| place.contains("tasks.rs:")), "{error}");
    });
}

fn an_initializer_that_cannot_be_decoded_breaks_its_executor(setting: &Setting) {
    let builder = setting.builder().initializer(take_touchy::ID, Touchy { decodes: false, ..PLACID });
    let executor = builder.build().expect("that it fails shows later");
    assert_broken(&executor, |error| assert!(error.message().contains("I do not want to arrive"), "{error}"));
    let executor = setting.builder().initializer(give_touchy::ID, (false, true)).build().expect("the same");
    assert_broken(&executor, |error| assert!(error.message().contains("I stay here"), "{error}"));
}

fn an_initializer_that_hangs_ends_at_the_boot_limit(setting: &Setting) {
    setting.executor().bootup(true).expect("a shared pool is there before the limit begins");
    // Long enough for workers to be spawned, which takes seconds where the machine has much else to do. The initializer
    // takes longer still, by more than a busy machine holds a process up, and comes back before the next promise: on a
    // shared pool within the limit of the one behind it, which by then counts.
    let (limit_ms, longer_ms) = match setting.kind {
        Kind::Threads => (200, 1000),
        Kind::Mpi if !setting.shares_a_pool() => (10_000, 3000),
        Kind::Mpi | Kind::Communicator => (5000, 2000),
    };
    let limit = Duration::from_millis(limit_ms);
    let builder = setting.builder().initializer(sleep::ID, limit_ms + longer_ms).boot_limit(limit);
    let executor = builder.build().expect("it is good");
    executor.bootup(false).expect("that it hangs shows later");
    // On a shared pool its initializer is behind the one that hangs, and its limit counts from when it could begin.
    let mark = new_mark();
    let limit_behind = if setting.shares_a_pool() { limit } else { LONG };
    let behind = setting.builder().initializer(mark::ID, mark).boot_limit(limit_behind).build().expect("it is good");
    let first = behind.submit(count_marks::ID, mark);
    assert_broken(&executor, |error| {
        let text = error.message();
        assert!(
            text.starts_with("the initializer ") && text.contains("tasks::sleep did not finish on worker"),
            "{error}"
        );
        assert!(text.contains(" on ") && text.ends_with(" s"), "{error}");
    });
    drop(executor);
    assert_eq!(first.result_timeout(LONG).expect("it is no fault of its own"), 1);
    assert_eq!(behind.num_workers().expect("all are prepared"), setting.workers);
    assert_eq!(setting.executor().submit(square::ID, 3).result_timeout(LONG).expect("others go on"), 9);
}

fn an_initializer_may_fail_while_its_executor_is_dropped(setting: &Setting) {
    for wait in [false, true] {
        let executor = setting.builder().initializer(refuse_after::ID, 50).build().expect("that it fails shows later");
        let futures: Vec<_> = (0..10).map(|n| executor.submit(square::ID, n)).collect();
        executor.shutdown(wait, false);
        assert!(!wait || futures.iter().all(|future| future.done()));
        drop(executor);
        for future in futures {
            let error = future.result_timeout(LONG).expect_err("it is broken");
            assert!(error.is_broken(), "{error}");
            assert_eq!(error.downcast(), Some(Refusal::TooLarge { limit: 3 }));
        }
    }
    let executor = setting.builder().initializer(refuse_after::ID, 50).build().expect("that it fails shows later");
    let futures: Vec<_> = (0..10).map(|n| executor.submit(square::ID, n)).collect();
    executor.shutdown(true, true);
    let known = |future: &futures_mpi::Future<i64>| future.cancelled() || future.result().is_err();
    assert!(futures.iter().all(known));
}

fn an_executor_may_end_before_its_initializer(setting: &Setting) {
    for (wait, cancel) in [(false, false), (true, false), (false, true), (true, true)] {
        let executor = setting.builder().initializer(sleep::ID, 50).build().expect("it is good");
        executor.bootup(false).expect("the pool starts");
        executor.shutdown(wait, cancel);
        drop(executor);
        let executor = setting.builder().initializer(refuse_after::ID, 20).build().expect("that it fails shows later");
        executor.bootup(false).expect("that it fails shows later");
        executor.shutdown(wait, cancel);
    }
    assert_eq!(setting.executor().submit(square::ID, 3).result_timeout(LONG).expect("others go on"), 9);
}

fn executors_may_follow_one_whose_initializer_fails(setting: &Setting) {
    for _ in 0..2 {
        let executor = setting.builder().initializer(refuse_after::ID, 20).build().expect("that it fails shows later");
        executor.submit(square::ID, 1).cancel();
        let pending = executor.submit(square::ID, 2);
        assert!(executor.submit(square::ID, 3).result_timeout(LONG).expect_err("it is broken").is_broken());
        assert!(pending.result_timeout(LONG).expect_err("it is broken").is_broken());
        assert!(executor.submit(square::ID, 4).result_timeout(LONG).expect_err("it is broken").is_broken());
        assert!(executor.num_workers().expect_err("it is broken").is_broken());
    }
    let mark = new_mark();
    let executor = setting.builder().initializer(mark::ID, mark).build().expect("it is good");
    executor.bootup(true).expect("the pool starts");
    assert_eq!(executor.submit(count_marks::ID, mark).result_timeout(LONG).expect("it succeeds"), 1);
    drop(executor);
    assert_eq!(setting.executor().submit(square::ID, 3).result_timeout(LONG).expect("it has no initializer"), 9);
}

fn threads_may_each_have_an_executor_with_an_initializer(setting: &Setting) {
    std::thread::scope(|scope| {
        for thread in 0..if setting.opens_at_little_cost() { 5 } else { 2 } {
            scope.spawn(move || {
                let mark = new_mark();
                let builder = setting.builder().initializer(mark_after::ID, (7 * thread % 5, mark));
                let executor = builder.build().expect("it is good");
                let calls = executor.num_workers().expect("the pool starts") as u64 + thread;
                let counts: Vec<_> = (0..calls).map(|_| executor.submit(count_marks::ID, mark)).collect();
                drop(executor);
                assert!(counts.iter().all(|count| count.result().expect("it succeeds") == 1));
            });
        }
    });
}
