//! A function with both attributes.

use futures_mpi_macros::{remote_state, remote_task};

#[remote_state]
#[remote_task]
fn load() -> Vec<f64> {
    Vec::new()
}

fn main() {}
