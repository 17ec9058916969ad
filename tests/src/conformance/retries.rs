//! Retries and time limits of tasks, of single calls and in maps.

use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::{Error, remote_task};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

promises![
    a_task_is_tried_again_until_it_succeeds,
    the_last_error_counts_when_the_retries_are_used_up,
    without_retries_a_task_is_executed_once,
    only_accepted_errors_are_tried_again,
    between_two_tries_a_task_can_be_cancelled,
    shutdown_waits_for_retries_or_cancels_them,
    a_task_that_takes_too_long_fails_and_its_worker_comes_back,
    a_limit_that_is_not_reached_changes_nothing,
    a_time_out_is_tried_again_if_it_is_accepted,
    maps_have_retries_for_each_task,
    maps_have_limits_for_each_task,
    a_chunk_is_tried_again_as_a_whole,
];

/// A file that counts the tries of a task, wherever they are made.
pub(super) struct Tries(PathBuf);

impl Tries {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("futures-mpi-tries-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "").expect("a file can be made");
        Tries(path)
    }

    fn count(&self) -> usize {
        fs::read(&self.0).expect("the file is there").len()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.clone()
    }

    /// Waits for so many.
    pub(super) fn wait(&self, count: usize) {
        let begin = Instant::now();
        while self.count() < count {
            assert!(begin.elapsed() < LONG, "{} tries of {count}", self.count());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Tries {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes note of a try, and returns how many there have been with this one.
pub(super) fn note_try(path: &std::path::Path) -> usize {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(b"x").expect("it can be written");
    fs::metadata(path).map(|data| data.len() as usize).expect("the file is there")
}

/// Fails so many times, by turns with an error and a panic.
#[remote_task]
fn succeed_after(path: PathBuf, failures: usize) -> Result<usize, String> {
    let tries = note_try(&path);
    assert!(tries > failures || tries % 2 == 1, "panic {tries}");
    if tries > failures { Ok(tries) } else { Err(format!("error {tries}")) }
}

#[remote_task]
fn slow_at_first(path: PathBuf, millis: u64) -> usize {
    let tries = note_try(&path);
    if tries == 1 {
        std::thread::sleep(Duration::from_millis(millis));
    }
    tries
}

#[remote_task]
fn third_fails_at_first(path: PathBuf, n: u32) -> Result<u32, String> {
    let tries = note_try(&path);
    if n == 3 && tries <= 4 { Err("the third".to_owned()) } else { Ok(n) }
}

const NO_WAIT: Duration = Duration::from_millis(1);

fn a_task_is_tried_again_until_it_succeeds(setting: &Setting) {
    let executor = setting.executor();
    for backoff in [Duration::ZERO, Duration::from_millis(5)] {
        let tries = Tries::new();
        let call = executor.call(succeed_after::ID).retries(5).retry_backoff(backoff, 2 * backoff);
        assert_eq!(call.submit((&tries.0, 4)).result_timeout(LONG).expect("the fifth try succeeds"), 5);
        assert_eq!(tries.count(), 5);
    }
}

fn the_last_error_counts_when_the_retries_are_used_up(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let future = executor.call(succeed_after::ID).retries(2).submit((&tries.0, 9));
    let error = future.result_timeout(LONG).expect_err("all tries fail");
    assert!(error.is_task_error() && error.message() == "error 3", "{error}");
    assert_eq!(tries.count(), 3);
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
}

fn without_retries_a_task_is_executed_once(setting: &Setting) {
    let executor = setting.executor();
    let (plain, zero) = (Tries::new(), Tries::new());
    assert!(executor.submit(succeed_after::ID, (&plain.0, 1)).result_timeout(LONG).is_err());
    assert!(executor.call(succeed_after::ID).retries(0).submit((&zero.0, 1)).result_timeout(LONG).is_err());
    assert_eq!((plain.count(), zero.count()), (1, 1));
}

fn only_accepted_errors_are_tried_again(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let call = executor.call(succeed_after::ID).retries(9).retry_if(Error::is_task_error);
    let error = call.submit((&tries.0, 9)).result_timeout(LONG).expect_err("the second try panics");
    assert!(error.is_panic() && error.message() == "panic 2", "{error}");
    assert_eq!(tries.count(), 2);
    let call = executor.call(take_touchy::ID).retries(u32::MAX);
    let error = call.submit(Touchy { decodes: false, ..PLACID }).result_timeout(LONG).expect_err("it refuses");
    assert!(error.is_codec(), "{error}");
}

fn between_two_tries_a_task_can_be_cancelled(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let call = executor.call(succeed_after::ID).retries(1).retry_backoff(10 * LONG, 10 * LONG);
    let future = call.submit((&tries.0, 1));
    tries.wait(1);
    let begin = Instant::now();
    while !future.cancel() {
        assert!(begin.elapsed() < LONG, "it rests when its failure has come");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(future.cancelled() && !future.running());
    assert_eq!(tries.count(), 1);
}

fn shutdown_waits_for_retries_or_cancels_them(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let wait = Duration::from_millis(20);
    let future = executor.call(succeed_after::ID).retries(3).retry_backoff(wait, wait).submit((&tries.0, 3));
    executor.shutdown(true, false);
    assert_eq!(future.result().expect("it waits for all tries"), 4);
    let executor = setting.executor();
    let tries = Tries::new();
    let call = executor.call(succeed_after::ID).retries(1).retry_backoff(10 * LONG, 10 * LONG);
    let future = call.submit((&tries.0, 1));
    tries.wait(1);
    let begin = Instant::now();
    while future.running() {
        assert!(begin.elapsed() < LONG, "it rests when its failure has come");
        std::thread::sleep(Duration::from_millis(1));
    }
    executor.shutdown(true, true);
    assert!(future.cancelled());
}

fn a_task_that_takes_too_long_fails_and_its_worker_comes_back(setting: &Setting) {
    let executor = setting.executor();
    let call = executor.call(sleep::ID).task_timeout(Duration::from_millis(50));
    let futures: Vec<_> = (0..setting.workers).map(|_| call.submit(600)).collect();
    for future in &futures {
        let error = future.result_timeout(LONG).expect_err("it takes too long");
        assert!(error.is_timeout() && !error.is_broken(), "{error}");
        assert_eq!(
            error.message(),
            "the task exceeded its time limit of 0.050 s (counted from when its worker was \
                                     free to start it)"
        );
        assert!(error.worker().is_some_and(|worker| worker < setting.workers), "{error}");
        assert!(error.task().is_some_and(|task| task.ends_with("tasks::sleep")), "{error}");
    }
    let next = executor.submit(square::ID, 3);
    assert_eq!(next.result_timeout(LONG).expect("it waits until a worker is back"), 9);
    let squares: Vec<_> = (0..100).map(|n| executor.submit(square::ID, n)).collect();
    assert!(squares.iter().all(|square| square.result_timeout(LONG).is_ok()));
    assert!(futures.iter().all(|future| future.result().is_err()), "what comes late is dropped");
}

fn a_limit_that_is_not_reached_changes_nothing(setting: &Setting) {
    let executor = setting.executor();
    let call = executor.call(square::ID).task_timeout(LONG).retries(3);
    let futures: Vec<_> = (0..1000).map(|n| call.submit(n)).collect();
    for (n, future) in (0..).zip(futures) {
        assert_eq!(future.result_timeout(LONG).expect("it succeeds"), n * n);
    }
    let call = executor.call(succeed_after::ID).task_timeout(LONG);
    let tries = Tries::new();
    assert!(call.submit((&tries.0, 1)).result_timeout(LONG).expect_err("it fails").is_task_error());
    assert!(executor.call(square::ID).task_timeout(Duration::MAX).submit(2).result_timeout(LONG).is_ok());
}

fn a_time_out_is_tried_again_if_it_is_accepted(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let limit = Duration::from_millis(300);
    let call = executor.call(slow_at_first::ID).task_timeout(limit).retries(2);
    assert!(call.submit((&tries.0, 800)).result_timeout(LONG).expect_err("it is final").is_timeout());
    let tries = Tries::new();
    let call = executor.call(slow_at_first::ID).task_timeout(limit).retries(2).retry_if(Error::is_timeout);
    let future = call.submit((&tries.0, 800));
    assert!(future.result_timeout(LONG).expect("the second try is quick") >= 2);
}

fn maps_have_retries_for_each_task(setting: &Setting) {
    let executor = setting.executor();
    let tries: Vec<Tries> = (0..20).map(|_| Tries::new()).collect();
    let items = tries.iter().enumerate().map(|(n, tries)| (tries.0.clone(), n % 4));
    let map = executor.map(succeed_after::ID, items).retries(3).retry_backoff(NO_WAIT, NO_WAIT);
    let counts: Result<Vec<usize>, Error> = map.into_iter().collect();
    assert_eq!(counts.expect("all succeed in the end"), (0..20).map(|n| n % 4 + 1).collect::<Vec<_>>());
}

fn maps_have_limits_for_each_task(setting: &Setting) {
    let executor = setting.executor();
    let map = executor.map(sleep::ID, [1, 700, 2]).task_timeout(Duration::from_millis(200));
    let results: Vec<_> = map.into_iter().collect();
    assert_eq!(results.len(), 3);
    assert!(results[1].as_ref().expect_err("it takes too long").is_timeout());
    assert_eq!(results[0].as_ref().ok(), Some(&1), "an error is a value in its own place");
    assert_eq!(results[2].as_ref().ok(), Some(&2), "an error is a value in its own place");
}

fn a_chunk_is_tried_again_as_a_whole(setting: &Setting) {
    let executor = setting.executor();
    let tries = Tries::new();
    let items = (0..4).map(|n| (tries.0.clone(), n));
    let map = executor.map(third_fails_at_first::ID, items).chunksize(4).retries(1);
    let values: Result<Vec<u32>, Error> = map.into_iter().collect();
    assert_eq!(values.expect("the second try succeeds"), [0, 1, 2, 3]);
    assert_eq!(tries.count(), 8);
}
