//! A type that does not exist.

use futures_mpi_macros::remote_task;

#[remote_task]
fn area(shape: Shape) -> f64 {
    shape.area()
}

fn main() {}
