//! Hooks on futures that are not done: the states of what is derived meanwhile, and errors that hooks make of errors.

use super::gate::{self, Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, Future, ReturnWhen, catch, collect, compose, then, wait};

promises![
    a_derived_future_is_pending_until_its_source_is_done,
    several_futures_may_be_derived_from_one,
    hooks_may_make_another_error_of_an_error,
    a_collection_leaves_alone_what_is_done,
];

/// Pending futures are neither done nor running nor cancelled, also while what they come from runs.
fn assert_pending<T>(future: &Future<T>) {
    assert!(!future.done() && !future.running() && !future.cancelled(), "{future:?}");
}

fn assert_finished<T>(future: &Future<T>) {
    assert!(future.done() && !future.running() && !future.cancelled(), "{future:?}");
}

fn a_derived_future_is_pending_until_its_source_is_done(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let good = executor.submit(pass::ID, (gate.path(), 42));
    let bad = executor.submit(gate::fail_behind::ID, (gate.path(), "42"));
    let kept = [compose(&good, Ok, Err), then(&good, Ok, Err), good.catch(|_| Ok(0))];
    let failed = [compose(&bad, Ok, Err), then(&bad, Ok, Err), bad.then(|_| Ok(0))];
    let all = collect(&kept);
    kept.iter().chain(&failed).for_each(assert_pending);
    assert_pending(&all);
    gate.open();
    for future in &kept {
        assert_eq!(future.result_timeout(LONG).expect("its source succeeds"), 42);
    }
    for future in &failed {
        let error = future.exception_timeout(LONG).expect("it is done").expect("its source fails");
        assert!(error.is_task_error() && error.message() == "42", "{error}");
    }
    assert_eq!(all.result_timeout(LONG).expect("all succeed"), [42; 3]);
    kept.iter().chain(&failed).for_each(assert_finished);
    assert_finished(&all);
    // What is made of done futures is done.
    assert_finished(&collect(&kept));
    assert_finished(&compose(&good, Ok, Err));
    let nothing = collect(Vec::<Future<u64>>::new());
    assert_finished(&nothing);
    assert!(nothing.result().expect("there is nothing to fail").is_empty());
}

fn several_futures_may_be_derived_from_one(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let source = executor.submit(pass::ID, (gate.path(), 5));
    let derived = [source.then(Ok), source.then(Ok), source.then(Ok)];
    derived.iter().for_each(assert_pending);
    assert!(derived[0] != derived[1] && derived[1] != derived[2] && derived[0] != source);
    gate.open();
    let values = derived.map(|future| future.result_timeout(LONG).expect("its source succeeds"));
    assert_eq!(values, [5; 3]);
}

fn hooks_may_make_another_error_of_an_error(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let source = executor.submit(gate::fail_behind::ID, (gate.path(), "sad"));
    let packed = |error: Error| Err::<u64, _>(format!("{} repackaged", error.message()).into());
    let made = [compose(&source, Ok, packed), then(&source, Ok, packed), catch(&source, packed)];
    let panic = |error: Error| -> Result<u64, Error> { panic!("{} repackaged", error.message()) };
    let thrown = [compose(&source, Ok, panic), then(&source, Ok, panic), catch(&source, panic)];
    gate.open();
    for (future, is_panic) in
        made.iter().map(|future| (future, false)).chain(thrown.iter().map(|future| (future, true)))
    {
        let error = future.result_timeout(LONG).expect_err("its hook fails");
        assert!(error.is_panic() == is_panic && error.is_other() != is_panic, "{error}");
        assert_eq!(error.message(), "sad repackaged");
        assert_finished(future);
    }
}

fn a_collection_leaves_alone_what_is_done(setting: &Setting) {
    let executor = setting.executor();
    for fails in [true, false] {
        let done = [2, 3].map(|n| executor.submit(at_most_ten::ID, n));
        wait(&done, ReturnWhen::AllCompleted, Some(LONG));
        let busy = Busy::all(&executor);
        let queued = [0, 1, 4].map(|n| executor.submit(at_most_ten::ID, n));
        let last = if fails { Future::from(Err(Error::other("no"))) } else { queued[2].clone() };
        assert!(fails || last.cancel());
        let all = collect(queued[..2].iter().chain(&done).chain([&last]));
        assert!(all.done() && !all.running() && all.cancelled() != fails);
        assert!(queued[..2].iter().all(Future::cancelled), "what was queued is cancelled with it");
        assert!(done.iter().all(|future| !future.cancelled() && future.result().is_ok()), "what is done stays");
        busy.release();
        assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()), "what runs goes on");
        queued[2].cancel();
    }
}
