//! A closure where the id of a task function is wanted.

use futures_mpi_core::Executor;

fn main() {
    let map = |executor: &Executor| executor.map(|n: u64| n * n, 0..10);
    let _ = map;
}
