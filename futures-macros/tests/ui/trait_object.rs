//! A trait object.

use futures_mpi_macros::remote_task;

#[remote_task]
fn show(value: &dyn std::fmt::Display) -> String {
    value.to_string()
}

fn main() {}
