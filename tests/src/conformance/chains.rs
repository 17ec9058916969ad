//! Chains and loops of derived futures, however long: the stack that they need, what they keep, who may wait in them.

use super::futures::{block_on, wait_until};
use super::gate::Busy;
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Future, ReturnWhen, as_completed, collect, wait};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

promises![
    long_chains_are_harmless,
    loops_of_done_futures_need_no_deep_stack,
    a_deep_hook_may_wait_for_a_deeper_one,
    nothing_is_kept_when_a_derived_future_is_done,
    nothing_of_a_cancelled_future_is_kept_by_what_it_was_derived_from,
    callbacks_may_wait_for_derived_futures,
    a_callback_may_drop_the_executor_while_another_waits,
];

fn long_chains_are_harmless(setting: &Setting) {
    const LENGTH: u64 = 20_000;
    let executor = setting.executor();
    let chain = |source: Future<u64>| (0..LENGTH).fold(source, |future, _| future.then(|n| Ok(n + 1)));
    assert_eq!(chain(executor.submit(sleep::ID, 50)).result_timeout(LONG).expect("all succeed"), LENGTH + 50);
    let caught = (0..LENGTH).fold(executor.submit(sleep::ID, 50), |future, _| future.catch(|_| Ok(0)));
    assert_eq!(caught.result_timeout(LONG).expect("all succeed"), 50);
    let _busy = Busy::all(&executor);
    let source = executor.submit(sleep::ID, 10_000);
    assert!(chain(source.clone()).cancel() && source.cancelled());
    let source = executor.submit(sleep::ID, 10_000);
    let last = chain(source.clone());
    assert!(source.cancel() && last.cancelled());
}

/// Steps of a loop that are nothing but hooks on futures that are done.
const STEPS: u64 = 100_000;

/// Calls on threads whose stack is small, as those of a program may be.
fn on_a_small_stack(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, work).expect("there are threads");
        thread.join().expect("it succeeds");
    });
}

fn loops_of_done_futures_need_no_deep_stack(setting: &Setting) {
    fn count(left: u64, future: &Future<u64>) -> Future<u64> {
        future.then(move |n| match left {
            0 => Future::from(Ok(n)),
            _ => count(left - 1, &Future::from(Ok(n + 1))),
        })
    }
    fn fail(left: u64, future: &Future<u64>) -> Future<u64> {
        future.catch(move |error| match left {
            0 => Future::from(Ok(7)),
            _ => fail(left - 1, &Future::from(Err(error))),
        })
    }
    fn gather(left: u64, future: Future<u64>) -> Future<u64> {
        collect([future]).then(move |values| match left {
            0 => Future::from(Ok(values[0])),
            _ => gather(left - 1, Future::from(Ok(values[0] + 1))),
        })
    }
    fn call_back(left: u64, future: &Future<u64>, sender: mpsc::Sender<u64>) {
        let same = future.clone();
        future.add_done_callback(move |future| match left {
            0 => sender.send(future.result().expect("it is done")).expect("the test waits"),
            _ => call_back(left - 1, &same, sender),
        });
    }
    let executor = setting.executor();
    let done = executor.submit(power::ID, (3, 1));
    assert_eq!(done.result_timeout(LONG).expect("it succeeds"), 3);
    on_a_small_stack(|| {
        for source in [executor.submit(sleep::ID, 3), done.clone(), Future::from(Ok(3))] {
            assert_eq!(count(STEPS, &source).result_timeout(LONG).expect("all succeed"), STEPS + 3);
            assert_eq!(gather(STEPS, source.clone()).result_timeout(LONG).expect("all succeed"), STEPS + 3);
            let (sender, receiver) = mpsc::channel();
            call_back(STEPS / 10, &source, sender);
            assert_eq!(receiver.recv_timeout(LONG), Ok(3));
        }
        let failed = Future::from(Err(Error::other("at first")));
        assert_eq!(fail(STEPS, &failed).result_timeout(LONG).expect("the last one succeeds"), 7);
        assert!(failed.then(|n| Ok(n + 1)).result().is_err());
        // One that ends by a panic, and one that ends where it began.
        fn panics(left: u64) -> Future<u64> {
            Future::from(Ok(left)).then(move |n| if n == 0 { panic!("at the end") } else { panics(n - 1) })
        }
        let error = panics(1000).result_timeout(LONG).expect_err("the last one panics");
        assert!(error.is_panic() && error.message() == "at the end", "{error}");
    });
    // Callbacks that cancel futures whose callbacks cancel futures.
    let _busy = Busy::all(&executor);
    let futures: Vec<_> = (0..10_000).map(|_| executor.submit(sleep::ID, 10_000)).collect();
    for (future, next) in futures.iter().zip(&futures[1..]) {
        let next = next.clone();
        future.add_done_callback(move |_| assert!(next.cancel()));
    }
    on_a_small_stack(|| assert!(futures[0].cancel()));
    wait_until(|| futures.iter().all(Future::cancelled));
}

