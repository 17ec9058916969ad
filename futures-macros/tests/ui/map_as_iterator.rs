//! A map that is used as an iterator before it is one.

use futures_mpi_core::{Executor, remote_task};

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {
    let squares = |executor: &Executor| executor.map(power::ID, [(2, 2)]).enumerate();
    let _ = squares;
}
