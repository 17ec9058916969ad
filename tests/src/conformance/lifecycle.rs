//! Executors: boot, shutdown, drop, several at once.

use super::futures::wait_until;
use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

promises![
    an_unused_executor_costs_nothing,
    bootup_may_come_first_with_and_without_waiting,
    every_boot_may_be_followed_by_every_shutdown,
    shutdown_waits_for_what_is_pending,
    shutdown_without_waiting_returns_at_once,
    shutdown_can_cancel_what_is_queued,
    shutdown_has_cancelled_when_it_returns,
    the_end_of_an_executor_waits_for_callbacks_and_hooks,
    a_callback_of_one_executor_does_not_delay_the_end_of_another,
    a_shut_down_executor_refuses,
    shutdown_may_be_repeated,
    dropping_an_executor_waits,
    dropping_an_executor_in_a_panic_cancels,
    futures_outlive_their_executor,
    executors_work_side_by_side,
    executors_may_follow_one_another,
    executors_may_be_nested,
    several_threads_may_use_executors_of_their_own,
    many_tasks_of_one_executor_do_not_delay_another,
];

fn an_unused_executor_costs_nothing(setting: &Setting) {
    let begin = Instant::now();
    for _ in 0..100 {
        drop(setting.executor());
    }
    assert!(begin.elapsed() < LONG);
}

fn bootup_may_come_first_with_and_without_waiting(setting: &Setting) {
    for wait in [false, true] {
        let executor = setting.executor();
        executor.bootup(wait).expect("the pool starts");
        executor.bootup(wait).expect("the pool has started");
        assert_eq!(executor.num_workers().expect("the pool starts"), setting.workers);
        assert_eq!(executor.submit(square::ID, 2).result_timeout(LONG).expect("it succeeds"), 4);
    }
    let executor = setting.executor();
    executor.bootup(false).expect("the pool starts");
    executor.shutdown(true, false);
}

fn every_boot_may_be_followed_by_every_shutdown(setting: &Setting) {
    for boot in [None, Some(false), Some(true)] {
        for (wait, cancel) in [(false, false), (false, true), (true, false), (true, true)] {
            for tasks in [0, 3 * setting.workers] {
                let executor = setting.executor();
                if let Some(wait) = boot {
                    executor.bootup(wait).expect("the pool starts");
                }
                let futures: Vec<_> = (0..tasks).map(|_| executor.submit(sleep::ID, 5)).collect();
                executor.shutdown(wait, cancel);
                assert!(!wait || futures.iter().all(Future::done), "it waits for all");
                let late = executor.submit(sleep::ID, 0).result_timeout(LONG).expect_err("it is shut down");
                assert!(late.is_shutdown(), "{late}");
                drop(executor);
                for future in futures {
                    assert!(future.done(), "the end of an executor waits for all");
                    assert!(future.result().is_ok() || cancel && future.cancelled(), "nothing else becomes of a task");
                }
            }
        }
    }
}

fn shutdown_waits_for_what_is_pending(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..2 * setting.workers).map(|_| executor.submit(sleep::ID, 50)).collect();
    executor.shutdown(true, false);
    assert!(futures.iter().all(Future::done));
    assert!(futures.iter().all(|future| future.result().is_ok()));
}

fn shutdown_without_waiting_returns_at_once(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let gate = Gate::new();
    let future = executor.submit(pass::ID, (gate.path(), 300));
    executor.shutdown(false, false);
    assert!(!future.done());
    gate.open();
    assert_eq!(future.result_timeout(LONG).expect("it goes on"), 300);
}

fn shutdown_can_cancel_what_is_queued(setting: &Setting) {
    let executor = setting.executor();
    let running = Busy::all(&executor);
    let queued: Vec<_> = (0..10).map(|_| executor.submit(sleep::ID, 10_000)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| executor.shutdown(true, true));
        wait_until(|| queued.iter().all(Future::cancelled));
        running.release();
    });
    assert!(running.iter().all(|future| future.result().is_ok()), "what runs goes on");
}

