//! An empty id.

use futures_mpi_macros::remote_task;

#[remote_task(id = "")]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
