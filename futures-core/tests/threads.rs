//! What is true of workers that are threads, and of no others.

use futures_mpi_core::ThreadPoolExecutor;
use futures_mpi_macros::remote_task;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

static DESTROYED: AtomicUsize = AtomicUsize::new(0);

struct Local;

impl Drop for Local {
    fn drop(&mut self) {
        // Longer than a thread that nobody joins is waited for by chance.
        thread::sleep(Duration::from_millis(50));
        DESTROYED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static LOCAL: Local = const { Local };
}

#[remote_task]
fn touch() {
    LOCAL.with(|_| ());
}

#[test]
fn locals_of_worker_threads_are_destroyed_when_the_executor_has_ended() {
    let executor = ThreadPoolExecutor::builder().max_workers(1).build().expect("it is made");
    executor.submit(touch::ID, ()).result().expect("it is called");
    drop(executor);
    assert_eq!(DESTROYED.load(Ordering::SeqCst), 1);
}

#[inline(never)]
fn frames(count: usize) -> usize {
    let room = [count as u8; 4096];
    if count == 0 { 0 } else { 1 + frames(count - 1) + usize::from(std::hint::black_box(room)[0] == 0 && count == 1) }
}

#[remote_task]
fn use_stack(kib: usize) -> usize {
    frames(kib / 4)
}

#[test]
fn a_stack_is_as_large_as_it_was_asked_for() {
    let builder = || ThreadPoolExecutor::builder().max_workers(2);
    let executor = builder().stack_size(64 << 20).build().expect("it is made");
    assert_eq!(executor.submit(use_stack::ID, 50_000).result().expect("there is room for it"), 12_500);
    let executor = builder().stack_size(2 << 20).build().expect("it is made");
    assert_eq!(executor.submit(use_stack::ID, 1000).result().expect("there is room for it"), 250);
    for bytes in [0, 4096, usize::MAX] {
        let error = builder().stack_size(bytes).build().expect_err("it is refused");
        assert!(error.is_configuration() && error.message().contains("64 GiB"), "{error}");
    }
}
