//! Computes a Julia set line by line on the workers and writes it as a picture.
//!
//! The plane, the constant and the rule are those of the example in the documentation of mpi4py.futures; the picture is
//! the same byte for byte.

use clap::Parser;
use futures_mpi::{Executor, MpiPoolExecutor, remote_task};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Instant;

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

    /// How many lines travel together.
    #[arg(long, default_value = "1")]
    chunksize: NonZeroUsize,

    /// The number of points in a line.
    #[arg(long, default_value = "1280")]
    width: NonZeroU32,

    /// The number of lines.
    #[arg(long, default_value = "960")]
    height: NonZeroU32,
}

/// The formats of pictures.
#[derive(Clone, Copy)]
enum Format {
    Pgm,
    Png,
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

#[futures_mpi::main]
fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let format = format_of(&options.output)?;
    // Opened before the work, so that a bad name costs no time.
    let file = File::create(&options.output).map_err(|error| format!("{}: {error}", options.output.display()))?;
    let executor = MpiPoolExecutor::new()?;
    let workers = executor.num_workers()?;
    let begin = Instant::now();
    let image = compute(&executor, &options)?;
    let seconds = begin.elapsed().as_secs_f64();
    let (width, height) = (options.width.get(), options.height.get());
    write(BufWriter::new(file), format, width, height, &image)
        .map_err(|error| format!("{}: {error}", options.output.display()))?;
    println!("{workers} workers, {seconds:.3} s, {}", options.output.display());
    Ok(())
}

/// All lines of the picture, one after the other.
fn compute(executor: &Executor, options: &Options) -> Result<Vec<u8>, futures_mpi::Error> {
    let (width, height) = (options.width.get(), options.height.get());
    let lines = (0..height).map(|line| (line, width, height));
    let mut image = Vec::with_capacity(width as usize * height as usize);
    for line in executor.starmap(julia_line::ID, lines).chunksize(options.chunksize.get()) {
        image.extend(line?);
    }
    Ok(image)
}

fn format_of(path: &Path) -> Result<Format, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pgm") => Ok(Format::Pgm),
        Some("png") => Ok(Format::Png),
        _ => Err(format!("{}: the name of the picture must end in .pgm or .png", path.display())),
    }
}

fn write(mut file: impl Write, format: Format, width: u32, height: u32, image: &[u8]) -> Result<(), Box<dyn Error>> {
    match format {
        Format::Pgm => {
            writeln!(file, "P5 {width} {height} 255")?;
            file.write_all(image)?;
        }
        Format::Png => {
            let mut encoder = png::Encoder::new(&mut file, width, height);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header()?;
            writer.write_image_data(image)?;
            writer.finish()?;
        }
    }
    file.flush()?;
    Ok(())
}
