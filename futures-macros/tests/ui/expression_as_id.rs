//! An id that is an expression.

use futures_mpi_macros::remote_task;

#[remote_task(id = "a".trim())]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {}
