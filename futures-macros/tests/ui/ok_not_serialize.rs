//! An `Ok` that cannot be encoded.

use futures_mpi_macros::remote_task;

struct Point {
    x: f64,
}

#[remote_task]
fn at(x: f64) -> Result<Point, String> {
    Ok(Point { x })
}

fn main() {}
