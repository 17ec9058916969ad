//! Queues that are longer than the pool: what waits in them, and what becomes of it at the end.

use super::errors::assert_works;
use super::futures::wait_until;
use super::gate::{Busy, Gate, pass, report_and_pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Future, ReturnWhen, wait};
use std::thread;

promises![
    a_pool_does_not_grow_with_its_queue,
    tasks_that_stop_until_they_are_seen_all_have_their_turn,
    a_long_queue_can_be_cancelled,
    shutdown_finishes_a_long_queue,
    a_later_shutdown_may_cancel,
    a_shutdown_that_cancels_ends_the_wait_for_what_was_queued,
    shutdowns_of_every_kind_may_follow_one_another,
    nothing_is_booted_after_a_shutdown,
    no_call_holds_up_a_shutdown,
];

fn a_pool_does_not_grow_with_its_queue(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let mut futures = gate.occupy(&executor);
    futures.extend((0..14 * setting.workers).map(|_| executor.submit(pass::ID, (gate.path(), 0))));
    assert_eq!(executor.num_workers().expect("the pool is there"), setting.workers);
    assert!(!futures.iter().any(Future::done));
    gate.open();
    assert!(wait(&futures, ReturnWhen::AllCompleted, Some(LONG)).not_done.is_empty());
    assert!(futures.iter().all(|future| future.result().is_ok()));
    assert_eq!(executor.num_workers().expect("the pool is there"), setting.workers);
}

fn tasks_that_stop_until_they_are_seen_all_have_their_turn(setting: &Setting) {
    let executor = setting.executor();
    let gates: Vec<(Gate, Gate)> = (0..10).map(|_| (Gate::new(), Gate::new())).collect();
    let submit = |n: usize| executor.submit(report_and_pass::ID, (gates[n].0.path(), gates[n].1.path(), n as u64));
    let futures: Vec<_> = (0..gates.len()).map(submit).collect();
    wait_until(|| {
        gates.iter().filter(|(report, _)| report.is_open()).for_each(|(_, gate)| gate.open());
        futures.iter().all(Future::done)
    });
    let values: Result<Vec<u64>, _> = futures.iter().map(Future::result).collect();
    assert_eq!(values.expect("all succeed"), (0..10).collect::<Vec<_>>());
}

fn a_long_queue_can_be_cancelled(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let queued: Vec<_> = (0..100 * setting.workers).map(|_| executor.submit(sleep::ID, 100)).collect();
    let last = executor.submit(sleep::ID, 0);
    assert!(last.cancel() && last.cancelled());
    assert!(queued.iter().all(|future| !future.done()), "it alone is cancelled");
    assert!(queued.iter().all(Future::cancel) && queued.iter().all(Future::cancelled));
    busy.release();
    assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()));
    assert_works(&executor);
}

fn shutdown_finishes_a_long_queue(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..50).map(|_| executor.submit(sleep::ID, 1)).collect();
    executor.shutdown(true, false);
    assert!(futures.iter().all(Future::done));
    assert!(futures.iter().all(|future| future.result().is_ok()));
}

fn a_later_shutdown_may_cancel(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let queued: Vec<_> = (0..10 * setting.workers).map(|_| executor.submit(sleep::ID, 100)).collect();
    executor.shutdown(false, false);
    assert!(queued.iter().all(|future| !future.done()), "the first does not cancel");
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| queued.iter().all(Future::cancelled));
            busy.release();
        });
        executor.shutdown(true, true);
    });
    assert!(queued.iter().all(Future::cancelled));
    assert!(busy.iter().all(|future| future.result().is_ok()), "what runs goes on");
}

fn a_shutdown_that_cancels_ends_the_wait_for_what_was_queued(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let queued: Vec<_> = (0..100 * setting.workers).map(|_| executor.submit(sleep::ID, 100)).collect();
    executor.shutdown(false, true);
    assert!(wait(&queued, ReturnWhen::AllCompleted, Some(LONG)).not_done.is_empty());
    assert!(queued.iter().all(Future::cancelled) && !busy.iter().any(Future::done));
    busy.release();
    assert!(wait(busy.iter(), ReturnWhen::AllCompleted, Some(LONG)).not_done.is_empty());
    assert!(busy.iter().all(|future| future.result().is_ok()), "what runs goes on");
    executor.shutdown(true, true);
}

fn shutdowns_of_every_kind_may_follow_one_another(setting: &Setting) {
    for boot in [false, true] {
        let executor = setting.executor();
        if boot {
            executor.bootup(true).expect("the pool starts");
        }
        for (wait, cancel) in [(false, false), (false, true), (true, true), (true, false)] {
            executor.shutdown(wait, cancel);
            executor.shutdown(wait, cancel);
        }
        assert!(executor.submit(square::ID, 1).result_timeout(LONG).expect_err("it is shut down").is_shutdown());
    }
}

fn nothing_is_booted_after_a_shutdown(setting: &Setting) {
    for (boots, wait) in [([false, false], false), ([true, true], true), ([false, true], true)] {
        let executor = setting.executor();
        boots.iter().for_each(|wait| executor.bootup(*wait).expect("the pool starts"));
        executor.shutdown(wait, false);
        for wait in [false, true] {
            assert!(executor.bootup(wait).expect_err("it is shut down").is_shutdown());
        }
        assert!(executor.num_workers().expect_err("it is shut down").is_shutdown());
        executor.shutdown(true, false);
    }
}

fn no_call_holds_up_a_shutdown(setting: &Setting) {
    for wait in [false, true] {
        let executor = setting.executor();
        executor.bootup(true).expect("the pool starts");
        let good = executor.submit(wait_then_give::ID, (2, 1));
        let fails = executor.submit(panic_at::ID, (3, 3));
        let queued = executor.submit(wait_then_give::ID, (2, 2));
        let stays = executor.submit(take_touchy::ID, Touchy { encodes: false, ..PLACID });
        let cancelled = executor.submit(square::ID, 4);
        let was_cancelled = cancelled.cancel();
        executor.shutdown(wait, false);
        assert!(stays.result_timeout(LONG).expect_err("it cannot be encoded").is_codec());
        drop(executor);
        assert_eq!((good.result().ok(), queued.result().ok()), (Some(1), Some(2)));
        assert!(fails.result().expect_err("it panics").is_panic());
        assert!(cancelled.cancelled() == was_cancelled && cancelled.done());
    }
}
