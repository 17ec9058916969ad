//! A `&mut` argument.

use futures_mpi_macros::remote_task;

#[remote_task]
fn sort(values: &mut Vec<u32>) {
    values.sort();
}

fn main() {}