/// Without waiting as well, whether the workers have been started or not.
fn shutdown_has_cancelled_when_it_returns(setting: &Setting) {
    for boot in [false, true] {
        let executor = setting.executor();
        let busy = boot.then(|| Busy::all(&executor));
        let futures: Vec<_> = (0..500).map(|_| executor.submit(sleep::ID, 100)).collect();
        let called = Arc::new(AtomicUsize::new(0));
        for future in &futures {
            let called = Arc::clone(&called);
            future.add_done_callback(move |future| {
                called.fetch_add(usize::from(future.cancelled()), Ordering::SeqCst);
            });
        }
        executor.shutdown(false, true);
        assert!(futures.iter().all(|future| future.cancelled() || future.running() || future.done()), "boot: {boot}");
        let cancelled = futures.iter().filter(|future| future.cancelled()).count();
        assert!(cancelled >= 400, "{cancelled} of 500 are cancelled; boot: {boot}");
        busy.iter().for_each(Busy::release);
        drop(executor);
        assert_eq!(called.load(Ordering::SeqCst), cancelled);
    }
}

fn the_end_of_an_executor_waits_for_callbacks_and_hooks(setting: &Setting) {
    for by_drop in [false, true] {
        let executor = setting.executor();
        let called = Arc::new(AtomicUsize::new(0));
        let slow = |called: &Arc<AtomicUsize>| {
            let called = Arc::clone(called);
            move || {
                std::thread::sleep(Duration::from_millis(50));
                called.fetch_add(1, Ordering::SeqCst);
            }
        };
        let future = executor.submit(sleep::ID, 20);
        let callback = slow(&called);
        future.add_done_callback(move |_| callback());
        let (first, second) = (slow(&called), slow(&called));
        let hooked = future.then(move |n| {
            first();
            Ok(n + 1)
        });
        let last = hooked.then(move |n| {
            second();
            Ok(n + 1)
        });
        if by_drop {
            drop(executor);
        } else {
            executor.shutdown(true, false);
        }
        assert_eq!(called.load(Ordering::SeqCst), 3, "by drop: {by_drop}");
        assert!(last.done() && last.result().expect("all succeed") == 22);
    }
}

fn a_callback_of_one_executor_does_not_delay_the_end_of_another(setting: &Setting) {
    let (busy, other) = (setting.executor(), setting.executor());
    let (release, wait) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    // A future that is done has its callback called by this thread, which could not go on to release it.
    let gate = Gate::new();
    busy.submit(pass::ID, (gate.path(), 2)).add_done_callback(move |_| {
        begin.send(()).expect("the test waits");
        let _ = wait.recv();
    });
    gate.open();
    begun.recv_timeout(LONG).expect("it is called");
    let called = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&called);
    other.submit(square::ID, 3).add_done_callback(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    drop(other);
    assert_eq!(called.load(Ordering::SeqCst), 1);
    drop(release);
    drop(busy);
}

fn a_shut_down_executor_refuses(setting: &Setting) {
    for boot in [false, true] {
        let executor = setting.executor();
        if boot {
            executor.bootup(true).expect("the pool starts");
        }
        executor.shutdown(true, false);
        let error = executor.submit(square::ID, 1).result_timeout(LONG).expect_err("it is shut down");
        assert!(error.is_shutdown() && !error.is_broken(), "{error}");
        let error = executor.map(square::ID, [1]).into_iter().next().expect("one item").expect_err("it is shut down");
        assert!(error.is_shutdown(), "{error}");
        assert!(executor.bootup(true).expect_err("it is shut down").is_shutdown());
        assert!(executor.num_workers().expect_err("it is shut down").is_shutdown());
    }
}

fn shutdown_may_be_repeated(setting: &Setting) {
    let executor = setting.executor();
    let future = executor.submit(sleep::ID, 100);
    executor.shutdown(false, false);
    executor.shutdown(false, true);
    executor.shutdown(true, false);
    executor.shutdown(true, true);
    assert!(future.done());
}

fn dropping_an_executor_waits(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..setting.workers + 1).map(|_| executor.submit(sleep::ID, 50)).collect();
    drop(executor);
    assert!(futures.iter().all(|future| future.done() && future.result().is_ok()));
}

