//! A crate that is a string.

use futures_mpi_macros::remote_task;

#[remote_task(crate = "futures_mpi_core")]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
