//! An argument that cannot be decoded.

use futures_mpi_macros::remote_task;

struct Point {
    x: f64,
}

#[remote_task]
fn abscissa(scale: f64, point: Point) -> f64 {
    scale * point.x
}

fn main() {}
