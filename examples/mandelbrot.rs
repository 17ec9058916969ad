//! Computes the Mandelbrot set on the workers and writes it as a picture.
//!
//! Some lines take a hundred times as long as others, so that results are taken as they come, in any order, and put in
//! their places.

#[path = "shared/modes.rs"]
mod modes;
#[path = "shared/picture.rs"]
mod picture;

use clap::Parser;
use futures_mpi::{Executor, MpiPoolExecutor, remote_task};
use picture::Size;
use std::error::Error;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

/// The middle of the picture in the complex plane, on the axis of symmetry, and the width of what it shows.
const CENTRE: f64 = -0.7;
const SPAN: f64 = 3.2;

/// Computes a picture of the Mandelbrot set on a pool of MPI processes.
///
/// The number of workers is FUTURES_MPI_MAX_WORKERS when they are spawned, and one less than the number of processes
/// when mpiexec starts several.
#[derive(Parser)]
struct Options {
    /// The file to write; a name that ends in .png or .pgm chooses the format.
    #[arg(long, default_value = "mandelbrot.png")]
    output: PathBuf,

    #[command(flatten)]
    size: Size,

    /// After so many steps a point that is still near belongs to the set.
    #[arg(long, default_value = "1000")]
    steps: NonZeroU32,

    #[command(flatten)]
    _mode: modes::Mode,
}

/// The number of a line and its shades: 0 in the set, and outside the lighter the faster a point leaves.
#[remote_task]
fn mandelbrot_line(line: u32, width: u32, height: u32, steps: u32) -> (u32, Vec<u8>) {
    let step = SPAN / f64::from(width);
    // Points lie in the middle between the lines of a grid, so that the upper half is the lower one's mirror image.
    let im = (f64::from(height) / 2.0 - 0.5 - f64::from(line)) * step;
    let real = |point: u32| CENTRE + (f64::from(point) + 0.5 - f64::from(width) / 2.0) * step;
    (line, (0..width).map(|point| shade(escape(real(point), im, steps), steps)).collect())
}

/// After how many steps of z² + c, from 0, the point c has left; `steps` if it never does.
fn escape(c_re: f64, c_im: f64, steps: u32) -> u32 {
    let (mut re, mut im) = (0.0, 0.0);
    for step in 0..steps {
        if re * re + im * im > 4.0 {
            return step;
        }
        (re, im) = (re * re - im * im + c_re, 2.0 * re * im + c_im);
    }
    steps
}

/// Equal ratios of steps are equal differences of shade.
fn shade(step: u32, steps: u32) -> u8 {
    if step == steps {
        return 0;
    }
    let darkness = f64::from(step.max(1)).ln() / f64::from(steps).ln().max(1.0);
    (255.0 - 200.0 * darkness) as u8
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
    picture::draw(executor, &options.output, &options.size, || compute(executor, &options))
}

/// All lines of the picture, one behind the other.
fn compute(executor: &Executor, options: &Options) -> Result<Vec<u8>, futures_mpi::Error> {
    let (width, height, steps) = (options.size.width.get(), options.size.height.get(), options.steps.get());
    let mut points = vec![0; width as usize * height as usize];
    let lines = (0..height).map(|line| (line, width, height, steps));
    let results = executor.starmap(mandelbrot_line::ID, lines).chunksize(options.size.chunksize.get());
    for result in results.unordered() {
        let (line, shades) = result?;
        let begin = line as usize * width as usize;
        points[begin..begin + width as usize].copy_from_slice(&shades);
    }
    Ok(points)
}
