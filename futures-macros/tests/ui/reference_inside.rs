//! A reference inside an argument.

use futures_mpi_macros::remote_task;

#[remote_task]
fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn main() {}
