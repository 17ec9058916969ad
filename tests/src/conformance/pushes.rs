//! Futures that join others while these are waited for.

use super::futures::wait_until;
use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Future, as_completed};
use std::sync::Arc;
use std::time::Duration;

promises![
    a_search_pushes_what_it_finds,
    a_future_is_pushed_once_while_it_waits,
    an_iterator_that_has_ended_goes_on_with_what_is_pushed,
    the_length_follows_what_is_pushed,
    a_push_does_not_move_the_time_out,
    futures_of_several_pools_can_be_pushed,
    a_long_search_keeps_nothing_of_what_it_has_yielded,
];

fn a_search_pushes_what_it_finds(setting: &Setting) {
    let executor = setting.executor();
    let mut search = as_completed([executor.submit(square::ID, 1)]);
    let (mut pushed, mut squares) = (1, Vec::new());
    while let Some(future) = search.next() {
        squares.push(future.result_timeout(Duration::ZERO).expect("it is done"));
        for _ in 0..2 {
            if pushed < 300 {
                pushed += 1;
                search.push(executor.submit(square::ID, pushed));
            }
        }
    }
    squares.sort_unstable();
    assert!(squares.into_iter().eq((1..=300).map(|n| n * n)));
}

fn a_future_is_pushed_once_while_it_waits(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let slow = executor.submit(pass::ID, (gate.path(), 1));
    let mut futures = as_completed([&slow, &slow]);
    for _ in 0..3 {
        futures.push(&slow);
        futures.push(slow.clone());
    }
    assert_eq!(futures.len(), 1);
    gate.open();
    assert!(futures.next().is_some_and(|future| future == slow) && futures.next().is_none());
    for _ in 0..3 {
        futures.push(&slow);
        futures.push(&slow);
        assert!(futures.next().is_some_and(|future| future == slow), "it was yielded, and may come again");
        assert!(futures.next().is_none());
    }
}

fn an_iterator_that_has_ended_goes_on_with_what_is_pushed(setting: &Setting) {
    let executor = setting.executor();
    let mut futures = as_completed(Vec::<Future<i64>>::new());
    for n in 0..20 {
        assert!(futures.next().is_none() && futures.next().is_none());
        let future = executor.submit(square::ID, n);
        if n % 2 == 0 {
            future.result_timeout(LONG).expect("it succeeds");
        }
        futures.push(&future);
        assert_eq!(futures.next(), Some(future));
    }
    let cancelled = {
        let _busy = Busy::all(&executor);
        let cancelled = executor.submit(square::ID, 1);
        futures.push(&cancelled);
        assert!(cancelled.cancel());
        cancelled
    };
    assert_eq!(futures.next(), Some(cancelled));
}

fn the_length_follows_what_is_pushed(setting: &Setting) {
    let executor = setting.executor();
    let mut futures = as_completed((0..3).map(|n| executor.submit(square::ID, n)));
    assert_eq!((futures.len(), futures.size_hint()), (3, (3, Some(3))));
    assert!(futures.next().is_some());
    futures.push(executor.submit(square::ID, 3));
    futures.push(executor.submit(square::ID, 4));
    assert_eq!((futures.len(), format!("{futures:?}")), (4, "AsCompleted(4 of 5 to come)".to_owned()));
    let mut futures = futures.timeout(LONG);
    assert_eq!(futures.size_hint(), (1, Some(4)), "time may be up before the second");
    futures.push(executor.submit(square::ID, 5));
    assert_eq!(futures.size_hint(), (1, Some(5)));
    assert_eq!(futures.by_ref().filter(Result::is_ok).count(), 5);
    assert_eq!(futures.size_hint(), (0, Some(0)));
}

fn a_push_does_not_move_the_time_out(setting: &Setting) {
    let executor = setting.executor();
    let done = executor.submit(square::ID, 2);
    done.result_timeout(LONG).expect("it succeeds");
    let gate = Gate::new();
    let slow = executor.submit(pass::ID, (gate.path(), 1)).then(|n| Ok(n.cast_signed()));
    let mut futures = as_completed([&slow]).timeout(Duration::from_millis(30));
    std::thread::sleep(Duration::from_millis(40));
    futures.push(&done);
    assert!(matches!(futures.next(), Some(Ok(future)) if future == done), "what is done is yielded");
    for _ in 0..3 {
        let error = futures.next().expect("there is an error").expect_err("it stands at the gate");
        assert!(error.is_timeout(), "{error}");
        assert!(futures.next().is_none(), "the error ends the iteration");
        futures.push(&slow);
        futures.push(&done);
        assert!(matches!(futures.next(), Some(Ok(future)) if future == done));
    }
    gate.open();
    wait_until(|| slow.done());
    assert!(matches!(futures.next(), Some(Ok(future)) if future == slow));
    assert!(futures.next().is_none());
}

fn futures_of_several_pools_can_be_pushed(setting: &Setting) {
    let executor = setting.executor();
    let threads = futures_mpi::ThreadPoolExecutor::builder().max_workers(1).build().expect("there are threads");
    let others: [&futures_mpi::Executor; 2] = [&executor, &threads];
    for turns in 1..4 {
        // The first are of one pool; then both take turns, and the pushing thread drives neither.
        let mut futures = as_completed((0..4).map(|n| executor.submit(sleep::ID, n)));
        for n in 0..turns * 10 {
            futures.push(others[n % 2].submit(sleep::ID, (n % 3) as u64));
            if n % 4 == 3 {
                assert!(futures.next().expect("some are left").result_timeout(Duration::ZERO).is_ok());
            }
        }
        futures.push(Future::from(Ok(7)));
        let left = 4 + turns * 10 - turns * 10 / 4 + 1;
        assert_eq!(futures.filter(|future| future.result_timeout(Duration::ZERO).is_ok()).count(), left);
    }
}

fn a_long_search_keeps_nothing_of_what_it_has_yielded(setting: &Setting) {
    let executor = setting.executor();
    let kept = Arc::new(());
    let give = |n| {
        let kept = Arc::clone(&kept);
        executor.submit(square::ID, n).then(move |_| Ok(kept))
    };
    let mut futures = as_completed((0..5).map(give));
    for n in 0..200 {
        assert!(futures.next().expect("five are left").result_timeout(LONG).is_ok());
        futures.push(give(n));
        wait_until(|| Arc::strong_count(&kept) <= 6);
    }
    drop(futures);
    wait_until(|| Arc::strong_count(&kept) == 1);
}
