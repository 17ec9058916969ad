//! A state constructor that borrows a state.

use futures_mpi_macros::remote_state;

#[remote_state]
fn load(#[state] before: &Vec<f64>) -> Vec<f64> {
    before.clone()
}

fn main() {
    let _ = load::ID;
}
