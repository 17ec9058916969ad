//! Futures that are derived from others: composed, chained, caught, collected.

use super::futures::{block_on, wait_until};
use super::gate::{self, Busy, Gate};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Future, ReturnWhen, as_completed, catch, collect, compose, then, wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

promises![
    a_composed_future_is_what_a_hook_makes_of_the_outcome,
    a_hook_is_called_once_or_not_at_all,
    a_hook_that_panics_harms_nobody,
    a_chained_future_becomes_what_its_hook_returns,
    a_failure_handler_handles_what_it_should,
    caught_errors_are_replaced_and_values_kept,
    cancellation_goes_both_ways,
    a_future_cannot_wait_for_itself,
    collected_results_keep_their_order,
    a_collection_fails_with_the_first_failure,
    a_collection_is_cancelled_with_its_futures,
    derived_futures_are_futures,
    derived_futures_outlive_their_executor,
];

fn a_composed_future_is_what_a_hook_makes_of_the_outcome(setting: &Setting) {
    let executor = setting.executor();
    let good = || executor.submit(at_most_ten::ID, 7);
    let bad = || executor.submit(at_most_ten::ID, 11);
    let double = |n: u64| Ok(n * 2);
    assert_eq!(compose(&good(), double, Err).result_timeout(LONG).expect("it succeeds"), 14);
    assert_eq!(good().compose(Ok, |_| Ok(0)).result_timeout(LONG).expect("it succeeds"), 7);
    assert_eq!(bad().compose(Ok, |_| Ok(0)).result_timeout(LONG).expect("the error is replaced"), 0);
    let error = compose(&bad(), double, Err).result_timeout(LONG).expect_err("the error is kept");
    assert!(error.is_task_error() && error.downcast::<Refusal>().is_some(), "{error:?}");
    // The hook for errors is not for those of the other hook.
    let error = good().compose(|_| Err::<u64, _>(Error::other("no")), |_| Ok(0)).result_timeout(LONG);
    let error = error.expect_err("the hook fails");
    assert!(error.is_other() && error.message() == "no" && error.worker().is_none(), "{error:?}");
    let error = good().compose(|_| Err::<u64, _>("a text".into()), Err).result_timeout(LONG).expect_err("it fails");
    assert!(error.is_other() && error.message() == "a text", "{error:?}");
    // Values of any type, again and again.
    let done = good();
    done.result_timeout(LONG).expect("it succeeds");
    let text = done.compose(|n| Ok(vec![n.to_string(); 2]), Err);
    assert_eq!((text.result().ok(), text.clone().result().ok()), (Some(vec!["7".to_owned(); 2]), text.result().ok()));
}

