//! `id` twice.

use futures_mpi_macros::remote_task;

#[remote_task(id = "a", id = "b")]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
