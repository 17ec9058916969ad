//! A `#[state]` that is a trait object, and one that is a slice.

use futures_mpi_macros::remote_task;

#[remote_task]
fn print(#[state] shown: &dyn std::fmt::Display) {
    println!("{shown}");
}

#[remote_task]
fn sum(#[state] values: &[f64]) -> f64 {
    values.iter().sum()
}

fn main() {}
