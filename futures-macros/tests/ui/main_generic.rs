//! A generic main function.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main]
fn main<T>() {}
