//! An `unsafe fn`.

use futures_mpi_macros::remote_task;

#[remote_task]
unsafe fn danger(n: u32) -> u32 {
    n
}

fn main() {}
