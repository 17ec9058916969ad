//! A function that does not return.

use futures_mpi_macros::remote_task;

#[remote_task]
fn forever() -> ! {
    loop {}
}

fn main() {}
