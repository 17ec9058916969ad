//! The attribute on a trait.

use futures_mpi_macros::remote_task;

#[remote_task]
trait Power {}

fn main() {}
