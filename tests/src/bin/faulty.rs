//! A program that comes to harm as a test tells it to: in a task, in `main`, or from outside.
//!
//! usage: `faulty task MEANS`, `faulty on-the-way`, `faulty main MEANS idle|busy`, `faulty watch`,
//! `faulty give-up MEANS`, `faulty replace SCENE`

use futures_mpi::{Error, MpiPoolExecutor, get_comm_workers, remote_task};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
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

/// The process that it ran in.
#[remote_task]
fn process_after(millis: u64) -> u32 {
    std::thread::sleep(Duration::from_millis(millis));
    std::process::id()
}

/// A parallel task.
#[remote_task]
fn meet() -> Result<(), Error> {
    get_comm_workers().map(drop)
}

/// Takes its worker with it, unless it has done that before.
#[remote_task]
fn fall_once(mark: String) -> String {
    if fs::OpenOptions::new().write(true).create_new(true).open(&mark).is_ok() {
        come_to_harm("kill");
    }
    format!("there is a mark: {}", Path::new(&mark).exists())
}

/// A task that does not come back.
#[remote_task]
fn fall(means: String) -> u32 {
    println!("task falls by {means}");
    come_to_harm(&means);
    0
}

#[remote_task]
fn fall_after(millis: u64, means: String) {
    std::thread::sleep(Duration::from_millis(millis));
    come_to_harm(&means);
}

#[remote_task]
fn fall_with(data: Vec<u8>, means: String) -> usize {
    come_to_harm(&means);
    data.len()
}

/// An argument that takes its worker with it when it is decoded.
#[derive(Serialize)]
struct FallsAtItsArrival(String);

impl<'de> Deserialize<'de> for FallsAtItsArrival {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let means = String::deserialize(deserializer)?;
        come_to_harm(&means);
        Ok(FallsAtItsArrival(means))
    }
}

/// A result that takes its worker with it when it is encoded.
#[derive(Deserialize)]
struct FallsAtItsDeparture(String);

impl Serialize for FallsAtItsDeparture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        come_to_harm(&self.0);
        serializer.serialize_newtype_struct("FallsAtItsDeparture", &self.0)
    }
}

#[remote_task]
fn receive(_argument: FallsAtItsArrival) {}

#[remote_task]
fn give(means: String) -> FallsAtItsDeparture {
    FallsAtItsDeparture(means)
}

/// Ends this process, or what calls it, by the means that are named.
fn come_to_harm(means: &str) {
    match means {
        "kill" => signal_this_process("KILL"),
        "term" => signal_this_process("TERM"),
        "stop" => signal_this_process("STOP"),
        "segv" => signal_this_process("SEGV"),
        "abort" => std::process::abort(),
        "exit0" => std::process::exit(0),
        "exit3" => std::process::exit(3),
        "overflow" => println!("{}", overflow(1)),
        "panic" => panic!("this panic is part of a test"),
        "hang" => std::panic::panic_any(Hanging),
        _ => println!("there are no means {means:?}"),
    }
}

/// What a panic leaves behind, and nobody gets rid of.
struct Hanging;

impl Drop for Hanging {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_secs(600));
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
        ["on-the-way"] => lose_workers_on_the_way()?,
        ["watch"] => let_a_task_take_long()?,
        ["give-up", means] => give_a_task_up(means)?,
        ["replace", "again-and-again"] => replace_again_and_again()?,
        ["replace", "endlessly"] => replace_endlessly()?,
        ["replace", "missing", program] => replace_by_a_missing_program(program)?,
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

