//! A program that does what a test tells it to: it fails, panics, misbehaves, and says what it saw.
//!
//! usage: `actor SCENE`

use futures_mpi::mpi::topology::SimpleCommunicator;
use futures_mpi::mpi::traits::*;
use futures_mpi::{Error, MpiCommExecutor, MpiPoolExecutor, ThreadPoolExecutor, get_comm_workers, remote_task};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
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
fn divide(a: i64, b: i64) -> i64 {
    a / b
}

#[remote_task]
fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// The arguments of its worker, without the one that its master has added.
#[remote_task]
fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|argument| !argument.starts_with("--futures-mpi-worker=")).collect()
}

/// A task that tries what only the master may do.
#[remote_task]
fn open_a_pool() -> Result<(), Error> {
    MpiPoolExecutor::builder().max_workers(1).build()?;
    Ok(())
}

#[remote_task]
fn square_on_threads(n: i64) -> Result<i64, Error> {
    ThreadPoolExecutor::builder().max_workers(2).build()?.submit(square::ID, n).result()
}

/// What an executor on the world says to a worker in command line mode.
#[remote_task]
fn open_on_the_world() -> Result<(), Error> {
    MpiCommExecutor::world(0).map(drop)
}

/// Ends its worker.
#[remote_task]
fn abort() {
    std::process::abort();
}

/// A parallel task: the number of workers that are in it.
#[remote_task]
fn meet() -> Result<i32, Error> {
    let comm = get_comm_workers()?;
    comm.barrier();
    Ok(comm.size())
}

/// A parallel task in which the worker with this rank ends.
#[remote_task]
fn meet_without(rank: i32) -> Result<i32, Error> {
    let comm = get_comm_workers()?;
    comm.barrier();
    if comm.rank() == rank {
        std::process::abort();
    }
    Ok(comm.rank())
}

/// What a program forgets, and uses when it ends.
static FORGOTTEN: OnceLock<(MpiPoolExecutor, ThreadPoolExecutor)> = OnceLock::new();

extern "C" fn submit_at_exit() {
    let Some((pool, threads)) = FORGOTTEN.get() else { return };
    for (name, future) in [("pool", pool.submit(square::ID, 7)), ("threads", threads.submit(square::ID, 8))] {
        match future.result() {
            Ok(square) => println!("at exit {name}: {square}"),
            Err(error) => println!("at exit {name}: shut down {}: {error}", error.is_shutdown()),
        }
    }
}

