//! A program whose tasks panic in ways that a future alone cannot tell, in threads of its own or in MPI workers.
//!
//! usage: `panics SCENE threads|mpi`

use futures_mpi::{Error, Executor, MpiPoolExecutor, ThreadPoolExecutor, remote_task};
use std::panic;

#[remote_task]
fn plain() {
    panic!("a plain panic");
}

/// As a C library calls it.
extern "C" fn call_back(n: i32) -> i32 {
    assert!(n > 0, "called back with {n}");
    n
}

#[remote_task]
fn through_c(n: i32) -> i32 {
    call_back(n)
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the second panic");
    }
}

#[remote_task]
fn twice() {
    let _bomb = Bomb;
    panic!("the first panic");
}

#[remote_task]
fn caught() -> bool {
    panic::catch_unwind(|| panic!("a panic that is caught")).is_err()
}

/// Gives on what another thread has died of, after a panic of its own that was caught.
#[remote_task]
fn given_on() {
    let _ = panic::catch_unwind(|| panic!("a panic that is caught"));
    let joined = std::thread::spawn(|| panic!("a panic of another thread")).join();
    joined.unwrap_or_else(|payload| panic::resume_unwind(payload));
}

/// Ends its process after a panic that was caught.
#[remote_task]
fn exits() {
    let _ = panic::catch_unwind(|| panic!("a panic before the exit"));
    std::process::exit(3);
}

#[futures_mpi::main]
fn main() -> Result<(), Error> {
    let argument = |n| std::env::args().nth(n).unwrap_or_default();
    if argument(2) == "threads" {
        let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
        play(&argument(1), &executor);
    } else {
        let executor = MpiPoolExecutor::new()?;
        play(&argument(1), &executor);
    }
    Ok(())
}

fn play(scene: &str, executor: &Executor) {
    match scene {
        "through-c" => println!("{:?}", executor.submit(through_c::ID, 0).result()),
        "twice" => println!("{:?}", executor.submit(twice::ID, ()).result()),
        "caught" => println!("{:?}", executor.submit(caught::ID, ()).result()),
        "exits" => println!("{:?}", executor.submit(exits::ID, ()).result()),
        "given-on" => {
            let error = executor.submit(given_on::ID, ()).result().expect_err("it panics");
            println!("{} at {:?}", error.message(), error.location());
        }
        "hook" => {
            let place = || executor.submit(plain::ID, ()).result().expect_err("it panics").location().is_some();
            println!("place {}", place());
            panic::set_hook(Box::new(|info| eprintln!("the program's own hook: {info}")));
            place();
            println!("place behind a hook {}", place());
        }
        _ => println!("there is no scene {scene:?}"),
    }
}
