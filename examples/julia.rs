//! Computes a Julia set line by line on the workers and writes it as a picture.
//!
//! The plane, the constant and the rule are those of the example in the documentation of mpi4py.futures; the picture is
//! the same byte for byte.

#[path = "shared/modes.rs"]
mod modes;
#[path = "shared/picture.rs"]
mod picture;

use clap::Parser;
use futures_mpi::{Executor, MpiPoolExecutor, remote_task};
use picture::Size;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// The part of the complex plane that the picture shows.
const X: (f64, f64) = (-2.0, 2.0);
const Y: (f64, f64) = (-1.5, 1.5);

/// The imaginary constant of the iteration z² + c.
const C_IMAGINARY: f64 = 0.65;

/// Computes a picture of a Julia set on a pool of MPI processes.
///
/// The number of workers is FUTURES_MPI_MAX_WORKERS when they are spawned, and one less than the number of processes
/// when mpiexec starts several.
#[derive(Parser)]
struct Options {
    /// The file to write; a name that ends in .png or .pgm chooses the format.
    #[arg(long, default_value = "julia.pgm")]
    output: PathBuf,

    #[command(flatten)]
    size: Size,

    #[command(flatten)]
    _mode: modes::Mode,
}

/// The shades of one line of the picture.
#[remote_task]
fn julia_line(line: u32, width: u32, height: u32) -> Vec<u8> {
    let y = Y.1 - f64::from(line) * ((Y.1 - Y.0) / f64::from(height));
    let step = (X.1 - X.0) / f64::from(width);
    (0..width).map(|point| julia(X.0 + f64::from(point) * step, y)).collect()
}

/// How long the point stays near: 255 less one for every step that it does.
fn julia(mut re: f64, mut im: f64) -> u8 {
    let mut n = 255;
    while re.hypot(im) < 3.0 && n > 1 {
        (re, im) = (re * re - im * im, re * im + im * re + C_IMAGINARY);
        n -= 1;
    }
    n
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
    picture::draw(executor, &options.output, &options.size, || compute(executor, &options.size))
}

/// All lines of the picture, one behind the other.
fn compute(executor: &Executor, size: &Size) -> Result<Vec<u8>, futures_mpi::Error> {
    let (width, height) = (size.width.get(), size.height.get());
    let lines = (0..height).map(|line| (line, width, height));
    let mut points = Vec::with_capacity(width as usize * height as usize);
    for line in executor.starmap(julia_line::ID, lines).chunksize(size.chunksize.get()) {
        points.extend(line?);
    }
    Ok(points)
}
