//! A `#[state]` of a type without a size.

use futures_mpi_macros::remote_task;

#[remote_task]
fn count(#[state] text: &str) -> usize {
    text.len()
}

fn main() {}
