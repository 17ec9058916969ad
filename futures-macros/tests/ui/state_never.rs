//! A state constructor that never returns.

use futures_mpi_macros::remote_state;

#[remote_state]
fn load() -> ! {
    loop {}
}

fn main() {}
