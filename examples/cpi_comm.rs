//! Computes pi in a parallel task, as an MPI program of its own that makes a pool of its ranks for a part of its way.
//!
//! usage: `mpiexec -n 5 cpi_comm [INTERVALS]`, 256 if not given

#[path = "shared/cpi.rs"]
mod cpi;

use clap::Parser;
use futures_mpi::MpiCommExecutor;
use futures_mpi::mpi::{self, Threading, traits::*};

fn main() -> Result<(), futures_mpi::Error> {
    let options = cpi::Options::parse();
    let (universe, _) = mpi::initialize_with_threading(Threading::Multiple).expect("MPI starts once");
    let world = universe.world();
    if let Some(executor) = MpiCommExecutor::new(&world, 0)? {
        cpi::run(&executor, options.intervals)?;
    }
    // The pool is over, and all ranks go on.
    world.barrier();
    Ok(())
}
