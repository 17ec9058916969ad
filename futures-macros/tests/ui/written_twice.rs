//! The attribute twice.

use futures_mpi_macros::remote_task;

#[remote_task]
#[remote_task]
fn length(text: String) -> usize {
    text.len()
}

fn main() {}
