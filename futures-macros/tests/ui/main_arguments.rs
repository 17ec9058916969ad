//! A main function with arguments.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main]
fn main(arguments: Vec<String>) {
    println!("{arguments:?}");
}
