//! A mistake in the body is shown where it is.

use futures_mpi_macros::remote_task;

#[remote_task]
fn length(text: &str) -> usize {
    text.leng()
}

fn main() {}
