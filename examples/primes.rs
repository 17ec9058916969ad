//! Finds out which of some numbers are primes, each on a worker, by trying every divisor.

#[path = "shared/modes.rs"]
mod modes;

use clap::Parser;
use futures_mpi::{Executor, MpiPoolExecutor, remote_task};
use std::error::Error;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::ExitCode;

/// Numbers that keep a worker busy for some time: they are primes, or products of two that are nearly equal.
const NUMBERS: [u64; 7] = [
    1_000_000_000_039,
    999_962_000_357,
    99_999_820_000_081,
    100_000_000_000_031,
    17_592_186_044_399,
    999_966_000_289,
    2_147_483_647,
];

/// Finds out which numbers are primes, on a pool of MPI processes.
///
/// The number of workers is FUTURES_MPI_MAX_WORKERS when they are spawned, and one less than the number of processes
/// when mpiexec starts several.
#[derive(Parser)]
struct Options {
    /// The numbers; some large ones if none is given.
    numbers: Vec<NonZeroU64>,

    /// How many numbers travel together.
    #[arg(long, default_value = "1")]
    chunksize: NonZeroUsize,

    /// Print each number as soon as its answer is there, instead of in the order of the numbers.
    #[arg(long)]
    unordered: bool,

    #[command(flatten)]
    _mode: modes::Mode,
}

/// The number and its smallest divisor above 1, which is the number itself if it is a prime; none for the number 1.
#[remote_task]
fn smallest_divisor(number: u64) -> (u64, Option<u64>) {
    let candidates = [2].into_iter().chain((3..).step_by(2));
    let divisor = candidates.take_while(|n| n * n <= number).find(|n| number.is_multiple_of(*n));
    (number, divisor.or((number > 1).then_some(number)))
}

fn main() -> ExitCode {
    modes::start(in_pool, run)
}

#[futures_mpi::main]
fn in_pool() -> Result<(), Box<dyn Error>> {
    let executor = MpiPoolExecutor::new()?;
    run(&executor)
}

fn run(executor: &Executor) -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut numbers: Vec<u64> = options.numbers.iter().map(|number| number.get()).collect();
    if numbers.is_empty() {
        numbers.extend(NUMBERS);
    }
    let map = executor.map(smallest_divisor::ID, numbers).chunksize(options.chunksize.get());
    for answer in if options.unordered { map.unordered() } else { map } {
        match answer? {
            (number, Some(divisor)) if divisor == number => println!("{number} is a prime"),
            (number, Some(divisor)) => println!("{number} is {divisor} times {}", number / divisor),
            (number, None) => println!("{number} has no divisor"),
        }
    }
    Ok(())
}