fn a_hook_is_called_once_or_not_at_all(setting: &Setting) {
    let executor = setting.executor();
    let calls = Arc::new(AtomicUsize::new(0));
    let count = |future: &Future<u64>| {
        let (first, second) = (Arc::clone(&calls), Arc::clone(&calls));
        let call = move |calls: &AtomicUsize, by: usize| calls.fetch_add(by, Ordering::SeqCst);
        future.compose(move |_| Ok(call(&first, 1)), move |_| Ok(call(&second, 100)))
    };
    let busy = Busy::all(&executor);
    let pending = executor.submit(sleep::ID, 1);
    let derived = [count(&pending), count(&pending), count(&busy[0])];
    busy.release();
    assert!(derived.iter().all(|future| future.result_timeout(LONG).is_ok()));
    let at_once = count(&pending);
    assert!(at_once.done(), "a hook on a future that is done is called at once");
    assert_eq!(at_once.result().expect("it succeeds"), 3);
    let busy = Busy::all(&executor);
    let cancelled = executor.submit(sleep::ID, 1);
    let never = [count(&cancelled), count(&cancelled)];
    assert!(cancelled.cancel() && never.iter().all(Future::cancelled));
    assert!(count(&cancelled).cancelled());
    busy.release();
    executor.shutdown(true, false);
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

fn a_hook_that_panics_harms_nobody(setting: &Setting) {
    let executor = setting.executor();
    let source = executor.submit(sleep::ID, 20);
    let panics = source.compose(|n| if n > 0 { panic!("no hook for {n}") } else { Ok(n) }, Err);
    let beside = source.then(|n| Ok(n + 1));
    let after = panics.catch(|error| Ok(error.message().len() as u64));
    let error = panics.result_timeout(LONG).expect_err("its hook panics");
    assert!(error.is_panic() && error.message() == "no hook for 20", "{error}");
    assert!(error.location().is_some_and(|place| place.contains("derived.rs:")), "{error}");
    assert_eq!((beside.result_timeout(LONG).ok(), after.result_timeout(LONG).ok()), (Some(21), Some(14)));
    let at_once = source.then(|_| -> Result<(), Error> { panic!("again") });
    assert!(at_once.result().expect_err("its hook panics").is_panic());
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
}

fn a_chained_future_becomes_what_its_hook_returns(setting: &Setting) {
    let executors = Arc::new([setting.executor(), setting.executor()]);
    let second = Arc::clone(&executors);
    let fourth_power = executors[0].submit(square::ID, 3).then(move |n| second[1].submit(square::ID, n));
    assert_eq!(fourth_power.result_timeout(LONG).expect("both succeed"), 81);
    let text = fourth_power.then(|n| Ok(n + 1)).then(|n| Ok(format!("{n}")));
    assert_eq!(text.result_timeout(LONG).expect("all succeed"), "82");
    let second = Arc::clone(&executors);
    let fails = executors[0].submit(square::ID, 3).then(move |_| second[1].submit(at_most_ten::ID, 99));
    assert!(fails.result_timeout(LONG).expect_err("the inner one fails").is_task_error());
    let ready = executors[0].submit(square::ID, 3).then(|_| Future::from(Ok("ready")));
    assert_eq!(ready.result_timeout(LONG).expect("it is there already"), "ready");
    // Whoever waits for this drives the pool that it no longer depends on.
    let second = Arc::clone(&executors);
    let elsewhere = executors[0].submit(square::ID, 3).then(move |_| second[1].submit(sleep::ID, 60));
    assert_eq!(elsewhere.result_timeout(LONG).expect("both succeed"), 60);
    // A source that has no pool.
    let second = Arc::clone(&executors);
    let slow = Future::from(Ok(30)).then(move |millis| second[1].submit(sleep::ID, millis));
    let all = collect([&Future::from(Ok(0)), &executors[0].submit(sleep::ID, 60), &slow]);
    assert_eq!(all.result_timeout(LONG).expect("all succeed"), [0, 60, 30]);
    assert_eq!(slow.then(|n| Ok(n + 1)).result_timeout(LONG).expect("it succeeds"), 31);
    // A step that decides whether there is another one.
    fn halve_until_odd(executors: Arc<[super::AnyExecutor; 2]>, n: u64) -> Future<u64> {
        executors[n as usize % 2].submit(power::ID, (n, 1)).then(move |n| {
            if n % 2 == 0 { halve_until_odd(Arc::clone(&executors), n / 2) } else { Future::from(Ok(n)) }
        })
    }
    assert_eq!(halve_until_odd(Arc::clone(&executors), 7 << 20).result_timeout(LONG).expect("all succeed"), 7);
}

fn a_failure_handler_handles_what_it_should(setting: &Setting) {
    let executor = setting.executor();
    let handle = |error: Error| Ok(error.message().to_owned());
    let good = executor.submit(square::ID, 2);
    let bad = executor.submit(panic_at::ID, (1, 1));
    let text = |n: i64| Ok(n.to_string());
    assert_eq!(then(&good, text, handle).result_timeout(LONG).expect("it succeeds"), "4");
    let handled = then(&bad, |n| Ok(n.to_string()), handle);
    assert_eq!(handled.result_timeout(LONG).expect("it is handled"), "1 is bad");
    let handled = then(&good, |_| Err::<String, _>(Error::other("late")), handle);
    assert_eq!(handled.result_timeout(LONG).expect("the first hook's error is handled"), "late");
    let handled = then(&good, |_| -> Result<String, Error> { panic!("a panic") }, handle);
    assert_eq!(handled.result_timeout(LONG).expect("the first hook's panic is handled"), "a panic");
    let inner = bad.clone();
    let not_handled = then(&good, move |_| inner, |_| Ok(0));
    assert!(not_handled.result_timeout(LONG).expect_err("a future is not handled").is_panic());
    assert!(then(&bad, Ok, Err).result_timeout(LONG).expect_err("the error is passed on").is_panic());
    assert_eq!(then(&good, Ok, Err).result_timeout(LONG).expect("the value is passed on"), 4);
}

fn caught_errors_are_replaced_and_values_kept(setting: &Setting) {
    let executor = Arc::new(setting.executor());
    assert_eq!(executor.submit(at_most_ten::ID, 3).catch(|_| Ok(0)).result_timeout(LONG).expect("it succeeds"), 3);
    assert_eq!(executor.submit(at_most_ten::ID, 33).catch(|_| Ok(0)).result_timeout(LONG).expect("it is caught"), 0);
    let shared = Arc::clone(&executor);
    let again = catch(&executor.submit(at_most_ten::ID, 33), move |_| shared.submit(at_most_ten::ID, 8));
    assert_eq!(again.result_timeout(LONG).expect("the second attempt succeeds"), 8);
    let error = executor.submit(at_most_ten::ID, 33).catch(|error| Err(Error::other(error)));
    assert!(error.result_timeout(LONG).expect_err("it is not caught").is_task_error(), "it stays what it is");
}

fn cancellation_goes_both_ways(setting: &Setting) {
    let executor = Arc::new(setting.executor());
    let busy = Busy::all(&executor);
    // From the last to the first, and from there to the others.
    let source = executor.submit(sleep::ID, 1);
    let [first, beside] = [source.then(|n| Ok(n + 1)), source.compose(Ok, Err)];
    let last = first.catch(|_| Ok(0));
    assert!(!last.done() && !last.running() && last.cancel());
    assert!([&source, &first, &beside, &last].into_iter().all(Future::cancelled));
    assert!(last.result().expect_err("it was cancelled").is_cancelled());
    // What runs cannot be cancelled, what is derived from it can.
    let runs = &busy[0];
    let derived = runs.then(|n| Ok(n + 1));
    assert!(derived.cancel() && !runs.cancelled());
    busy.release();
    assert!(runs.result_timeout(LONG).is_ok() && derived.cancelled() && derived.cancel());
    // A future that a hook has returned.
    let inner = Arc::new(Mutex::new(None));
    let (shared, cell) = (Arc::clone(&executor), Arc::clone(&inner));
    let outer = executor.submit(square::ID, 1).then(move |_| {
        let (busy, pending) = (Busy::all(&shared), shared.submit(sleep::ID, 1));
        *cell.lock().expect("nobody panics") = Some((busy, pending.clone()));
        pending
    });
    wait_until(|| inner.lock().expect("nobody panics").is_some());
    let (_busy, inner) = inner.lock().expect("nobody panics").take().expect("it is there");
    assert!(!outer.done() && outer.cancel());
    wait_until(|| inner.cancelled());
}

fn a_future_cannot_wait_for_itself(setting: &Setting) {
    let executor = setting.executor();
    for steps in 0..3 {
        let itself = Arc::new(Mutex::new(None::<Future<u64>>));
        let given = Arc::clone(&itself);
        let gate = Gate::new();
        let source = executor.submit(gate::pass::ID, (gate.path(), 1));
        let circle = source.then(move |_| given.lock().expect("nobody panics").clone().expect("set"));
        let mut end = circle.clone();
        for _ in 0..steps {
            end = end.then(|n| Ok(n + 1));
        }
        if steps == 2 {
            end = collect([end]).then(|values| Ok(values[0]));
        }
        *itself.lock().expect("nobody panics") = Some(end.clone());
        gate.open();
        let error = circle.result_timeout(LONG).expect_err("it cannot be done");
        assert!(error.is_cycle() && error.message().starts_with("cycle detected"), "{error}");
        assert!(end.result_timeout(LONG).expect_err("it depends on the other").is_cycle());
    }
}

fn collected_results_keep_their_order(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..20).map(|n| executor.submit(square_after::ID, ((20 - n) % 3 * 5, n as i64))).collect();
    let squares: Vec<i64> = (0..20).map(|n| n * n).collect();
    let all = collect(&futures);
    assert_eq!(all.result_timeout(LONG).expect("all succeed"), squares);
    assert_eq!(all.result().expect("all succeed"), squares);
    assert_eq!(collect(futures).result().expect("they are done"), squares);
    assert!(collect(Vec::<Future<u8>>::new()).result().expect("there is nothing to fail").is_empty());
    let other = setting.executor();
    let one = other.submit(square::ID, 2);
    let several = collect([&one, &executor.submit(square::ID, 3), &one, &one]);
    let nested = collect([
        several.clone(),
        several.then(|mut values| {
            Ok({
                values.truncate(1);
                values
            })
        }),
    ]);
    assert_eq!(nested.result_timeout(LONG).expect("all succeed"), [vec![4, 9, 4, 4], vec![4]]);
}

