//! An `async` main function.

use futures_mpi_macros as futures_mpi;

#[futures_mpi::main]
async fn main() {
    work().await;
}

async fn work() {}
