//! A function of an `impl` that does not look like one: all is left to the compiler.

use futures_mpi_macros::remote_task;

struct Counter;

impl Counter {
    #[remote_task]
    fn twice(start: u32) -> u32 {
        2 * start
    }
}

fn main() {}
