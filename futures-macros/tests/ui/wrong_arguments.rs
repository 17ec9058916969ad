//! Arguments of other types than the task has.

use futures_mpi_macros::remote_task;

#[remote_task]
fn power(base: u64, exponent: u32) -> u64 {
    base.pow(exponent)
}

fn main() {
    submit(power::ID, ("two", 10));
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
