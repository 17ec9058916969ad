//! A `&'static` argument.

use futures_mpi_macros::remote_task;

#[remote_task]
fn length(text: &'static str) -> usize {
    text.len()
}

fn main() {}