fn a_deep_hook_may_wait_for_a_deeper_one(setting: &Setting) {
    /// Each hook waits in some way for what the next one makes.
    fn deeper(left: u64) -> u64 {
        let next = || Future::from(Ok(left)).then(|left| Ok(deeper(left - 1) + 1));
        match left {
            0 => 0,
            _ if left.is_multiple_of(2) => next().result_timeout(LONG).expect("it succeeds"),
            _ => block_on(next()).expect("it succeeds"),
        }
    }
    /// Each callback waits for the next one, by no means that the library knows of.
    fn deeper_callback(left: u64) -> u64 {
        let (sender, receiver) = mpsc::channel();
        Future::from(Ok(left)).add_done_callback(move |_| {
            sender.send(if left == 0 { 0 } else { deeper_callback(left - 1) + 1 }).expect("the other one waits");
        });
        receiver.recv_timeout(LONG).expect("it is called")
    }
    /// Each step of a loop uses a callback.
    fn count(left: u64) -> Future<u64> {
        Future::from(Ok(deeper_callback(2)))
            .then(move |n| if left == 0 { Future::from(Ok(n)) } else { count(left - 1) })
    }
    assert_eq!((deeper(100), deeper_callback(100)), (100, 100));
    assert_eq!(count(100).result_timeout(LONG).expect("it succeeds"), 2);
    let executor = setting.executor();
    let source = executor.submit(sleep::ID, 1);
    let results = source.then(|_| Ok((deeper(100), deeper_callback(100))));
    assert_eq!(results.result_timeout(LONG).expect("it succeeds"), (100, 100));
    assert_eq!(source.then(|_| count(100)).result_timeout(LONG).expect("it succeeds"), 2);
}

fn nothing_of_a_cancelled_future_is_kept_by_what_it_was_derived_from(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let kept = Arc::new(());
    for _ in 0..100 {
        let kept = Arc::clone(&kept);
        let derived = busy[0].then(move |n| Ok((n, Arc::clone(&kept))));
        assert!(collect([&derived]).cancel() && derived.cancelled());
    }
    assert_eq!(Arc::strong_count(&kept), 1, "its hook goes with it");
    for _ in 0..100 {
        let value = Future::from(Ok(Some(Arc::clone(&kept))));
        let runs = busy[0].then(|_| Ok(None));
        let failed = collect([value, runs, Future::from(Err(Error::other("at once")))]);
        assert_eq!(failed.result().expect_err("one has failed").message(), "at once");
    }
    assert_eq!(Arc::strong_count(&kept), 1, "a collection that has failed keeps nothing");
    busy.release();
    assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()));
}

fn nothing_is_kept_when_a_derived_future_is_done(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let kept = Arc::new(());
    let source = executor.submit(sleep::ID, 1);
    let cancelled = executor.submit(sleep::ID, 1);
    for future in [&source, &cancelled] {
        let [first, second, third] = [(); 3].map(|()| Arc::clone(&kept));
        let derived = future.compose(move |n| Ok((n, first.clone())), move |_| Ok((0, second.clone())));
        let derived = collect([derived.clone(), derived]).then(move |pairs| Ok((pairs.len(), third.clone())));
        drop(derived);
    }
    assert!(cancelled.cancel());
    busy.release();
    executor.shutdown(true, false);
    wait_until(|| Arc::strong_count(&kept) == 1);
}

fn callbacks_may_wait_for_derived_futures(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let source = executor.submit(sleep::ID, 10);
    let (sender, results) = mpsc::channel();
    let derived: Arc<Mutex<Option<Future<u64>>>> = Arc::default();
    for way in 0..3 {
        let (sender, derived) = (sender.clone(), Arc::clone(&derived));
        source.add_done_callback(move |_| {
            let future = derived.lock().expect("nobody panics").clone().expect("it is set");
            let _ = sender.send(match way {
                0 => future.result_timeout(LONG).ok(),
                1 => as_completed([future]).timeout(LONG).next().and_then(|future| future.ok()?.result().ok()),
                _ => {
                    wait([&future], ReturnWhen::AllCompleted, Some(LONG)).done.pop().and_then(|done| done.result().ok())
                }
            });
        });
    }
    // Its hook stands behind the callbacks that wait for it.
    *derived.lock().expect("nobody panics") = Some(source.then(|n| Ok(n + 1)));
    busy.release();
    for _ in 0..3 {
        assert_eq!(results.recv_timeout(LONG), Ok(Some(11)));
    }
}

fn a_callback_may_drop_the_executor_while_another_waits(setting: &Setting) {
    let executor = setting.executor();
    let source = executor.submit(sleep::ID, 10);
    let (sender, events) = mpsc::channel();
    let (give, derived) = mpsc::channel::<Future<u64>>();
    let waited = sender.clone();
    source.add_done_callback(move |_| {
        let future = derived.recv_timeout(LONG).expect("it is made");
        let _ = waited.send(future.result_timeout(LONG).ok());
    });
    source.add_done_callback(move |_| {
        drop(executor);
        let _ = sender.send(None);
    });
    // Its hook stands behind both.
    give.send(source.then(|n| Ok(n + 1))).expect("the first callback waits");
    let mut both = [events.recv_timeout(LONG).ok(), events.recv_timeout(LONG).ok()];
    both.sort();
    assert_eq!(both, [Some(None), Some(Some(11))]);
}
