//! A program that comes to harm as a test tells it to: in a task, in `main`, or from outside.
//!
//! usage: `faulty task MEANS`, `faulty main MEANS idle|busy`, `faulty watch`

use futures_mpi::{Error, MpiPoolExecutor, remote_task};
use std::process::ExitCode;
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn sleep(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

#[remote_task]
fn process() -> u32 {
    std::process::id()
}

/// A task that does not come back.
#[remote_task]
fn fall(means: String) -> u32 {
    println!("task falls by {means}");
    come_to_harm(&means);
    0
}

/// Ends this process, or what calls it, by the means that are named.
fn come_to_harm(means: &str) {
    match means {
        "kill" => signal_this_process("KILL"),
        "term" => signal_this_process("TERM"),
        "segv" => signal_this_process("SEGV"),
        "abort" => std::process::abort(),
        "exit0" => std::process::exit(0),
        "exit3" => std::process::exit(3),
        "overflow" => println!("{}", overflow(1)),
        "panic" => panic!("this panic is part of a test"),
        _ => println!("there are no means {means:?}"),
    }
}

fn signal_this_process(name: &str) {
    let id = std::process::id().to_string();
    let _ = std::process::Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
    std::thread::sleep(Duration::from_secs(600));
}

fn overflow(depth: u64) -> u64 {
    let room = [depth; 1000];
    if std::hint::black_box(depth) == 0 { 0 } else { overflow(depth + 1) + std::hint::black_box(room)[500] }
}

#[futures_mpi::main]
fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["task", means] => lose_a_worker(means)?,
        ["watch"] => let_a_task_take_long()?,
        ["main", means, work] => return end_main(means, work == "busy"),
        _ => return Err(format!("there is no scene {arguments:?}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A task takes its worker with it; the others go on.
fn lose_a_worker(means: &str) -> Result<(), Error> {
    let executor = MpiPoolExecutor::new()?;
    println!("{} workers", executor.num_workers()?);
    let error = executor.submit(fall::ID, means).result().expect_err("the worker is lost");
    println!("lost {}: {error}", error.is_worker_lost());
    let squares: Result<Vec<i64>, Error> = executor.map(square::ID, 0..100).into_iter().collect();
    match squares {
        Ok(squares) => println!("the others go on: {}", squares.iter().sum::<i64>()),
        Err(error) => println!("broken {}: {error}", error.is_broken()),
    }
    Ok(())
}

/// One worker has a long task, and a short one is behind all others.
fn let_a_task_take_long() -> Result<(), Error> {
    let executor = MpiPoolExecutor::new()?;
    let long = executor.submit(sleep::ID, 3000);
    executor.submit(square::ID, 7).result()?;
    long.result()?;
    std::thread::sleep(Duration::from_millis(1500));
    println!("the end");
    Ok(())
}

/// The master ends before its work is done.
fn end_main(means: &str, busy: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let executor = MpiPoolExecutor::new()?;
    println!("square {}", executor.submit(square::ID, 7).result()?);
    let duration = if busy { 600_000 } else { 0 };
    let futures: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(sleep::ID, duration)).collect();
    while !futures.iter().all(|future| future.running() || future.done()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("main comes to harm by {means}");
    match means {
        "error" => {
            std::mem::forget(executor);
            return Err("main has had enough".into());
        }
        "status" => {
            std::mem::forget(executor);
            return Ok(ExitCode::from(7));
        }
        "nothing" => {}
        "wait" => std::thread::sleep(Duration::from_secs(600)),
        _ => come_to_harm(means),
    }
    Ok(ExitCode::SUCCESS)
}
