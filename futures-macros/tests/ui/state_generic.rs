//! A generic state constructor, and one that is `async`.

use futures_mpi_macros::remote_state;

#[remote_state]
fn empty<T>() -> Vec<T> {
    Vec::new()
}

#[remote_state]
async fn load() -> Vec<u8> {
    Vec::new()
}

fn main() {}
