//! What workers do last: once on each, when all other tasks of the executor are done, however it ends.

use super::gate::Gate;
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, global, remote_state, remote_task};
use std::cell::Cell;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

promises![
    an_exit_function_is_called_once_on_each_worker_when_all_is_done,
    an_executor_whose_pool_is_still_being_started_calls_its_exit_function,
    executors_have_exits_of_their_own,
    an_executor_that_is_dropped_or_shut_down_calls_its_exit_function,
    exits_that_fail_are_items,
    finish_without_a_fitting_exit_function_is_refused,
    an_executor_that_was_not_used_finishes_with_nothing,
    a_broken_executor_says_why_it_cannot_finish,
];

/// A state.
struct Tally(Vec<i64>);

#[remote_state]
fn tally() -> Tally {
    Tally(Vec::new())
}

#[remote_state]
fn no_tally() -> Result<Tally, String> {
    Err("no tally today".to_owned())
}

#[remote_task]
fn count(#[state] tally: &mut Tally, millis: u64, n: i64) {
    thread::sleep(Duration::from_millis(millis));
    tally.0.push(n);
}

/// How many calls there were, and their sum.
#[remote_task]
fn report(#[state] tally: &mut Tally) -> (u64, i64) {
    let all = std::mem::take(&mut tally.0);
    (all.len() as u64, all.iter().sum())
}

#[remote_task]
fn report_of_nothing(#[state] tally: &Tally) -> Result<u64, String> {
    if tally.0.is_empty() { Err("nothing to report".to_owned()) } else { panic!("too much to report") }
}

/// Leaves a file for each call in the folder that is named.
#[remote_task]
fn leave_a_file() -> Result<u64, Error> {
    thread_local! {
        static LEFT: Cell<u64> = const { Cell::new(0) };
    }
    LEFT.set(LEFT.get() + 1);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    fs::write(global::<PathBuf>("folder")?.join(name), "").map_err(Error::other)?;
    Ok(LEFT.get())
}

fn an_exit_function_is_called_once_on_each_worker_when_all_is_done(setting: &Setting) {
    let executor = setting.builder().state(tally::ID, ()).exit(report::ID).build().expect("it is good");
    let futures: Vec<_> = (1..=30).map(|n| executor.submit(count::ID, (n % 3, n as i64))).collect();
    let last = executor.everywhere(count::ID, (5, 1000)).expect("there are workers");
    let reports = executor.finish::<(u64, i64)>().expect("it ends well");
    assert!(futures.iter().chain(&last).all(|future| future.done() && future.result().is_ok()), "all is done before");
    let items: Vec<_> = reports.into_iter().map(|item| item.expect("it succeeds")).collect();
    assert_eq!(items.len(), setting.workers);
    assert_eq!(items.iter().map(|(calls, _)| calls).sum::<u64>(), 30 + setting.workers as u64, "{items:?}");
    let sum: i64 = items.iter().map(|(_, sum)| sum).sum();
    assert_eq!(sum, 30 * 31 / 2 + 1000 * setting.workers as i64);
    assert!(executor.submit(square::ID, 1).result().expect_err("it has ended").is_shutdown());
    assert!(executor.everywhere(square::ID, 1).expect_err("it has ended").is_shutdown());
    let again = executor.finish::<(u64, i64)>().expect("it has ended well");
    assert_eq!(again.into_iter().map(|item| item.expect("it is the same")).collect::<Vec<_>>(), items);
}

fn an_executor_whose_pool_is_still_being_started_calls_its_exit_function(setting: &Setting) {
    let executor = setting.builder().state(tally::ID, ()).exit(report::ID).build().expect("it is good");
    executor.bootup(false).expect("it is open");
    let items = executor.finish::<(u64, i64)>().expect("it ends well");
    assert_eq!(
        items.into_iter().map(|item| item.expect("it succeeds")).collect::<Vec<_>>(),
        vec![(0, 0); setting.workers]
    );
}

