//! A program that does not depend on the library.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main]
fn main() {}
