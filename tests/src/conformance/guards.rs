//! Futures that cancel their calls when they are dropped.

use super::futures::{block_on, wait_until};
use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{ReturnWhen, as_completed, wait};
use std::panic::{self, AssertUnwindSafe};

promises![
    a_dropped_guard_cancels_a_call_that_has_not_begun,
    a_dropped_guard_leaves_what_has_begun,
    a_guard_is_a_future_like_others,
    a_disarmed_guard_cancels_nothing,
    a_guard_of_a_derived_future_cancels_its_sources,
    a_guard_cancels_in_a_panic,
];

fn a_dropped_guard_cancels_a_call_that_has_not_begun(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let [future, awaited] = [3, 4].map(|n| executor.submit(square::ID, n));
    let guard = future.clone().cancel_on_drop();
    assert!(!guard.done() && !future.cancelled());
    drop(guard);
    assert!(future.cancelled() && future.result().expect_err("it was cancelled").is_cancelled());
    let mut guard = awaited.clone().cancel_on_drop();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(Future::poll(std::pin::Pin::new(&mut guard), &mut context).is_pending());
    drop(guard);
    assert!(awaited.cancelled(), "a runtime has dropped what awaited it");
    busy.release();
    assert_eq!(executor.submit(square::ID, 5).result_timeout(LONG).expect("the pool goes on"), 25);
}

fn a_dropped_guard_leaves_what_has_begun(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let running = executor.submit(pass::ID, (gate.path(), 8));
    wait_until(|| running.running());
    drop(running.clone().cancel_on_drop());
    gate.open();
    assert_eq!(running.result_timeout(LONG).expect("it goes on"), 8);
    drop(running.clone().cancel_on_drop());
    assert_eq!(running.result().expect("it keeps its result"), 8);
}

fn a_guard_is_a_future_like_others(setting: &Setting) {
    let executor = setting.executor();
    let guards: Vec<_> = (0..5).map(|n| executor.submit(square::ID, n).cancel_on_drop()).collect();
    assert_eq!(wait(&guards, ReturnWhen::AllCompleted, Some(LONG)).done.len(), 5);
    assert_eq!(as_completed(&guards).count(), 5);
    assert_eq!(guards[3].result_timeout(LONG).expect("it succeeds"), 9);
    let guard = executor.submit(sleep::ID, 30).cancel_on_drop();
    assert_eq!(block_on(guard).expect("it succeeds"), 30);
}

fn a_disarmed_guard_cancels_nothing(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let future = executor.submit(square::ID, 6).cancel_on_drop().disarm();
    assert!(!future.done());
    busy.release();
    assert_eq!(future.result_timeout(LONG).expect("it goes on"), 36);
}

fn a_guard_of_a_derived_future_cancels_its_sources(setting: &Setting) {
    let executor = setting.executor();
    let _busy = Busy::all(&executor);
    let source = executor.submit(square::ID, 6);
    let derived = source.then(|n| Ok(n + 1));
    drop(derived.cancel_on_drop());
    assert!(source.cancelled());
}

fn a_guard_cancels_in_a_panic(setting: &Setting) {
    let executor = setting.executor();
    let _busy = Busy::all(&executor);
    let future = executor.submit(square::ID, 6);
    future.add_done_callback(|_| panic!("this panic is part of a test"));
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let _guard = future.clone().cancel_on_drop();
        panic!("this panic is part of a test");
    }));
    assert!(panicked.is_err() && future.cancelled());
}
