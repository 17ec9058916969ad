//! Tasks that are sent to workers ahead of others: they come back if they would wait there.

use super::tasks::*;
use super::{Kind, LONG, Setting, promises};
use futures_mpi::mpi::collective::SystemOperation;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, Future, ReturnWhen, get_comm_workers, remote_task, wait};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

promises![
    as_many_calls_as_there_are_workers_run_at_once_behind_quick_ones,
    as_many_calls_as_there_are_workers_work_together_behind_quick_ones,
    a_call_that_came_back_can_be_cancelled,
    a_call_may_wait_for_the_outcome_of_one_before_it,
    without_prefetch_a_call_is_pending_until_its_worker_is_free,
];

/// How many quick calls of the same function are before those that wait for one another.
const QUICK: usize = 200;

/// Waits until as many calls have come as are to meet, which each says by a file in the folder. With none it is quick.
#[remote_task]
fn meet(folder: &str, number: usize, together: usize) -> Result<usize, String> {
    if together > 0 {
        fs::write(format!("{folder}/{number}"), "").map_err(|error| error.to_string())?;
    }
    let begin = Instant::now();
    loop {
        let came = fs::read_dir(folder).map_err(|error| error.to_string())?.count();
        if came >= together {
            return Ok(number);
        }
        if begin.elapsed() > LONG {
            return Err(format!("{came} of {together} calls have come"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// So many quick calls let each worker take their function for one whose calls are quick, also after a long one.
const QUICK_AGAIN: usize = 1200;

/// Waits until there is a file. With none it is quick.
#[remote_task]
fn wait_for_file(file: Option<String>) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    let begin = Instant::now();
    while !fs::exists(&file).map_err(|error| error.to_string())? {
        if begin.elapsed() > LONG {
            return Err(format!("{file} is not there"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A folder in which calls meet, removed with its files.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("futures-mpi-meeting-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("there is a place for temporary files");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Adds a number up over all workers, or is quick.
#[remote_task]
fn add_up(value: Option<u64>) -> Result<u64, Error> {
    let Some(value) = value else { return Ok(0) };
    let workers = get_comm_workers()?;
    workers.barrier();
    let mut sum = 0;
    workers.all_reduce_into(&value, &mut sum, SystemOperation::sum());
    Ok(sum)
}

fn as_many_calls_as_there_are_workers_run_at_once_behind_quick_ones(setting: &Setting) {
    let executor = setting.executor();
    let together = executor.num_workers().expect("the workers are there");
    for _ in 0..5 {
        let folder = Folder::new();
        let path = folder.0.to_str().expect("it is text");
        let mut calls: Vec<_> = (0..QUICK).map(|number| executor.submit(meet::ID, (path, number, 0))).collect();
        calls.extend((0..together).map(|number| executor.submit(meet::ID, (path, number, together))));
        calls.iter().for_each(|call| _ = call.result().expect("all have met"));
    }
}

fn as_many_calls_as_there_are_workers_work_together_behind_quick_ones(setting: &Setting) {
    let executor = setting.executor();
    if setting.kind == Kind::Threads {
        // They have no communicator.
        return;
    }
    let together = executor.num_workers().expect("the workers are there") as u64;
    for round in 1..=5 {
        let quick: Vec<_> = (0..QUICK).map(|_| executor.submit(add_up::ID, None)).collect();
        let calls: Vec<_> = (0..together).map(|_| executor.submit(add_up::ID, Some(round))).collect();
        wait(&calls, ReturnWhen::AllCompleted, None);
        assert!(calls.iter().all(|call| call.result().expect("all are there") == round * together));
        assert!(quick.iter().all(|call| call.result().is_ok()));
    }
}

fn a_call_that_came_back_can_be_cancelled(setting: &Setting) {
    // Behind quick calls, and more of these than may be done at once, so that some are sent ahead of others; whatever
    // was sent behind the long ones comes back, and is pending.
    let executor = setting.executor();
    let quick: Vec<_> = (0..QUICK).map(|_| executor.submit(sleep::ID, 0)).collect();
    let long: Vec<_> = (0..4 * setting.workers).map(|_| executor.submit(sleep::ID, 300)).collect();
    assert!(quick.iter().all(|call| call.result().is_ok()));
    let begin = Instant::now();
    while long.iter().filter(|call| call.running()).count() > setting.workers && begin.elapsed() < LONG {
        thread::sleep(Duration::from_millis(1));
    }
    let cancelled = long.iter().filter(|call| call.cancel()).count();
    assert!(cancelled > 0, "none has come back: {long:?}");
    let done = |call: &&Future<u64>| call.result_timeout(LONG).is_ok();
    assert_eq!(long.iter().filter(done).count() + cancelled, long.len());
}

/// The worker would have held back the reply for which the second call waits, because their function is quick.
fn a_call_may_wait_for_the_outcome_of_one_before_it(setting: &Setting) {
    let executor = setting.executor();
    let write = |file: &Path| fs::write(file, "").expect("a file can be written");
    type Way<'a> = &'a dyn Fn(Future<u64>, Future<()>, PathBuf);
    let ways: [Way<'_>; 3] = [
        &|_, first, file| first.add_done_callback(move |_| write(&file)),
        &|_, first, file| {
            first.result().expect("it is quick");
            write(&file);
        },
        &|pause, first, file| {
            pause.result().expect("it succeeds");
            // Nobody drives the pool any more but the pool itself.
            while !first.done() {
                thread::sleep(Duration::from_millis(1));
            }
            write(&file);
        },
    ];
    for way in ways {
        let folder = Folder::new();
        let file = folder.0.join("done");
        let quick: Vec<_> =
            (0..QUICK_AGAIN * setting.workers).map(|_| executor.submit(wait_for_file::ID, None)).collect();
        // The two that follow are sent to a worker together, when this one is done.
        let pause = executor.submit(sleep::ID, 100);
        let first = executor.submit(wait_for_file::ID, None);
        let second = executor.submit(wait_for_file::ID, file.to_str().map(str::to_owned));
        way(pause, first, file);
        second.result().expect("the first one is done");
        assert!(quick.iter().all(|call| call.result().is_ok()));
    }
}

fn without_prefetch_a_call_is_pending_until_its_worker_is_free(setting: &Setting) {
    let usual = setting.executor();
    let never = setting.builder().prefetch(false).build().expect("an executor can be made");
    let call = usual.call(sleep::ID).prefetch(false);
    let again = never.call(sleep::ID).prefetch(true);
    let by_map = || usual.map(sleep::ID, [1; 100]).prefetch(false).into_iter();
    let workers = never.num_workers().expect("the workers are there");
    let submit: [&dyn Fn() -> Vec<Future<u64>>; 2] =
        [&|| (0..200).map(|_| call.submit(1)).collect(), &|| (0..200).map(|_| never.submit(sleep::ID, 1)).collect()];
    for submit in submit {
        let calls = submit();
        while !calls.iter().all(Future::done) {
            // What is counted twice is done meanwhile.
            let running: Vec<_> = calls.iter().filter(|call| call.running()).collect();
            let still = running.iter().filter(|call| call.running()).count();
            assert!(still <= workers, "{still} calls are at {workers} workers");
            thread::sleep(Duration::from_micros(100));
        }
        assert!(calls.iter().all(|call| call.result_timeout(LONG).is_ok_and(|millis| millis == 1)));
    }
    assert!(by_map().all(|millis| millis.is_ok_and(|millis| millis == 1)));
    assert_eq!(again.submit(2).result_timeout(LONG).expect("it succeeds"), 2);
}
