//! A returned reference.

use futures_mpi_macros::remote_task;

#[remote_task]
fn trim(text: &str) -> &str {
    text.trim()
}

fn main() {}
