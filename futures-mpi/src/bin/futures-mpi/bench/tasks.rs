//! The task functions that are measured, and those that measure on the other side.

use futures_mpi::__raw::{self, Pattern};
use futures_mpi::{Buffer, remote_task};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

#[remote_task(id = "futures-mpi/bench/empty")]
pub(super) fn empty(n: i64) -> i64 {
    n
}

#[remote_task(id = "futures-mpi/bench/echo")]
pub(super) fn echo(buffer: Buffer<f64>) -> Buffer<f64> {
    buffer
}

#[remote_task(id = "futures-mpi/bench/echo_vector")]
pub(super) fn echo_vector(vector: Vec<f64>) -> Vec<f64> {
    vector
}

/// The worker's part of a measurement of plain MPI.
#[remote_task(id = "futures-mpi/bench/follow")]
pub(super) fn follow(is_echo: bool, length: u64, count: u64) -> Result<(), String> {
    let pattern = if is_echo { Pattern::Echo } else { Pattern::Stream };
    __raw::follow(pattern, length as usize, count as usize)
}

/// How long a question for the processor time takes.
const PROCESSOR_NAP: Duration = Duration::from_millis(20);

/// Which process this is, and its processor time in nanoseconds, all threads together. It takes a while, so that as
/// many calls as there are workers run on one each.
#[remote_task(id = "futures-mpi/bench/processor_nanos")]
pub(super) fn processor_nanos() -> Result<(String, u64), String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").map_err(|error| error.to_string())?;
    let nanos = processor_nanos_here()?;
    std::thread::sleep(PROCESSOR_NAP);
    Ok((format!("{}:{}", host.trim(), std::process::id()), nanos))
}

/// The same in the process that asks.
pub(super) fn processor_nanos_here() -> Result<u64, String> {
    let threads = std::fs::read_dir("/proc/self/task").map_err(|error| format!("/proc/self/task: {error}"))?;
    Ok(threads.flatten().filter_map(|thread| processor_nanos_of(&thread.path()).ok()).sum())
}

/// The same of the thread that asks.
pub(super) fn processor_nanos_of_thread() -> Result<u64, String> {
    processor_nanos_of(Path::new("/proc/thread-self"))
}

fn processor_nanos_of(thread: &Path) -> Result<u64, String> {
    let path = thread.join("schedstat");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.ok_or_else(|| format!("{} is {text:?}", path.display()))
}

/// So many steps of work, each of which needs the one before.
#[remote_task(id = "futures-mpi/bench/work")]
pub(super) fn work(steps: u64) -> u64 {
    (0..steps).fold(steps, |state, _| black_box(state.rotate_left(7).wrapping_mul(6_364_136_223_846_793_005)))
}

/// A line of the picture of the example julia, with so many points and lines.
#[remote_task(id = "futures-mpi/bench/julia_line")]
pub(super) fn julia_line(line: u32, width: u32, height: u32) -> Vec<u8> {
    let place = |number: u32, of: u32, span: f64| (f64::from(number) / f64::from(of) - 0.5) * span;
    (0..width).map(|point| shade(place(point, width, 4.0), place(line, height, -3.0))).collect()
}

/// 255 less one for every step of z² + c, c = 0.65 i, that the point takes until it is far away.
fn shade(mut re: f64, mut im: f64) -> u8 {
    let mut shade = 255;
    while re.hypot(im) < 3.0 && shade > 1 {
        (re, im) = (re * re - im * im, re * im + im * re + 0.65);
        shade -= 1;
    }
    shade
}
