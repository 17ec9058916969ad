//! A program whose workers are on several hosts, of which one may be lost.
//!
//! usage: `hosts where|lost [WORKERS HOSTS]`; with the number of workers they are spawned on HOSTS, as `h2:2`

use futures_mpi::{MpiPoolExecutor, remote_task};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

/// Takes some time, and tells where.
#[remote_task]
fn nap(millis: u64, _data: Vec<u8>) -> Result<String, String> {
    std::thread::sleep(Duration::from_millis(millis));
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").map_err(|error| error.to_string())?;
    Ok(name.trim().to_owned())
}

#[futures_mpi::main]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut builder = MpiPoolExecutor::builder();
    if let [_, workers, hosts] = &arguments[..] {
        builder = builder.max_workers(workers.parse()?).mpi_info([("add-host", hosts)]);
    }
    let executor = builder.build()?;
    executor.bootup(true)?;
    println!("{} workers", executor.num_workers()?);
    let (naps, millis, bytes) = match arguments.first().map(String::as_str) {
        Some("where") => (4 * executor.num_workers()?, 20, 0),
        // Something is on its way to the host when it is lost.
        Some("lost") => (100, 200, 100_000),
        other => return Err(format!("there is no scene {other:?}").into()),
    };
    let calls: Vec<_> = (0..naps).map(|_| executor.submit(nap::ID, (millis, vec![0; bytes]))).collect();
    let (mut places, mut lost) = (BTreeMap::<String, usize>::new(), Vec::new());
    for call in calls {
        match call.result() {
            Ok(place) => *places.entry(place).or_default() += 1,
            Err(error) if error.is_worker_lost() || error.is_broken() => lost.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    println!("ran on {}", places.into_keys().collect::<Vec<_>>().join(" and "));
    if let Some(first) = lost.first() {
        println!("{} of {naps} lost: {first}", lost.len());
    }
    match executor.submit(nap::ID, (1, Vec::new())).result() {
        Ok(place) => println!("it goes on, on {place}"),
        Err(error) => println!("broken {}: {error}", error.is_broken()),
    }
    Ok(())
}
