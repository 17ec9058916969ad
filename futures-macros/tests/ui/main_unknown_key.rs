//! A key that does not exist.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main(workers = 3)]
fn main() -> Result<(), String> {
    Ok(())
}
