//! A crate that is no path.

use futures_mpi_macros::remote_task;

#[remote_task(crate = 1 + 1)]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
