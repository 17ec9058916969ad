//! A program that rests now and then, and says how often its processes were awake meanwhile.
//!
//! usage: `resting`

use futures_mpi::{Error, MpiPoolExecutor, remote_task};
use std::fs;
use std::io;
use std::process;
use std::thread;
use std::time::Duration;

/// After so long everybody who may sleep deeply does.
const REST: Duration = Duration::from_millis(600);

#[remote_task]
fn own_id() -> u32 {
    process::id()
}

#[remote_task]
fn square_after(millis: u64, n: i64) -> i64 {
    thread::sleep(Duration::from_millis(millis));
    n * n
}

/// How often the threads of a process have gone to sleep.
fn sleeps(process: u32) -> io::Result<u64> {
    let mut count = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may have ended meanwhile.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(count)
}

#[futures_mpi::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let executor = MpiPoolExecutor::new()?;
    let worker = executor.submit(own_id::ID, ()).result()?;
    let both = || Ok::<_, io::Error>(sleeps(process::id())? + sleeps(worker)?);

    thread::sleep(REST);
    let before = both()?;
    thread::sleep(Duration::from_secs(1));
    println!("idle: {} sleeps in a second", both()? - before);

    let before = both()?;
    println!("square {}", executor.submit(square_after::ID, (1_500, 7)).result()?);
    println!("waiting: {} sleeps in a second and a half", both()? - before);

    // Nobody waits for these: the pool's own thread has to be awake again for the second half of them.
    thread::sleep(REST);
    let futures: Vec<_> = (0..40).map(|n| executor.submit(square_after::ID, (2, n))).collect();
    while !futures.iter().all(|future| future.done()) {
        thread::sleep(Duration::from_millis(1));
    }
    let sum = futures.iter().map(|future| future.result()).sum::<Result<i64, Error>>()?;
    println!("nobody waits: {sum}");

    thread::sleep(REST);
    let sum = executor.map(square_after::ID, (0..40).map(|n| (0, n))).into_iter().sum::<Result<i64, Error>>()?;
    println!("map: {sum}");
    Ok(())
}
