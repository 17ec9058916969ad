//! A variadic function.

use futures_mpi_macros::remote_task;

#[remote_task]
fn printf(format: String, ...) -> usize {
    format.len()
}

fn main() {}