fn a_collection_fails_with_the_first_failure(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let queued: Vec<_> = (0..5).map(|_| executor.submit(sleep::ID, 10_000)).collect();
    let fails = Future::from(Err(Error::other("the first")));
    let all = collect(busy.iter().chain([&fails]).chain(&queued));
    let error = all.result_timeout(LONG).expect_err("one has failed");
    assert_eq!(error.message(), "the first");
    assert!(queued.iter().all(Future::cancelled), "the others are cancelled");
    assert!(busy.iter().all(|future| !future.cancelled()), "what runs goes on");
    busy.release();
    let other = setting.executor();
    let fails = other.submit(panic_at::ID, (1, 1)).then(|_| Ok(0));
    let error = collect(busy.iter().chain([&fails])).result_timeout(LONG).expect_err("one fails");
    assert!(error.is_panic(), "{error}");
    let error = collect([executor.submit(give_touchy::ID, (true, false))]).result_timeout(LONG);
    assert!(error.expect_err("it cannot be decoded").is_codec());
}

fn a_collection_is_cancelled_with_its_futures(setting: &Setting) {
    let executor = setting.executor();
    for cancel_all in [false, true] {
        let busy = Busy::all(&executor);
        let queued: Vec<_> = (0..5).map(|_| executor.submit(sleep::ID, 10_000)).collect();
        let all = collect(busy.iter().chain(&queued));
        let length = all.then(|values| Ok(values.len()));
        assert!(if cancel_all { all.cancel() } else { queued[2].cancel() });
        assert!(all.cancelled() && length.cancelled() && queued.iter().all(Future::cancelled));
        busy.release();
        assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()), "what runs goes on");
    }
}

