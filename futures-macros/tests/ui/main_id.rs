//! The other attribute's key.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main(id = "main")]
fn main() {}
