//! A type called `Result` that is none.

use futures_mpi_macros::remote_task;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Result {
    value: u8,
}

#[remote_task]
fn result(value: u8) -> Result {
    Result { value }
}

fn main() {}
