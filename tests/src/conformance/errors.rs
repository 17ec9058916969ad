//! Failing calls: each fails its own future, says where and why, and leaves the pool as it was.

use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::Executor;
use std::error::Error as _;

promises![
    a_panic_fails_its_own_future_and_tells_where,
    a_panic_whose_payload_panics_fails_its_own_future,
    a_returned_error_keeps_message_and_type,
    a_returned_error_keeps_its_causes,
    a_boxed_error_keeps_its_message,
    failures_among_successes_stay_apart,
];

/// The pool still works.
pub(super) fn assert_works(executor: &Executor) {
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
}

fn a_panic_fails_its_own_future_and_tells_where(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(panic_at::ID, (7, 7)).result_timeout(LONG).expect_err("it panics");
    assert!(error.is_panic() && !error.is_task_error() && !error.is_broken(), "{error}");
    assert_eq!(error.message(), "7 is bad");
    assert!(error.location().is_some_and(|place| place.contains("tasks.rs:")), "{error}");
    assert!(error.worker().is_some_and(|worker| worker < setting.workers), "{error}");
    assert!(error.host().is_some_and(|host| !host.is_empty()), "{error}");
    assert!(error.task().is_some_and(|task| task.ends_with("tasks::panic_at")), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("7 is bad") && text.contains("worker") && text.contains("panic_at"), "{text}");
    assert_works(&executor);
}

fn a_panic_whose_payload_panics_fails_its_own_future(setting: &Setting) {
    let executor = setting.executor();
    for _ in 0..setting.workers {
        let error = executor.submit(panic_with_bomb::ID, ()).result_timeout(LONG).expect_err("it panics");
        assert!(error.is_panic() && error.message() == "the panic carries no message", "{error}");
        assert_works(&executor);
    }
}

fn a_returned_error_keeps_message_and_type(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(at_most_ten::ID, 10).result().expect("10 is accepted"), 10);
    let error = executor.submit(at_most_ten::ID, 11).result_timeout(LONG).expect_err("11 is refused");
    assert!(error.is_task_error() && !error.is_panic(), "{error}");
    assert_eq!(error.message(), "larger than 10");
    assert_eq!(error.downcast::<Refusal>(), Some(Refusal::TooLarge { limit: 10 }));
    assert_eq!(error.downcast::<String>(), None);
    let reason = error.try_downcast::<String>().expect_err("it is of another type");
    assert!(reason.message().contains("Refusal") && reason.message().contains("String"), "{reason}");
    assert_works(&executor);
}

fn a_returned_error_keeps_its_causes(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(read_number::ID, "ten").result_timeout(LONG).expect_err("it is no number");
    assert_eq!(error.message(), "the number was not read");
    let cause = error.source().expect("there is a cause").to_string();
    assert_eq!(cause, "invalid digit found in string");
    let reason = error.try_downcast::<String>().expect_err("it has no value");
    assert!(reason.message().contains("does not implement serde's `Serialize`"), "{reason}");
    assert!(format!("{error:?}").contains(&cause));
}

fn a_boxed_error_keeps_its_message(setting: &Setting) {
    let executor = setting.executor();
    assert_eq!(executor.submit(parse::ID, "-3").result().expect("it is a number"), -3);
    let error = executor.submit(parse::ID, "").result_timeout(LONG).expect_err("it is no number");
    assert!(error.is_task_error());
    assert_eq!(error.message(), "cannot parse integer from empty string");
}

fn failures_among_successes_stay_apart(setting: &Setting) {
    let executor = setting.executor();
    let futures: Vec<_> = (0..200).map(|n| executor.submit(panic_at::ID, (n, n / 10 * 10))).collect();
    for (n, future) in (0..).zip(&futures) {
        let result = future.result_timeout(LONG);
        assert_eq!(result.ok(), (n % 10 != 0).then_some(n), "only every tenth fails");
    }
}
