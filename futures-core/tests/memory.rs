//! What memory queued tasks take, that it is given back, also by those who wait and give up, and that a map takes no
//! more for more items.

use futures_mpi_core::{Future, ReturnWhen, ThreadPoolExecutor, as_completed, wait};
use futures_mpi_macros::remote_task;
use peak_alloc::PeakAlloc;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a small queued task may take, its future's handle included, in bytes that are asked of the allocator.
///
/// An allocator may take some more for itself: the one of glibc takes 8 bytes for each task.
const TASK_BYTES_MAX: usize = 172;

const TASKS: usize = 200_000;

/// What the program may hold more after a million tasks than before, for whatever reason.
const SPARE_BYTES: usize = 256 << 10;

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

#[remote_task]
fn wait_at_the_gate() {
    let (open, opened) = &GATE;
    drop(opened.wait_while(open.lock().expect("nobody panics"), |open| !*open));
}

fn open_the_gate() {
    *GATE.0.lock().expect("nobody panics") = true;
    GATE.1.notify_all();
}

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

/// One test, because the memory of the whole process is counted.
#[test]
fn memory_is_little_and_given_back() {
    let executor = Arc::new(ThreadPoolExecutor::builder().max_workers(1).build().expect("there are threads"));
    let first: i64 = executor.submit(square::ID, 3).result().expect("it can be squared");
    assert_eq!(first, 9);
    let before = MEMORY.current_usage();
    let gate = executor.submit(wait_at_the_gate::ID, ());
    let mut futures: Vec<Future<i64>> = Vec::with_capacity(TASKS);
    futures.extend((0..TASKS as i64).map(|n| executor.submit(square::ID, n)));
    let taken = MEMORY.current_usage() - before;
    assert!(!gate.done(), "all are queued");
    println!("a queued task takes {:.1} bytes", taken as f64 / TASKS as f64);
    assert!(taken <= TASKS * TASK_BYTES_MAX, "{TASKS} queued tasks take {taken} bytes");
    open_the_gate();
    for (n, future) in (0..).zip(&futures) {
        assert_eq!(future.result().expect("it can be squared"), n * n);
    }
    drop(futures);
    let kept = MEMORY.current_usage().saturating_sub(before);
    println!("{kept} bytes are kept when they are done");
    assert!(kept < SPARE_BYTES, "{kept} bytes are kept when all tasks are done");
    who_gives_up_leaves_nothing(&executor);
    what_is_taken_as_it_is_completed_is_given_back(&executor);
    a_loop_of_hooks_keeps_nothing_of_its_steps(&executor);
    an_endless_map_takes_no_more(&executor);
}

/// A waker of a task with some memory of its own.
struct Heavy(#[expect(dead_code, reason = "it is there to be counted")] [u8; 4096]);

impl Wake for Heavy {
    fn wake(self: Arc<Self>) {}
}

fn who_gives_up_leaves_nothing(executor: &ThreadPoolExecutor) {
    *GATE.0.lock().expect("nobody panics") = false;
    let mut futures = vec![executor.submit(wait_at_the_gate::ID, ())];
    futures.extend((0..99).map(|_| executor.submit(wait_at_the_gate::ID, ())));
    let give_up = |rounds: usize| {
        for _ in 0..rounds {
            let waited = wait(&futures, ReturnWhen::FirstCompleted, Some(Duration::ZERO));
            assert!(waited.done.is_empty());
            assert!(as_completed(&futures).timeout(Duration::ZERO).next().is_some_and(|late| late.is_err()));
            drop(as_completed(&futures));
            for future in &futures {
                let mut awaited = pin!(future.clone());
                for _ in 0..2 {
                    let waker = Waker::from(Arc::new(Heavy([0; 4096])));
                    assert!(awaited.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                }
            }
            thread::scope(|scope| {
                scope.spawn(|| assert!(futures[99].result_timeout(Duration::from_micros(100)).is_err()));
            });
        }
        MEMORY.current_usage()
    };
    let early = give_up(20);
    let late = give_up(1000);
    println!("{early} bytes are held after 20 rounds of giving up, {late} after 1000 more");
    assert!(late < early + SPARE_BYTES, "who gives up leaves something: {early} bytes have become {late}");
    open_the_gate();
    assert_eq!(wait(&futures, ReturnWhen::AllCompleted, None).done.len(), 100);
}

#[remote_task]
fn picture(n: u8) -> Vec<u8> {
    vec![n; 1 << 20]
}

fn what_is_taken_as_it_is_completed_is_given_back(executor: &ThreadPoolExecutor) {
    let pictures: Vec<_> = (0..64).map(|n| executor.submit(picture::ID, n)).collect();
    assert_eq!(wait(&pictures, ReturnWhen::AllCompleted, None).done.len(), 64);
    let all = MEMORY.current_usage();
    let mut completed = as_completed(pictures);
    assert_eq!(completed.by_ref().take(48).count(), 48);
    let rest = MEMORY.current_usage();
    println!("64 pictures take {all} bytes, and {rest} when 48 have been taken");
    assert!(all - rest > 40 << 20, "only {} bytes are given back", all - rest);
    assert_eq!(completed.count(), 16);
}

fn a_loop_of_hooks_keeps_nothing_of_its_steps(executor: &Arc<ThreadPoolExecutor>) {
    /// Goes on as often, by futures that are done and, at every so many steps, by one that is not.
    fn count(executor: Arc<ThreadPoolExecutor>, left: i64, every: i64, future: &Future<i64>) -> Future<i64> {
        future.then(move |n| match left {
            0 => Future::from(Ok(n)),
            _ if left % every == 0 => {
                let call = executor.submit(square::ID, 1).then(move |one| Ok(one + n));
                count(executor, left - 1, every, &call)
            }
            _ => count(executor, left - 1, every, &Future::from(Ok(n + 1))),
        })
    }
    // The first round starts threads.
    for (steps, every) in [(1000, 1), (1_000_000, i64::MAX), (50_000, 1), (200_000, 7)] {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let last = count(Arc::clone(executor), steps, every, &executor.submit(square::ID, 0));
        assert_eq!(last.result().expect("all succeed"), steps);
        let taken = MEMORY.peak_usage() - before;
        println!("a loop of {steps} steps takes at most {taken} bytes");
        assert!(taken < SPARE_BYTES, "a loop of {steps} steps, with a call at every {every}, takes {taken} bytes");
    }
}

fn an_endless_map_takes_no_more(executor: &ThreadPoolExecutor) {
    let mut squares = executor.map(square::ID, 0..).into_iter();
    let mut peak_after = |count: usize| {
        squares.by_ref().take(count).for_each(|square| assert!(square.is_ok()));
        MEMORY.peak_usage()
    };
    MEMORY.reset_peak_usage();
    // Long enough for all kinds of delays between the threads, and until as much is ahead as short calls need.
    let early = peak_after(5 * TASKS);
    let late = peak_after(10 * TASKS);
    println!("a map takes at most {early} bytes at first, {late} later");
    // How much is ahead varies with the delays; eight bytes for each item would be more than as much again.
    assert!(2 * late < 5 * early, "the memory that a map takes grows from {early} to {late} bytes");
}
