//! Two parameters with `#[state]`.

use futures_mpi_macros::remote_task;

#[remote_task]
fn step(#[state] model: &Vec<f64>, #[state] steps: &mut u64) {
    *steps += model.len() as u64;
}

fn main() {
    let _ = step::ID;
}