fn derived_futures_are_futures(setting: &Setting) {
    let executor = setting.executor();
    let derive = |millis: u64| executor.submit(sleep::ID, millis).then(move |n| Ok(n + 1));
    let gate = Gate::new();
    let slow = executor.submit(gate::pass::ID, (gate.path(), 200)).then(|n| Ok(n + 1));
    let error = slow.result_timeout(Duration::from_millis(1)).expect_err("it sleeps");
    assert!(error.is_timeout() && error.message().contains("derived"), "{error}");
    let waited = wait([&slow, &Future::from(Ok(3))], ReturnWhen::FirstCompleted, Some(LONG));
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    gate.open();
    let fails = executor.submit(panic_at::ID, (1, 1)).then(|_| Ok(0));
    let waited = wait([&slow, &fails], ReturnWhen::FirstException, Some(LONG));
    assert!(waited.done.iter().any(|future| future.exception().is_some()));
    let (sender, results) = mpsc::channel();
    slow.add_done_callback(move |future| sender.send(future.result().ok()).expect("the test waits"));
    assert_eq!(results.recv_timeout(LONG), Ok(Some(201)));
    let sum: u64 = as_completed((0..10).map(derive)).map(|future| future.result().expect("it succeeds")).sum();
    assert_eq!(sum, 55);
    let awaited = block_on(async { Ok::<_, Error>(derive(10).await? + collect((0..3).map(derive)).await?[2]) });
    assert_eq!(awaited.expect("all succeed"), 14);
    assert_eq!(slow.exception_timeout(LONG).expect("it is done").map(|error| error.to_string()), None);
}

fn derived_futures_outlive_their_executor(setting: &Setting) {
    let (first, second) = (setting.executor(), Arc::new(setting.executor()));
    let shared = Arc::clone(&second);
    let source = first.submit(sleep::ID, 30);
    let inner = source.then(move |_| shared.submit(sleep::ID, 200));
    let all = collect([&source, &inner]);
    drop(first);
    let later = source.then(|n| Ok(n + 1));
    assert_eq!(all.result_timeout(LONG).expect("both succeed"), [30, 200]);
    assert_eq!((inner.result_timeout(LONG).ok(), later.result_timeout(LONG).ok()), (Some(200), Some(31)));
    second.shutdown(true, false);
    let refused = second.submit(square::ID, 3).then(|n| Ok(n + 1));
    assert!(refused.result_timeout(LONG).expect_err("the executor is shut down").is_shutdown());
    assert!(collect([refused]).result_timeout(LONG).expect_err("the executor is shut down").is_shutdown());
    assert_eq!(later.then(|n| Ok(n + 1)).result_timeout(LONG).expect("it succeeds"), 32);
    // What is cancelled by the shutdown.
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let queued = executor.submit(sleep::ID, 10_000);
    let (derived, all) = (queued.then(|n| Ok(n + 1)), collect(busy.iter().chain([&queued])));
    executor.shutdown(false, true);
    busy.release();
    executor.shutdown(true, true);
    assert!(derived.result_timeout(LONG).expect_err("it was cancelled").is_cancelled());
    assert!(all.result_timeout(LONG).expect_err("it was cancelled").is_cancelled());
}
