//! A method without a body.

use futures_mpi_macros::remote_task;

trait Count {
    #[remote_task]
    fn next(step: u32) -> u32;
}

fn main() {}
