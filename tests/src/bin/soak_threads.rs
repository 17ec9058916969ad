//! Does the same for long on threads, without MPI, and compares what the process holds early and late.
//!
//! usage: `soak_threads pools|side-by-side|shutdowns|queue|endless COUNT`

use futures_mpi_tests::conformance::Kind;
use futures_mpi_tests::soak;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    soak::play(Kind::Threads)
}
