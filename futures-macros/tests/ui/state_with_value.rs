//! A `#[state]` with something in parentheses.

use futures_mpi_macros::remote_task;

#[remote_task]
fn count(#[state(mutable)] words: &Vec<String>) -> usize {
    words.len()
}

fn main() {}
