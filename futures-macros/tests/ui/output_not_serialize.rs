//! An output that cannot be encoded.

use futures_mpi_macros::remote_task;

struct Point {
    x: f64,
}

#[remote_task]
fn at(x: f64) -> Point {
    Point { x }
}

fn main() {}
