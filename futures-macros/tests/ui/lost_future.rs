//! A submission whose result is lost by oversight.

#![deny(unused_must_use)]

use futures_mpi_core::{Executor, remote_task};

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {
    let submit = |executor: &Executor| {
        executor.submit(power::ID, (2, 10));
    };
    let _ = submit;
}
