//! The attribute on a static.

use futures_mpi_macros::remote_task;

#[remote_task]
static POWER: u64 = 3;

fn main() {}
