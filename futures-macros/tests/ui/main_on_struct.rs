//! The attribute on a struct.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main]
struct Main;

fn main() {}
