//! Executors in a thread that ends, whose locals are being destroyed.

use futures_mpi_core::{Buffer, Error, Executor, ThreadPoolExecutor};
use futures_mpi_macros::remote_task;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

#[remote_task]
fn sum(numbers: Buffer<u64>) -> u64 {
    numbers.iter().sum()
}

#[remote_task]
fn square(n: u64) -> u64 {
    n * n
}

static POOL: OnceLock<ThreadPoolExecutor> = OnceLock::new();

fn pool() -> &'static Executor {
    POOL.get_or_init(|| ThreadPoolExecutor::builder().max_workers(1).build().expect("it is made"))
}

/// What is submitted when all other locals of the thread are gone, because this one was there before them.
struct Last(Sender<Result<u64, Error>>);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.send(pool().submit(square::ID, 3).result());
        let _ = self.0.send(pool().submit(sum::ID, Buffer::from(vec![1; 100_000])).result());
        let _ = self.0.send(pool().submit(square::ID, 4).then(|n| Ok(n + 1)).result());
        let cancelled = pool().submit(square::ID, 5).then(|n| Ok(n + 1));
        cancelled.cancel();
        let _ = self.0.send(pool().map(square::ID, 6..7).into_iter().sum());
    }
}

thread_local! {
    static LAST: OnceLock<Last> = const { OnceLock::new() };
}

#[test]
fn tasks_are_submitted_while_the_locals_of_a_thread_are_destroyed() {
    let (results, received) = mpsc::channel();
    let thread = thread::spawn(move || {
        LAST.with(|last| last.set(Last(results)).is_ok());
        // Now the library's own are made, and destroyed first.
        pool().submit(square::ID, 2).result()?;
        pool().submit(sum::ID, Buffer::from(vec![1; 100_000])).result()
    });
    assert_eq!(thread.join().expect("it does not panic").ok(), Some(100_000));
    let results: Vec<Option<u64>> = received.into_iter().map(Result::ok).collect();
    assert_eq!(results, [Some(9), Some(100_000), Some(17), Some(36)]);
}
