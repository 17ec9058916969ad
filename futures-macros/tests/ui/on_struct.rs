//! The attribute on a struct.

use futures_mpi_macros::remote_task;

#[remote_task]
struct Power {
    base: u64,
}

fn main() {}
