//! A program that runs on all its ranks and opens executors on communicators, well and badly, and says what it saw.
//!
//! usage: `ranks SCENE [THREAD_LEVEL | ROUNDS]`

use futures_mpi::mpi::collective::SystemOperation;
use futures_mpi::mpi::topology::{Color, SimpleCommunicator};
use futures_mpi::mpi::{self, Threading, traits::*};
use futures_mpi::{
    Error, MpiCommExecutor, MpiPoolExecutor, ReturnWhen, ThreadPoolExecutor, get_comm_workers, remote_task, wait,
};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

/// Ends its process.
#[remote_task]
fn abort() {
    std::process::abort();
}

#[remote_task]
fn sleep(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// A parallel task: every worker gives `value`, and gets the sum of all.
#[remote_task]
fn sum_over_workers(value: i64) -> Result<i64, Error> {
    let comm = get_comm_workers()?;
    comm.barrier();
    let mut sum = 0;
    comm.all_reduce_into(&value, &mut sum, SystemOperation::sum());
    Ok(sum)
}

/// A parallel task that opens an executor on the workers, and gives what the first of them computes.
#[remote_task]
fn square_among_workers(n: i64) -> Result<i64, Error> {
    let comm = get_comm_workers()?;
    comm.barrier();
    match MpiCommExecutor::new(&*comm, 0)? {
        Some(executor) => executor.submit(square::ID, n).result(),
        None => Ok(0),
    }
}

fn main() -> Result<(), Error> {
    let argument = |n| std::env::args().nth(n).unwrap_or_default();
    let scene = argument(1);
    if scene == "uninitialised" {
        println!("{}", MpiCommExecutor::world(0).expect_err("MPI is not there"));
        return Ok(());
    }
    let level = match &*argument(2) {
        "single" => Threading::Single,
        "funneled" => Threading::Funneled,
        "serialized" => Threading::Serialized,
        _ => Threading::Multiple,
    };
    let (universe, _) = mpi::initialize_with_threading(level).expect("MPI starts once");
    let world = universe.world();
    match scene.as_str() {
        "beside" => beside(&world)?,
        "halves" => halves(&world)?,
        "in-turn" => in_turn(&world, argument(2).parse().unwrap_or(10))?,
        "parallel" => parallel(&world)?,
        "nested" => nested(&world)?,
        "bad-root" => refused(&world, 7),
        "negative-root" => refused(&world, -1),
        "different-roots" => refused(&world, world.rank()),
        "bad-backoff" => refused(&world, 0),
        "levels" => levels(&world)?,
        "panic" => panic_and_go_on(&world),
        "panic-through" => panic_through(&world)?,
        "leaked" => leak_an_executor(&world)?,
        "universe-first" => {
            let executor = MpiCommExecutor::new(&world, 0)?;
            drop(universe);
            let call = executor.as_deref().map(|executor| executor.submit(square::ID, 3).result());
            println!("then {call:?}, and on");
        }
        "lost" => lose_a_rank(&world)?,
        "lost-root" => lose_the_root(&world)?,
        "other-executors" => other_executors(),
        "intercommunicator" => intercommunicator(&world),
        _ => println!("there is no scene {scene:?}"),
    }
    Ok(())
}

/// The executor is there when MPI is finalised.
fn leak_an_executor(world: &SimpleCommunicator) -> Result<(), Error> {
    if let Some(executor) = MpiCommExecutor::new(world, 0)? {
        println!("square {}", executor.submit(square::ID, 3).result()?);
        std::mem::forget(executor);
    }
    println!("then on");
    Ok(())
}

/// The program's own messages before, while and after there is an executor, on the communicator that it was given.
fn beside(world: &SimpleCommunicator) -> Result<(), Error> {
    let root = world.size() - 1;
    let next = world.process_at_rank((world.rank() + 1) % world.size());
    let before = world.rank();
    // Sent before and received after: the pool must not swallow it.
    mpi::request::scope(|scope| -> Result<(), Error> {
        let request = next.immediate_send(scope, &before);
        if let Some(executor) = MpiCommExecutor::new(world, root)? {
            let futures: Vec<_> = (0..100).map(|n| executor.submit(square::ID, n)).collect();
            for n in 0..100 {
                mpi::point_to_point::send_receive::<i32, _, _, _>(&n, &world.this_process(), &world.this_process());
            }
            let sum: i64 = futures.iter().map(|future| future.result().unwrap_or(0)).sum();
            println!("sum {sum}");
        }
        let (received, _) = world.any_process().receive::<i32>();
        assert_eq!(received, (before + world.size() - 1) % world.size());
        request.wait();
        Ok(())
    })?;
    let mut sum = 0;
    world.all_reduce_into(&world.rank(), &mut sum, SystemOperation::sum());
    println!("after {sum}");
    Ok(())
}

/// Two executors at once, on communicators that the program has made.
fn halves(world: &SimpleCommunicator) -> Result<(), Error> {
    let half = world.split_by_color(Color::with_value(world.rank() % 2)).expect("every rank is in a half");
    if let Some(executor) = MpiCommExecutor::new(&half, half.size() - 1)? {
        println!("half {} of {} workers", executor.submit(square::ID, 3).result()?, executor.num_workers()?);
    }
    world.barrier();
    println!("together");
    Ok(())
}

/// One executor after the other, with every root, used and unused.
fn in_turn(world: &SimpleCommunicator, rounds: i32) -> Result<(), Error> {
    for turn in 0..rounds * world.size() {
        let root = turn % world.size();
        let executor = MpiCommExecutor::world(root)?;
        assert_eq!(executor.is_some(), world.rank() == root);
        if let Some(executor) = executor.filter(|_| turn % 3 > 0) {
            let n = i64::from(turn);
            assert_eq!(executor.submit(square::ID, n).result()?, n * n);
        }
    }
    println!("all turns taken");
    Ok(())
}

/// Many parallel tasks, one behind the other, that do not wait for one another, and others among them.
fn parallel(world: &SimpleCommunicator) -> Result<(), Error> {
    if let Some(executor) = MpiCommExecutor::new(world, 0)? {
        let workers = executor.num_workers()?;
        let others: Vec<_> = (0..50).map(|n| executor.submit(square::ID, n)).collect();
        let calls: Vec<_> = (0..100 * workers)
            .map(|call| executor.submit(sum_over_workers::ID, (call / workers) as i64))
            .inspect(|_| drop(executor.submit(sleep::ID, 0)))
            .collect();
        wait(&calls, ReturnWhen::AllCompleted, None);
        for (call, future) in calls.iter().enumerate() {
            assert_eq!(future.result()?, (call / workers * workers) as i64);
        }
        assert!(others.iter().all(|future| future.result().is_ok()));
        println!("parallel tasks of {workers} workers");
    }
    println!("outside: {}", get_comm_workers().expect_err("this is no task"));
    let threads = ThreadPoolExecutor::builder().max_workers(1).build()?;
    let error = threads.submit(sum_over_workers::ID, 1).result().expect_err("threads are no processes");
    println!("on a thread: {}", error.message());
    Ok(())
}

/// An executor in a task, on the communicator of the workers.
fn nested(world: &SimpleCommunicator) -> Result<(), Error> {
    if let Some(executor) = MpiCommExecutor::new(world, 0)? {
        let calls: Vec<_> =
            (0..executor.num_workers()?).map(|_| executor.submit(square_among_workers::ID, 9)).collect();
        let results: Result<Vec<_>, _> = calls.iter().map(|future| future.result()).collect();
        println!("squares {}", results?.iter().sum::<i64>());
        // The workers are back, and their communicator too.
        let calls: Vec<_> = (0..executor.num_workers()?).map(|_| executor.submit(sum_over_workers::ID, 1)).collect();
        println!("workers {}", calls[0].result()?);
    }
    Ok(())
}

/// A call that every rank refuses; then one that works.
fn refused(world: &SimpleCommunicator, root: i32) {
    let error = MpiCommExecutor::new(world, root).expect_err("it is refused");
    println!("refused: {error}");
    println!("configuration {}", error.is_configuration());
    world.barrier();
    if std::env::var_os("FUTURES_MPI_BACKOFF").is_none()
        && let Some(executor) = MpiCommExecutor::new(world, 0).expect("this root is fine")
    {
        println!("square {}", executor.submit(square::ID, 7).result().expect("it succeeds"));
    }
}

/// Two executors at whatever thread level there is; the root leaves MPI alone meanwhile.
fn levels(world: &SimpleCommunicator) -> Result<(), Error> {
    for _ in 0..2 {
        if let Some(executor) = MpiCommExecutor::new(world, 0)? {
            let sum: Result<i64, Error> = executor.map(square::ID, 0..1000).into_iter().sum();
            println!("sum {}", sum?);
        }
    }
    world.barrier();
    Ok(())
}

/// The root panics while it has an executor with queued and running tasks, and goes on.
fn panic_and_go_on(world: &SimpleCommunicator) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        if let Some(executor) = MpiCommExecutor::new(world, 0).expect("it can be made") {
            let futures: Vec<_> = (0..10_000).map(|_| executor.submit(sleep::ID, 100)).collect();
            futures[0].result().expect("it succeeds");
            panic!("the root has had enough");
        }
    }));
    world.barrier();
    println!("panicked {}", outcome.is_err());
}