fn executors_have_exits_of_their_own(setting: &Setting) {
    let build = || setting.builder().state(tally::ID, ()).exit(report::ID).build().expect("it is good");
    let executors = [build(), build()];
    let plain = setting.executor();
    let squares: Vec<_> = (0..50).map(|n| plain.submit(square::ID, n)).collect();
    let counts: Vec<_> = (0..100).map(|n| executors[n % 2].submit(count::ID, (0, 1 + n as i64 % 2))).collect();
    for (executor, of_each) in executors.iter().zip([1, 2]) {
        let items = executor.finish::<(u64, i64)>().expect("it ends well");
        let items: Vec<_> = items.into_iter().map(|item| item.expect("it succeeds")).collect();
        assert_eq!(
            items.iter().map(|(calls, sum)| (*calls as i64, sum)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
            (50, 50 * of_each)
        );
    }
    assert!(counts.iter().all(|future| future.result().is_ok()));
    assert!(squares.iter().all(|future| future.result_timeout(LONG).is_ok()), "others go on");
    super::errors::assert_works(&plain);
}

fn an_executor_that_is_dropped_or_shut_down_calls_its_exit_function(setting: &Setting) {
    for end in 0..4 {
        let gate = Gate::new();
        let folder = gate.path().with_extension("folder");
        fs::create_dir(&folder).expect("a folder can be made");
        let executor = setting.builder().global("folder", &folder).exit(leave_a_file::ID).build().expect("it is good");
        executor.bootup(true).expect("the pool starts");
        let future = executor.submit(square::ID, 3);
        match end {
            0 => drop(executor),
            1 => executor.shutdown(true, false),
            2 => {
                executor.shutdown(false, true);
                executor.shutdown(true, true);
            }
            _ => {
                let panicked = panic::catch_unwind(AssertUnwindSafe(move || {
                    let _dropped = executor;
                    panic!("this panic is part of a test");
                }));
                assert!(panicked.is_err());
            }
        }
        let count = || fs::read_dir(&folder).expect("the folder is there").count();
        // Nobody waits in a panic.
        let begin = Instant::now();
        while end == 3 && count() < setting.workers && begin.elapsed() < LONG {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(future.done(), "the task comes before the end");
        let files = count();
        fs::remove_dir_all(&folder).expect("it can be removed");
        assert_eq!(files, setting.workers, "end {end}");
    }
}

fn exits_that_fail_are_items(setting: &Setting) {
    let builder = setting.builder().state(tally::ID, ()).exit(report_of_nothing::ID);
    let executor = builder.build().expect("it is good");
    executor.submit(count::ID, (0, 1)).result_timeout(LONG).expect("it succeeds");
    let mut errors: Vec<Error> =
        executor.finish::<u64>().expect("it ends").into_iter().map(|item| item.expect_err("it fails")).collect();
    assert_eq!(errors.len(), setting.workers);
    let mut workers: Vec<_> = errors.iter().filter_map(Error::worker).collect();
    workers.sort_unstable();
    workers.dedup();
    assert_eq!(workers.len(), setting.workers, "each is named");
    errors.retain(|error| error.is_task_error() && error.message() == "nothing to report");
    assert_eq!(errors.len(), setting.workers - 1, "one had something, and panics");
    let stateless = setting.builder().exit(report::ID).build().expect("it is good");
    stateless.submit(square::ID, 1).result_timeout(LONG).expect("it succeeds");
    for item in stateless.finish::<(u64, i64)>().expect("it ends") {
        let error = item.expect_err("there is no state");
        assert!(error.is_configuration() && error.message().contains("its executor has no state"), "{error}");
    }
}

fn finish_without_a_fitting_exit_function_is_refused(setting: &Setting) {
    let plain = setting.executor();
    let error = plain.finish::<u64>().expect_err("it has none");
    assert!(error.is_configuration() && error.message().contains("has no exit function"), "{error}");
    super::errors::assert_works(&plain);
    drop(plain);
    let other = setting.builder().state(tally::ID, ()).exit(report::ID).build().expect("it is good");
    let error = other.finish::<String>().expect_err("it is another type");
    assert!(error.is_configuration(), "{error}");
    for part in ["exits::report returns (u64, i64), and", "`finish` is to return alloc::string::String"] {
        assert!(error.message().contains(part), "{part} is not in: {error}");
    }
    super::errors::assert_works(&other);
    assert_eq!(other.finish::<(u64, i64)>().expect("it ends well").len(), setting.workers);
}

fn an_executor_that_was_not_used_finishes_with_nothing(setting: &Setting) {
    let executor = setting.builder().state(no_tally::ID, ()).exit(report::ID).build().expect("it is good");
    assert!(executor.finish::<(u64, i64)>().expect("it was not used").is_empty());
    assert!(executor.submit(square::ID, 1).result().expect_err("it has ended").is_shutdown());
}

fn a_broken_executor_says_why_it_cannot_finish(setting: &Setting) {
    let executor = setting.builder().state(no_tally::ID, ()).exit(report::ID).build().expect("it is good");
    executor.bootup(true).expect_err("it is broken");
    for _ in 0..2 {
        let error = executor.finish::<(u64, i64)>().expect_err("it is broken");
        assert!(error.is_broken() && error.message().contains("no tally today"), "{error}");
    }
    super::errors::assert_works(&setting.executor());
}
