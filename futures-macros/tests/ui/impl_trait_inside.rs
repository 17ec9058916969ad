//! `impl Trait` inside an argument.

use futures_mpi_macros::remote_task;

#[remote_task]
fn show(values: Vec<impl std::fmt::Display>) -> usize {
    values.len()
}

fn main() {}