fn dropping_an_executor_in_a_panic_cancels(setting: &Setting) {
    let begin = Instant::now();
    let workers = setting.workers;
    let setting = *setting;
    let (give, futures) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let executor = setting.executor();
        executor.bootup(true).expect("the pool starts");
        let submitted: Vec<_> = (0..100 * workers).map(|_| executor.submit(sleep::ID, 1000)).collect();
        give.send(submitted).expect("the test waits");
        panic!("this panic is part of a test");
    });
    assert!(thread.join().is_err());
    assert!(begin.elapsed() < LONG, "what was queued is cancelled");
    assert_eq!(setting.executor().submit(square::ID, 2).result_timeout(LONG).expect("others work"), 4);
    // What has begun goes on, on workers that the next test may share.
    let futures = futures.recv().expect("they are given before the panic");
    assert!(futures.iter().filter(|future| future.result_timeout(LONG).is_err()).all(Future::cancelled));
    assert!(futures.iter().any(Future::cancelled));
}

fn futures_outlive_their_executor(setting: &Setting) {
    let future = setting.executor().submit(square::ID, 12);
    assert!(future.done());
    assert_eq!(future.result().expect("it succeeds"), 144);
    assert!(!future.cancel());
}

fn executors_work_side_by_side(setting: &Setting) {
    let executors: Vec<_> = (0..3).map(|_| setting.executor()).collect();
    let futures: Vec<_> = (0..60).map(|n| executors[n % 3].submit(square::ID, n as i64)).collect();
    executors[1].shutdown(true, false);
    for (n, future) in (0..).zip(futures) {
        assert_eq!(future.result_timeout(LONG).expect("it succeeds"), n * n);
    }
    assert!(executors[1].submit(square::ID, 1).result().expect_err("it is shut down").is_shutdown());
    assert_eq!(executors[2].submit(square::ID, 1).result_timeout(LONG).expect("it works"), 1);
}

fn executors_may_follow_one_another(setting: &Setting) {
    for n in 0..5 {
        let executor = setting.executor();
        assert_eq!(executor.submit(square::ID, n).result_timeout(LONG).expect("it succeeds"), n * n);
    }
}

fn executors_may_be_nested(setting: &Setting) {
    let outer = setting.executor();
    let mut results = outer.map(square::ID, 0..10).buffersize(2).into_iter();
    for round in 0..2 {
        let inner = setting.executor();
        let future = inner.submit(sleep::ID, 20);
        for (square, n) in results.by_ref().take(5).zip(round * 5..) {
            let again = inner.submit(square::ID, square.expect("it succeeds")).result_timeout(LONG);
            assert_eq!(again.expect("it succeeds"), n * n * n * n);
        }
        drop(inner);
        assert!(future.done());
    }
    assert!(results.next().is_none());
}

fn several_threads_may_use_executors_of_their_own(setting: &Setting) {
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || {
                let executor = setting.executor();
                let futures: Vec<_> = (0..100).map(|n| executor.submit(square::ID, n * 10 + thread)).collect();
                let sum: i64 = executor.map(square::ID, 0..100).chunksize(7).into_iter().filter_map(Result::ok).sum();
                assert_eq!(sum, 328_350);
                for (n, future) in (0..).zip(futures) {
                    let square = future.result_timeout(LONG).expect("it succeeds");
                    assert_eq!(square, (n * 10 + thread) * (n * 10 + thread));
                }
            });
        }
    });
}

/// Where they share a pool they take turns.
fn many_tasks_of_one_executor_do_not_delay_another(setting: &Setting) {
    let (greedy, modest) = (setting.executor(), setting.executor());
    greedy.bootup(true).expect("the pool starts");
    modest.bootup(true).expect("the pool starts");
    let many: Vec<_> = (0..100_000).map(|_| greedy.submit(sleep::ID, 1)).collect();
    for (n, future) in (0..10).map(|n| (n, modest.submit(square_after::ID, (1, n)))).collect::<Vec<_>>() {
        assert_eq!(future.result_timeout(LONG).expect("it has its turn"), n * n);
    }
    let done = many.iter().filter(|future| future.done()).count();
    greedy.shutdown(true, true);
    assert!(done < 10_000, "{done} of the others came before the ten");
}
