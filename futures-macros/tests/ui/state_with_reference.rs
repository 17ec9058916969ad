//! A state that holds a reference.

use futures_mpi_macros::{remote_state, remote_task};

#[remote_state]
fn load(words: &[String]) -> Result<Vec<&str>, String> {
    Ok(words.iter().map(String::as_str).collect())
}

#[remote_task]
fn count(#[state] words: &Vec<&str>) -> usize {
    words.len()
}

fn main() {}
