//! A state constructor with its attribute twice.

use futures_mpi_macros::remote_state;

#[remote_state]
#[remote_state]
fn load() -> Vec<f64> {
    Vec::new()
}

fn main() {}
