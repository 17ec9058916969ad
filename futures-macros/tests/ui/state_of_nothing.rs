//! A state constructor that returns nothing.

use futures_mpi_macros::remote_state;

#[remote_state]
fn load(path: &str) {
    println!("{path}");
}

fn main() {
    let _ = load::ID;
}
