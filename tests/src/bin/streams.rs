//! A program whose `main` and tasks read and write, as a test tells it to.
//!
//! usage: `streams read-in-main`, `streams read-in-task`, `streams read-nothing`, `streams write`,
//! `streams write-at-exit FOLDER`

use futures_mpi::{Error, MpiPoolExecutor, remote_task};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

#[remote_task]
fn length(line: &str) -> usize {
    line.len()
}

/// What it finds on standard input.
#[remote_task]
fn read() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map(|_| text)
}

/// Writes more than a pipe holds, and no end of a line, so that the last of it stays in the buffer.
#[remote_task]
fn write(count: usize) {
    print!("{}\n<the end>", "x".repeat(count));
}

/// Writes a file in pieces when its process ends, as a library does that closes its files then.
struct WritesAtExit(File);

impl Drop for WritesAtExit {
    fn drop(&mut self) {
        for _ in 0..100 {
            std::thread::sleep(Duration::from_micros(200));
            let _ = self.0.write_all(b"data");
        }
    }
}

thread_local! {
    static AT_EXIT: RefCell<Option<WritesAtExit>> = const { RefCell::new(None) };
}

#[remote_task]
fn write_at_exit(folder: PathBuf) -> io::Result<()> {
    let file = File::create(folder.join(std::process::id().to_string()))?;
    AT_EXIT.set(Some(WritesAtExit(file)));
    // Every worker gets one of the calls.
    std::thread::sleep(Duration::from_millis(20));
    Ok(())
}

#[futures_mpi::main]
fn main() -> Result<(), Error> {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let executor = MpiPoolExecutor::new()?;
    // Every worker is there, and the start of MPI is over.
    executor.bootup(true)?;
    match scene.as_str() {
        "read-in-main" => {
            let lines: io::Result<Vec<String>> = io::stdin().lock().lines().collect();
            let lengths: Result<Vec<usize>, Error> =
                executor.map(length::ID, lines.map_err(Error::other)?).chunksize(100).into_iter().collect();
            let lengths = lengths?;
            println!("{} lines, {} bytes", lengths.len(), lengths.iter().sum::<usize>());
        }
        "read-in-task" => {
            // One for each worker, so that none is missed.
            let calls: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(read::ID, ())).collect();
            for call in calls {
                println!("a task has read {:?}", call.result()?);
            }
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(Error::other)?;
            println!("main has read {text:?}");
        }
        "write" => executor.submit(write::ID, 200_000).result()?,
        "write-at-exit" => {
            let folder = PathBuf::from(std::env::args().nth(2).unwrap_or_default());
            let calls: Vec<_> =
                (0..executor.num_workers()?).map(|_| executor.submit(write_at_exit::ID, &folder)).collect();
            calls.iter().try_for_each(|call| call.result())?;
        }
        "read-nothing" => println!("length {}", executor.submit(length::ID, "abc").result()?),
        _ => return Err(Error::other(io::Error::other(format!("there is no scene {scene:?}")))),
    }
    Ok(())
}
