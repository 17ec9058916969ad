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