#[futures_mpi::main]
fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let scene = std::env::args().nth(1).unwrap_or_default();
    println!("scene {scene}");
    match scene.as_str() {
        "square" => {
            let executor = MpiPoolExecutor::new()?;
            println!("{} workers", executor.num_workers()?);
            println!("square {}", executor.submit(square::ID, 7).result()?);
        }
        "longest-backoff" => {
            let executor = MpiPoolExecutor::builder().backoff(Duration::MAX).build()?;
            println!("square {}", executor.submit(square::ID, 7).result()?);
        }
        "status" => {
            MpiPoolExecutor::new()?.submit(square::ID, 7).result()?;
            return Ok(ExitCode::from(7));
        }
        "error" => {
            let executor = MpiPoolExecutor::new()?;
            executor.submit(square::ID, 7).result()?;
            return Err("main has had enough".into());
        }
        "panic" => {
            let executor = MpiPoolExecutor::new()?;
            executor.submit(square::ID, 7).result()?;
            panic!("main panics");
        }
        "panic-while-busy" => {
            let executor = MpiPoolExecutor::new()?;
            let _futures: Vec<_> = (0..10).map(|_| executor.submit(sleep::ID, 600_000)).collect();
            std::thread::sleep(Duration::from_millis(500));
            panic!("main panics");
        }
        "task-error" => {
            let executor = MpiPoolExecutor::new()?;
            let error = executor.submit(divide::ID, (1, 0)).result().expect_err("it divides by zero");
            println!("{error}");
            println!("square {}", executor.submit(square::ID, 7).result()?);
        }
        "forget" => {
            let executor = MpiPoolExecutor::new()?;
            executor.submit(sleep::ID, 300).add_done_callback(|future| println!("done {}", future.result().is_ok()));
            std::mem::forget(executor);
        }
        "recursive" => {
            let executor = MpiPoolExecutor::new()?;
            let error = executor.submit(open_a_pool::ID, ()).result().expect_err("workers have no pools");
            println!("refused: {}", error.message());
            println!("square {}", executor.submit(square_on_threads::ID, 7).result()?);
        }
        "service" => {
            let address = std::env::args().nth(2).unwrap_or_default();
            for _ in 0..2 {
                let executor =
                    MpiPoolExecutor::builder().service(&address).boot_limit(Duration::from_secs(20)).build()?;
                println!("{} workers of the group", executor.num_workers()?);
                println!("square {}", executor.submit(square::ID, 7).result()?);
                let calls: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(meet::ID, ())).collect();
                println!("workers {}", calls[0].result()?);
            }
        }
        "service-stays" => {
            let [address, release] = [2, 3].map(|n| std::env::args().nth(n).unwrap_or_default());
            let executor = MpiPoolExecutor::builder().service(address).build()?;
            println!("it is served: {}", executor.submit(square::ID, 7).result()?);
            while !Path::new(&release).exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "service-impatient" => {
            let address = std::env::args().nth(2).unwrap_or_default();
            let limit = Duration::from_secs(1);
            let executor = MpiPoolExecutor::builder().service(address).boot_limit(limit).build()?;
            println!("{}", executor.submit(square::ID, 7).result().expect_err("another client is served"));
        }
        "service-vanish" => {
            let address = std::env::args().nth(2).unwrap_or_default();
            let executor = MpiPoolExecutor::builder().service(address).build()?;
            println!("square {}", executor.submit(square::ID, 7).result()?);
            std::process::abort();
        }
        "service-lost" => {
            let address = std::env::args().nth(2).unwrap_or_default();
            let executor = MpiPoolExecutor::builder().service(address).build()?;
            let error = executor.submit(abort::ID, ()).result().expect_err("its worker ends");
            println!("lost {}: {error}", error.is_worker_lost());
            // The others are noticed a moment later.
            let mut errors = std::iter::repeat_with(|| executor.submit(square::ID, 7).result()).filter_map(Result::err);
            let error = errors.find(Error::is_broken).expect("the group ends");
            println!("broken {}: {error}", error.is_broken());
        }
        "service-loses-one" => {
            let address = std::env::args().nth(2).unwrap_or_default();
            let lost: i32 = std::env::args().nth(3).unwrap_or_default().parse()?;
            let executor = MpiPoolExecutor::builder().service(address).build()?;
            let calls: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(meet_without::ID, lost)).collect();
            for result in calls.iter().map(|call| call.result()) {
                match result {
                    Ok(rank) => println!("rank {rank} is still there"),
                    Err(error) => println!("lost {}: {error}", error.is_worker_lost()),
                }
            }
            // Long enough for all that the client may notice of its group.
            std::thread::sleep(Duration::from_millis(300));
            match executor.map(square::ID, 0..100).into_iter().collect::<Result<Vec<i64>, Error>>() {
                Ok(squares) => println!("the others go on: {}", squares.iter().sum::<i64>()),
                Err(error) => println!("broken {}: {error}", error.is_broken()),
            }
            if std::env::args().nth(4).is_some() {
                std::process::abort();
            }
            drop(executor);
            println!("the program goes on");
        }
        "service-end" => {
            futures_mpi::end_service(&std::env::args().nth(2).unwrap_or_default())?;
            println!("the group ends");
        }
        "communicators" => {
            let alone = SimpleCommunicator::self_comm();
            let own = MpiCommExecutor::new(&alone, 0)?.expect("it is the root");
            println!("self {}", own.submit(square::ID, 7).result()?);
            let executor = MpiPoolExecutor::new()?;
            if SimpleCommunicator::world().size() > 1 {
                println!("world: {}", MpiCommExecutor::world(0).expect_err("the others do not come"));
                let error = executor.submit(open_on_the_world::ID, ()).result().expect_err("the master does not come");
                println!("task: {}", error.message());
            }
            let calls: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(meet::ID, ())).collect();
            println!("workers {}", calls[0].result()?);
        }
        "missing-executable" => report(MpiPoolExecutor::builder().exe("no/such/program")),
        "not-a-worker" => report(MpiPoolExecutor::builder().exe("/bin/true").max_workers(1)),
        "too-many" => report(MpiPoolExecutor::builder().max_workers(40)),
        "other-program" => {
            let other = Path::new(&std::env::args().nth(2).unwrap_or_default()).to_owned();
            report(MpiPoolExecutor::builder().exe(other).max_workers(2));
        }
        "cores" => {
            let executor = MpiPoolExecutor::new()?;
            println!("main {}, worker {}", cores(), executor.submit(cores::ID, ()).result()?);
        }
        "no-directory" => {
            let directory = std::env::temp_dir().join(format!("no-directory-{}", std::process::id()));
            std::fs::create_dir(&directory)?;
            std::env::set_current_dir(&directory)?;
            std::fs::remove_dir(&directory)?;
            report(MpiPoolExecutor::builder().max_workers(1));
        }
        "no-executable" => {
            std::fs::remove_file(std::env::current_exe()?)?;
            report(MpiPoolExecutor::builder().max_workers(1));
        }
        "through-wrapper" => {
            let executor = MpiPoolExecutor::builder().max_workers(2).args(["one", "t w o"]);
            let executor = executor.exe(std::env::args().nth(2).unwrap_or_default()).build()?;
            match executor.submit(arguments::ID, ()).result() {
                Ok(arguments) => println!("arguments {arguments:?}"),
                Err(error) => println!("broken {}: {error}", error.is_broken()),
            }
            drop(executor);
            println!("the program goes on");
        }
        "bad-options" => {
            let error = MpiPoolExecutor::builder().max_workers(0).build().expect_err("0 workers are none");
            println!("{error}");
            let builder = || MpiPoolExecutor::builder().max_workers(2);
            for builder in [
                builder().mpi_info([("host", "")]),
                builder().mpi_info([("", "node7")]),
                builder().mpi_info([("host", (0..400).map(|n| format!("node{n:04}")).collect::<Vec<_>>().join(","))]),
                builder().args(["a\0b"]),
                builder().args(["x".repeat(140_000)]),
                builder().args(vec!["y".repeat(100_000); 400]),
                builder().exe("a\0b"),
            ] {
                let error = builder.build().expect_err("it is not accepted");
                println!("configuration {}: {error}", error.is_configuration());
            }
            println!("{}", MpiPoolExecutor::new().err().map_or_else(String::new, |error| error.to_string()));
        }
        "exit-in-callback" => {
            let executor = MpiPoolExecutor::new()?;
            executor.submit(square::ID, 7).add_done_callback(|_| std::process::exit(0));
            std::thread::sleep(Duration::from_secs(600));
        }
        "no-liveness" => match MpiPoolExecutor::builder().liveness(false).max_workers(1).build() {
            Ok(executor) => println!("square {}", executor.submit(square::ID, 7).result()?),
            Err(error) => println!("configuration {}: {error}", error.is_configuration()),
        },
        "variables" => {
            let said =
                |built: Result<MpiPoolExecutor, Error>| built.map_or_else(|error| error.to_string(), |_| "good".into());
            println!("default: {}", said(MpiPoolExecutor::new()));
            let limit = Duration::from_secs(60);
            let builder = MpiPoolExecutor::builder().max_workers(2).backoff(Duration::from_millis(1)).out_of_band(true);
            println!("given: {}", said(builder.boot_limit(limit).shutdown_limit(limit).build()));
        }
        "submit-at-exit" => {
            let executors = (MpiPoolExecutor::new()?, ThreadPoolExecutor::builder().max_workers(1).build()?);
            println!(
                "square {} {}",
                executors.0.submit(square::ID, 7).result()?,
                executors.1.submit(square::ID, 8).result()?
            );
            FORGOTTEN.set(executors).map_err(|_| "they are set once")?;
            shutdown_hooks::add_shutdown_hook(submit_at_exit);
        }
        "no-waiting" => {
            let executor = MpiPoolExecutor::new()?;
            executor.submit(sleep::ID, 300).add_done_callback(|future| println!("done {}", future.result().is_ok()));
            executor.shutdown(false, false);
        }
        "initializer-hangs" => {
            let limits = Duration::from_secs(2);
            let builder = MpiPoolExecutor::builder().initializer(sleep::ID, 600_000).boot_limit(limits);
            report(builder.shutdown_limit(limits));
        }
        _ => return Err(format!("there is no scene {scene:?}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Uses a pool that cannot start, and goes on.
fn report(builder: futures_mpi::MpiPoolBuilder) {
    let executor = builder.build().expect("that it cannot start shows when it is used");
    let futures: Vec<_> = (0..3).map(|n| executor.submit(square::ID, n)).collect();
    for future in futures {
        let error = future.result().expect_err("no worker can take it");
        println!("broken {}: {error}", error.is_broken());
    }
    println!("bootup {}", executor.bootup(true).is_err());
    drop(executor);
    println!("the program goes on");
}
