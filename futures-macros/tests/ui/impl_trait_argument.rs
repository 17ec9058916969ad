//! `impl Trait` as an argument.

use futures_mpi_macros::remote_task;

#[remote_task]
fn show(value: impl std::fmt::Display) -> String {
    value.to_string()
}

fn main() {
    println!("{}", submit(show::ID, 3));
}

fn submit<A, O>(_: futures_mpi_core::TaskId<A, O>, _: impl futures_mpi_core::IntoArgs<A>) -> O {
    panic!()
}
