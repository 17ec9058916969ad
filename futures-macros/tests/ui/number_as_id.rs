//! An id that is a number.

use futures_mpi_macros::remote_task;

#[remote_task(id = 7)]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
