//! A program that forks, in `main` and in tasks.
//!
//! usage: `forks SCENE threads|mpi`

use fork::{Fork, fork};
use futures_mpi::{Error, Executor, MpiPoolExecutor, ThreadPoolExecutor, remote_task};
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn nap(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Forks a process that calls `exit`; its status, as the system gives it.
#[remote_task]
fn status_of_child() -> i32 {
    match fork().expect("there is room for a process") {
        Fork::Child => std::process::exit(7),
        Fork::Parent(child) => fork::waitpid(child).expect("it is a child") >> 8,
    }
}

#[futures_mpi::main]
fn main() -> Result<(), Error> {
    let argument = |n| std::env::args().nth(n).unwrap_or_default();
    if argument(1) == "daemon" {
        if let Fork::Parent(child) = fork().expect("there is room for a process") {
            fork::waitpid(child).expect("it is a child");
            std::process::exit(0);
        }
        println!("{}", MpiPoolExecutor::new().expect_err("MPI is the parent's"));
        return Ok(());
    }
    if argument(2) == "threads" {
        let executor = ThreadPoolExecutor::builder().max_workers(2).build()?;
        play(&executor)
    } else {
        let executor = MpiPoolExecutor::new()?;
        play(&executor)
    }
}

fn play(executor: &Executor) -> Result<(), Error> {
    println!("square {}", executor.submit(square::ID, 3).result()?);
    println!("in a task {}", executor.submit(status_of_child::ID, ()).result()?);
    // A child that has a status of its own though tasks are running, and one that returns from main.
    let busy = executor.submit(nap::ID, 300);
    println!("in main {}", status_of_child());
    match fork().expect("there is room for a process") {
        Fork::Child => return Ok(()),
        Fork::Parent(child) => println!("after main {}", fork::waitpid(child).expect("it is a child") >> 8),
    }
    busy.result()?;
    println!("square {}", executor.submit(square::ID, 4).result()?);
    Ok(())
}
