//! The attribute of a state constructor on a struct.

use futures_mpi_macros::remote_state;

#[remote_state]
struct Model {
    weights: Vec<f64>,
}

fn main() {}
