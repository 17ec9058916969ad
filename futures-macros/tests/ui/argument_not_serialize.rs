//! A submitted argument that cannot be encoded.

use futures_mpi_core::{Executor, remote_task};
use serde::Deserialize;

#[derive(Deserialize)]
struct Point {
    x: f64,
}

#[remote_task]
fn abscissa(point: Point) -> f64 {
    point.x
}

fn main() {
    let submit = |executor: &Executor| executor.submit(abscissa::ID, Point { x: 1.0 });
    let _ = submit;
}
