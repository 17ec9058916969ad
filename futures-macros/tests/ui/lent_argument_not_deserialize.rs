//! A lent argument that cannot be decoded.

use futures_mpi_macros::remote_task;

struct Point {
    x: f64,
}

#[remote_task]
fn abscissa(points: &[Point]) -> f64 {
    points[0].x
}

fn main() {}
