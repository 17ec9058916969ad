//! The attribute on an enum.

use futures_mpi_macros::remote_task;

#[remote_task]
enum Power {
    Low,
    High,
}

fn main() {}
