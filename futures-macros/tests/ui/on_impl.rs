//! The attribute on an impl.

use futures_mpi_macros::remote_task;

struct Power;

#[remote_task]
impl Power {
    fn power() {}
}

fn main() {}
