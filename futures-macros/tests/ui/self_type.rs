//! A function of an `impl` that names `Self`.

use futures_mpi_macros::remote_task;

struct Counter(u32);

impl Counter {
    #[remote_task]
    fn new(start: u32) -> Self {
        Counter(start)
    }
}

fn main() {}
