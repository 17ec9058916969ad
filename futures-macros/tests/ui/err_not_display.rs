//! An `Err` that has no message.

use futures_mpi_macros::remote_task;

#[derive(Debug)]
struct Refusal;

#[remote_task]
fn halve(n: u32) -> Result<u32, Refusal> {
    if n % 2 == 0 { Ok(n / 2) } else { Err(Refusal) }
}

fn main() {}
