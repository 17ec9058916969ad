//! `impl Trait` as the return type.

use futures_mpi_macros::remote_task;

#[remote_task]
fn numbers(n: u32) -> impl Iterator<Item = u32> {
    0..n
}

fn main() {
    println!("{}", submit(numbers::ID, 3));
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
