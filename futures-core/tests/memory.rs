//! What memory queued tasks take, that it is given back, and that a map takes no more for more items.

use futures_mpi_core::{Future, ThreadPoolExecutor};
use futures_mpi_macros::remote_task;
use peak_alloc::PeakAlloc;
use std::sync::{Condvar, Mutex};

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
    let executor = ThreadPoolExecutor::builder().max_workers(1).build().expect("there are threads");
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
    an_endless_map_takes_no_more(&executor);
}

fn an_endless_map_takes_no_more(executor: &ThreadPoolExecutor) {
    let mut squares = executor.map(square::ID, 0..).into_iter();
    let mut peak_after = |count: usize| {
        squares.by_ref().take(count).for_each(|square| assert!(square.is_ok()));
        MEMORY.peak_usage()
    };
    MEMORY.reset_peak_usage();
    // Long enough for all kinds of delays between the threads.
    let early = peak_after(TASKS);
    let late = peak_after(10 * TASKS);
    println!("a map takes at most {early} bytes at first, {late} later");
    // How full the map and the frames are varies with the delays; one byte for each item would be as much again.
    assert!(late < 2 * early, "the memory that a map takes grows from {early} to {late} bytes");
}
