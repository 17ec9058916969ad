//! A reference in `Ok`.

use futures_mpi_macros::remote_task;

#[remote_task]
fn trim(text: &str) -> Result<Option<&str>, String> {
    Ok(Some(text.trim()))
}

fn main() {}
