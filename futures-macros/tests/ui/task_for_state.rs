//! The id of a task, or a function, where that of a state is wanted; and that of a state for a task's.

use futures_mpi_core::ThreadPoolExecutor;
use futures_mpi_macros::{remote_state, remote_task};

#[remote_task]
fn step(x: f64) -> f64 {
    x
}

#[remote_state]
fn load(size: usize) -> Vec<f64> {
    vec![0.0; size]
}

fn main() {
    let _ = ThreadPoolExecutor::builder().state(step::ID, 1.0);
    let _ = ThreadPoolExecutor::builder().state(load, 1);
    let _ = ThreadPoolExecutor::builder().state(load::ID, "1");
    let _ = ThreadPoolExecutor::builder().initializer(load::ID, 1);
}
