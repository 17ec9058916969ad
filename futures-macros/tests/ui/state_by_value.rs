//! A `#[state]` that is taken and not lent.

use futures_mpi_macros::remote_task;

#[remote_task]
fn step(#[state] model: Vec<f64>, x: f64) -> f64 {
    model[0] * x
}

fn main() {
    let _ = step::ID;
}
