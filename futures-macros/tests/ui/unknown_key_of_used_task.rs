//! A mistaken key of a function whose id is used.

use futures_mpi_macros::remote_task;

#[remote_task(ident = "power")]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {
    let power: u64 = submit(power::ID, (2, 10));
    assert_eq!(power, 1024);
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