/// A task takes its process with it. Where MPI goes on, it is not finalised: it might wait for that process.
fn lose_a_rank(world: &SimpleCommunicator) -> Result<(), Error> {
    match MpiCommExecutor::new(world, 0) {
        Ok(Some(executor)) => {
            let error = executor.submit(abort::ID, ()).result().expect_err("its process ends");
            println!("lost {}: {error}", error.is_worker_lost());
            println!("square {}", executor.submit(square::ID, 7).result()?);
        }
        Ok(None) => println!("a worker goes on"),
        Err(error) => println!("a worker hears: {error}"),
    }
    std::process::exit(3);
}

/// The root ends and leaves its workers alone.
fn lose_the_root(world: &SimpleCommunicator) -> Result<(), Error> {
    if let Some(executor) = MpiCommExecutor::new(world, 0)? {
        println!("square {}", executor.submit(square::ID, 7).result()?);
        std::process::abort();
    }
    println!("a worker goes on");
    Ok(())
}

/// The same, and nobody catches it.
fn panic_through(world: &SimpleCommunicator) -> Result<(), Error> {
    if let Some(executor) = MpiCommExecutor::new(world, 0)? {
        let _futures: Vec<_> = (0..10_000).map(|_| executor.submit(sleep::ID, 100)).collect();
        panic!("the root has had enough");
    }
    println!("a worker goes on");
    Ok(())
}

fn other_executors() {
    println!("{}", MpiPoolExecutor::new().expect_err("there is no attribute"));
}

/// Parent and child refuse to make a pool of their two groups.
fn intercommunicator(world: &SimpleCommunicator) {
    if let Some(parent) = world.parent() {
        assert!(MpiCommExecutor::new(&parent, 0).is_err());
        return;
    }
    let mut command = std::process::Command::new(std::env::current_exe().expect("this program has a path"));
    let child = world.process_at_rank(0).spawn(command.arg("intercommunicator"), 1).expect("it can be spawned");
    println!("{}", MpiCommExecutor::new(&child, 0).expect_err("it has two groups"));
}
