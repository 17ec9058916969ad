//! Does the same for long on MPI workers, and compares what the process holds early and late.
//!
//! usage: `soak pools|side-by-side|shutdowns|queue|endless COUNT`

use futures_mpi_tests::conformance::Kind;
use futures_mpi_tests::soak;

#[futures_mpi::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    soak::play(Kind::Mpi)
}
