//! Says hello from every worker: the first program to try on a new machine.
//!
//! Start it alone, and its workers are spawned (`FUTURES_MPI_MAX_WORKERS=4 cargo run --example hello`), or by mpiexec
//! with several processes, and all but the first are the workers (`mpiexec -n 5 target/debug/examples/hello`).

use futures_mpi::{MpiPoolExecutor, remote_task};

#[remote_task]
fn greet(name: &str) -> String {
    format!("hello {name}, this is process {}", std::process::id())
}

#[futures_mpi::main]
fn main() -> Result<(), futures_mpi::Error> {
    let executor = MpiPoolExecutor::new()?;
    let workers = executor.num_workers()?;
    println!("{workers} workers");
    for greeting in executor.map(greet::ID, ["world", "moon", "sun"]) {
        println!("{}", greeting?);
    }
    Ok(())
}
