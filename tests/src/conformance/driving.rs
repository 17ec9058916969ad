//! Whoever waits drives the pool: nobody is forgotten, however threads, awaiters and callbacks are mixed.

use super::futures::wait_until;
use super::gate::{Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Executor, Future, ReturnWhen, as_completed, wait};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

promises![
    threads_may_wait_in_every_way_at_once,
    threads_may_wait_for_the_same_future,
    waiting_threads_do_not_keep_awaiters_and_callbacks_waiting,
    a_waker_may_itself_wait,
    a_wait_with_a_limit_leaves_the_others_waiting,
    tasks_go_on_while_nobody_waits,
    a_dropped_executor_waits_for_what_others_wait_for,
];

fn threads_may_wait_in_every_way_at_once(setting: &Setting) {
    let executor = setting.executor();
    let executor: &Executor = &executor;
    thread::scope(|scope| {
        for kind in 0..6 {
            scope.spawn(move || {
                for n in 0..100 {
                    wait_in_one_way(executor, kind, n);
                }
            });
        }
    });
}

fn wait_in_one_way(executor: &Executor, kind: usize, n: i64) {
    let submit = |n| executor.submit(square::ID, n);
    match kind {
        0 => assert_eq!(submit(n).result().expect("it is computed"), n * n),
        1 => assert_eq!(submit(n).result_timeout(LONG).expect("it is computed"), n * n),
        2 => {
            let sum: i64 = as_completed([n, 1, 2].map(submit)).map(|future| future.result().unwrap_or(0)).sum();
            assert_eq!(sum, n * n + 5);
        }
        3 => {
            let futures = [n, 3].map(submit);
            assert!(!wait(&futures, ReturnWhen::FirstCompleted, Some(LONG)).done.is_empty());
        }
        4 => assert_eq!(executor.map(square::ID, 0..20).chunksize(3).into_iter().flatten().sum::<i64>(), 2470),
        _ => assert_eq!(executor.map(square::ID, 0..20).unordered().into_iter().flatten().sum::<i64>(), 2470),
    }
}

fn threads_may_wait_for_the_same_future(setting: &Setting) {
    let executor = setting.executor();
    for _ in 0..20 {
        let future = executor.submit(square_after::ID, (5, 3));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(future.result().expect("it is computed"), 9));
            }
        });
    }
}

/// Calls the thread that awaits.
struct Call(thread::Thread);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Call(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

fn waiting_threads_do_not_keep_awaiters_and_callbacks_waiting(setting: &Setting) {
    let executor = setting.executor();
    let executor: &Executor = &executor;
    let called = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..100).for_each(|n| wait_in_one_way(executor, 0, n)));
            scope.spawn(|| {
                for n in 0..100 {
                    assert_eq!(block_on(executor.submit(square::ID, n)).expect("it is computed"), n * n);
                }
            });
            scope.spawn(|| {
                for n in 0..100 {
                    let (sender, receiver) = mpsc::channel();
                    executor.submit(square::ID, n).add_done_callback(move |future| drop(sender.send(future.result())));
                    let result = receiver.recv_timeout(LONG).expect("the callback is called");
                    assert_eq!(result.expect("it is computed"), n * n);
                    called.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(called.into_inner(), 200);
}

/// Waits, when it is called, for another future.
struct Waiting {
    other: Mutex<Option<Future<i64>>>,
    done: mpsc::Sender<i64>,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        if let Some(other) = self.other.lock().expect("nobody panics").take() {
            let _ = self.done.send(other.result().expect("it is computed"));
        }
    }
}

fn a_waker_may_itself_wait(setting: &Setting) {
    let executor = setting.executor();
    for drive in [true, false] {
        let (first, second) = (executor.submit(square_after::ID, (10, 2)), executor.submit(square_after::ID, (20, 3)));
        let (done, other) = mpsc::channel();
        let waker = Waker::from(Arc::new(Waiting { other: Mutex::new(Some(second)), done }));
        let mut first = pin!(first);
        if first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            if drive {
                assert_eq!(first.result().expect("it is computed"), 4);
            }
            assert_eq!(other.recv_timeout(LONG), Ok(9));
        }
    }
}

fn a_wait_with_a_limit_leaves_the_others_waiting(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let future = executor.submit(pass::ID, (gate.path(), 200));
    let (sender, disappointed) = mpsc::channel();
    thread::scope(|scope| {
        for millis in [1, 7, 20] {
            let future = future.clone();
            let sender = sender.clone();
            scope.spawn(move || {
                let mut tries = 0;
                while let Err(error) = future.result_timeout(Duration::from_millis(millis)) {
                    assert!(error.is_timeout(), "{error}");
                    tries += 1;
                    // The gate is opened when each has been disappointed.
                    if tries == 3 {
                        sender.send(()).expect("the test waits");
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(future.result().expect("it goes on"), 200));
        }
        for _ in 0..3 {
            disappointed.recv_timeout(LONG).expect("its limit has ended three times");
        }
        gate.open();
    });
}

fn tasks_go_on_while_nobody_waits(setting: &Setting) {
    let executor = setting.executor();
    executor.bootup(true).expect("the pool starts");
    let futures: Vec<_> = (0..500).map(|n| executor.submit(square::ID, n)).collect();
    wait_until(|| futures.iter().all(Future::done));
    assert_eq!(futures[499].result().expect("it is computed"), 499 * 499);
}

fn a_dropped_executor_waits_for_what_others_wait_for(setting: &Setting) {
    for _ in 0..5 {
        let executor = setting.executor();
        let futures: Vec<_> = (0..4).map(|n| executor.submit(square_after::ID, (20, n))).collect();
        thread::scope(|scope| {
            for (n, future) in (0..).zip(&futures) {
                scope.spawn(move || assert_eq!(future.result().expect("it is computed"), n * n));
            }
            drop(executor);
        });
    }
}
