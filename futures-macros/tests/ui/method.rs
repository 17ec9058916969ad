//! A method with a receiver.

use futures_mpi_macros::remote_task;

struct Counter(u32);

impl Counter {
    #[remote_task]
    fn next(&self, step: u32) -> u32 {
        self.0 + step
    }
}

fn main() {}
