//! An `extern fn`.

use futures_mpi_macros::remote_task;

#[remote_task]
extern "C" fn foreign(n: u32) -> u32 {
    n
}

fn main() {}
