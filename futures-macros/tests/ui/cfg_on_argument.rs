//! An argument under `cfg`.

use futures_mpi_macros::remote_task;

#[remote_task]
fn length(text: String, #[cfg(any())] _more: u8) -> usize {
    text.len()
}

fn main() {}
