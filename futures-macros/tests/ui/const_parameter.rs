//! A function with a const parameter.

use futures_mpi_macros::remote_task;

#[remote_task]
fn sum<const N: usize>(values: [u8; N]) -> u8 {
    values.iter().sum()
}

fn main() {}
