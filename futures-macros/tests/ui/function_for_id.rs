//! A task function itself where its id is wanted.

use futures_mpi_core::{Executor, remote_task};

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {
    let submit = |executor: &Executor| executor.submit(power, (2, 10));
    let _ = submit;
}