/// Workers are lost before and behind the function of a task, after the shutdown, and with large arguments under way.
fn lose_workers_on_the_way() -> Result<(), Error> {
    for means in ["abort", "exit3"] {
        let executor = MpiPoolExecutor::new()?;
        let arrival = executor.submit(receive::ID, FallsAtItsArrival(means.to_owned())).exception();
        println!("at its arrival by {means}: {}", arrival.is_some_and(|error| error.is_worker_lost()));
        let departure = executor.submit(give::ID, means).exception();
        println!("at its departure by {means}: {}", departure.is_some_and(|error| error.is_worker_lost()));
        println!("square {}", executor.submit(square::ID, 7).result()?);
    }
    let executor = MpiPoolExecutor::new()?;
    let late = executor.submit(fall_after::ID, (100, "abort"));
    executor.shutdown(true, false);
    println!("after the shutdown: {}", late.exception().is_some_and(|error| error.is_worker_lost()));
    let executor = MpiPoolExecutor::new()?;
    let items = (0..10).map(|_| (vec![7; 1 << 20], "abort"));
    let (done, lost): (Vec<_>, Vec<_>) = executor.map(fall_with::ID, items).into_iter().partition(Result::is_ok);
    println!("large ones: {} are done, {} are not", done.len(), lost.len());
    Ok(())
}

/// Workers are lost one after the other, and the pool keeps its size.
fn replace_again_and_again() -> Result<(), Error> {
    let executor = MpiPoolExecutor::builder().replace_lost_workers(true).initializer(sleep::ID, 10).build()?;
    let size = executor.num_workers()?;
    executor.submit(meet::ID, ()).result()?;
    for means in ["kill", "exit3", "abort"] {
        let error = executor.submit(fall::ID, means).result().expect_err("the worker is lost");
        println!("lost {}: {error}", error.is_worker_lost());
        let squares: Result<Vec<i64>, Error> = executor.map(square::ID, 0..100).into_iter().collect();
        println!("all others are done: {}", squares?.iter().sum::<i64>());
        println!("as many as before: {}", share_of_work(&executor, size)? == size);
    }
    let mark = std::env::temp_dir().join(format!("futures-mpi-fall-{}", std::process::id()));
    let again = executor.call(fall_once::ID).retries(1).submit(mark.to_string_lossy().into_owned()).result();
    let _ = fs::remove_file(mark);
    println!("tried again: {}", again?);
    for _ in 0..4 * size {
        let error = executor.submit(meet::ID, ()).result().expect_err("not all workers are there any more");
        println!("no communicator: {error}");
    }
    executor.submit(fall::ID, "kill").result().expect_err("the worker is lost");
    println!("the program ends while a worker is on its way");
    Ok(())
}

/// Waits until so many processes share the work; how many do in the end.
fn share_of_work(executor: &MpiPoolExecutor, size: usize) -> Result<usize, Error> {
    let mut processes = BTreeSet::new();
    for _ in 0..500 {
        let calls = executor.map(process_after::ID, vec![5; 4 * size]);
        processes = calls.into_iter().collect::<Result<_, Error>>()?;
        if processes.len() == size {
            break;
        }
    }
    Ok(processes.len())
}

/// No worker survives its first task.
fn replace_endlessly() -> Result<(), Error> {
    let executor = MpiPoolExecutor::builder().replace_lost_workers(true).max_workers(1).build()?;
    let mut lost = 0;
    loop {
        let error = executor.submit(fall::ID, "kill").result().expect_err("the worker is lost");
        if error.is_broken() {
            println!("broken after {lost}: {error}");
            return Ok(());
        }
        lost += 1;
    }
}

/// The program of the workers is not there any more when it is needed again.
fn replace_by_a_missing_program(program: &str) -> Result<(), Error> {
    let builder = MpiPoolExecutor::builder().replace_lost_workers(true).exe(program).max_workers(2);
    let executor = builder.build()?;
    println!("{} workers", executor.num_workers()?);
    fs::remove_file(program).map_err(Error::other)?;
    executor.submit(fall::ID, "kill").result().expect_err("the worker is lost");
    println!("square {}", executor.submit(square::ID, 7).result()?);
    executor.submit(fall::ID, "kill").result().expect_err("the worker is lost");
    println!("broken: {}", executor.submit(square::ID, 7).result().expect_err("no worker is left"));
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

/// The program ends while a worker is in a task that was given up, and cannot take leave.
fn give_a_task_up(means: &str) -> Result<(), Error> {
    let executor = MpiPoolExecutor::new()?;
    executor.bootup(true)?;
    let call = executor.call(fall::ID).task_timeout(Duration::from_millis(100));
    call.submit(means).result().expect_err("its time is up");
    println!("main comes to its end");
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
