//! A `#[state]` that is to stay borrowed.

use futures_mpi_macros::remote_task;

#[remote_task]
fn count(#[state] words: &'static mut Vec<String>) -> usize {
    words.len()
}

fn main() {}
