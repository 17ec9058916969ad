//! A reference to a reference.

use futures_mpi_macros::remote_task;

#[remote_task]
fn length(text: &&str) -> usize {
    text.len()
}

fn main() {}
