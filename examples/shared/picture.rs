//! A picture in shades of grey that is computed and written to a file, as PGM or PNG.

use clap::Args;
use futures_mpi::Executor;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How large a picture is, and how it is computed.
#[derive(Args)]
pub(crate) struct Size {
    /// The number of points in a line.
    #[arg(long, default_value = "1280")]
    pub(crate) width: NonZeroU32,

    /// The number of lines.
    #[arg(long, default_value = "960")]
    pub(crate) height: NonZeroU32,

    /// How many lines travel together.
    #[arg(long, default_value = "1")]
    pub(crate) chunksize: NonZeroUsize,
}

/// Has the points computed, all lines one behind the other, writes them to `output`, and says how long it took.
pub(crate) fn draw(
    executor: &Executor,
    output: &Path,
    size: &Size,
    compute: impl FnOnce() -> Result<Vec<u8>, futures_mpi::Error>,
) -> Result<(), Box<dyn Error>> {
    // Opened before the work begins, so that a bad name costs no time.
    let picture = Picture::create(output)?;
    let workers = executor.num_workers()?;
    let begin = Instant::now();
    let points = compute()?;
    let seconds = begin.elapsed().as_secs_f64();
    picture.write(size, &points)?;
    println!("{workers} workers, {seconds:.3} s, {}", output.display());
    Ok(())
}

/// The file of a picture that is still to be computed.
struct Picture {
    path: PathBuf,
    format: Format,
    file: BufWriter<File>,
}

#[derive(Clone, Copy)]
enum Format {
    Pgm,
    Png,
}

impl Picture {
    fn create(path: &Path) -> Result<Self, Box<dyn Error>> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("pgm") => Format::Pgm,
            Some("png") => Format::Png,
            _ => return Err(format!("{}: the name of the picture must end in .pgm or .png", path.display()).into()),
        };
        let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Picture { path: path.to_owned(), format, file: BufWriter::new(file) })
    }

    fn write(mut self, size: &Size, points: &[u8]) -> Result<(), Box<dyn Error>> {
        let (width, height) = (size.width.get(), size.height.get());
        self.encode(width, height, points).map_err(|error| format!("{}: {error}", self.path.display()).into())
    }

    fn encode(&mut self, width: u32, height: u32, points: &[u8]) -> Result<(), Box<dyn Error>> {
        match self.format {
            Format::Pgm => {
                writeln!(self.file, "P5 {width} {height} 255")?;
                self.file.write_all(points)?;
            }
            Format::Png => {
                let mut encoder = png::Encoder::new(&mut self.file, width, height);
                encoder.set_color(png::ColorType::Grayscale);
                encoder.set_depth(png::BitDepth::Eight);
                let mut writer = encoder.write_header()?;
                writer.write_image_data(points)?;
                writer.finish()?;
            }
        }
        self.file.flush()?;
        Ok(())
    }
}
