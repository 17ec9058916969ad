//! A crate that does not exist.

use futures_mpi_macros::remote_task;

#[remote_task(crate = nowhere)]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
