//! The rows of the table: how each figure and its reference are measured.

use super::BARE;
use super::chunks;
use super::tasks;
use clap::ValueEnum;
use futures_mpi::__raw::{self, Pattern};
use futures_mpi::{Buffer, Executor, MpiPoolExecutor};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

pub(super) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A figure to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Row {
    /// An empty call and its result, one at a time, beside a round trip of 64 bytes.
    Latency,
    /// Empty calls submitted one by one, beside messages of 64 bytes one way.
    ThroughputSubmit,
    /// Empty calls of a map, beside messages of 64 bytes one way.
    ThroughputMap,
    /// The same, a hundred calls a task.
    #[value(name = "throughput_map_chunksize_100")]
    ThroughputMapChunksize100,
    /// A buffer of 1 MiB there and back, beside messages of that size.
    #[value(name = "echo_1_MiB")]
    Echo1MiB,
    /// A buffer of 8 MiB there and back, beside messages of that size.
    #[value(name = "echo_8_MiB")]
    Echo8MiB,
    /// A vector of 8 MiB there and back, beside messages of that size.
    #[value(name = "echo_8_MiB_vec")]
    Echo8MiBVec,
    /// A buffer of 64 MiB there and back, beside messages of that size.
    #[value(name = "echo_64_MiB")]
    Echo64MiB,
    /// Lines of a Julia set, a call each, at several widths, beside a plain loop on each core that has a worker, and
    /// beside rayon with as many threads.
    Compute,
    /// Calls of a map without a chunk size: of five loads beside the best size that a search finds, and of 10 and 100 µs
    /// beside a plain loop on each core that has a worker, and beside rayon with as many threads.
    Chunks,
    /// The start of a pool, beside a bare MPI_Comm_spawn.
    Boot,
    /// The processor time of an idle pool, of the busier of master and worker, beside that of a thread that only sleeps
    /// for as long at a time.
    IdleCpu,
    /// An empty call of a pool that has been idle, beside the longest sleep.
    WakeUp,
}

/// All of them, in the order of the table.
pub(super) const ALL: [Row; 13] = [
    Row::Latency,
    Row::ThroughputSubmit,
    Row::ThroughputMap,
    Row::ThroughputMapChunksize100,
    Row::Echo1MiB,
    Row::Echo8MiB,
    Row::Echo8MiBVec,
    Row::Echo64MiB,
    Row::Compute,
    Row::Chunks,
    Row::Boot,
    Row::IdleCpu,
    Row::WakeUp,
];

/// What is measured on, and for how long.
pub(super) struct Setting<'a> {
    pub(super) executor: &'a Executor,
    pub(super) workers: usize,
    /// For each row.
    pub(super) seconds: Duration,
    /// Whether the workers were spawned.
    pub(super) spawned: bool,
}

/// What was measured.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) reference: f64,
}

/// The fewest repeats of which a median is taken.
pub(super) const REPEATS_MIN: usize = 5;

const SMALL_BYTES: usize = 64;
const MIB: usize = 1 << 20;
const GIB: f64 = (1u64 << 30) as f64;

/// The longest sleep of an idle process, if nobody says otherwise.
const BACKOFF_SECONDS: f64 = 0.001;

impl Row {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Nothing if there is no such figure in this setting.
    pub(super) fn measure(self, setting: &Setting<'_>) -> Result<Vec<Figure>> {
        let (value, unit, reference) = match self {
            Row::Latency => latency(setting)?,
            Row::ThroughputSubmit => throughput(setting, 50_000, "tasks/s", submit)?,
            Row::ThroughputMap => throughput(setting, 50_000, "tasks/s", |executor, count| map(executor, count, 1))?,
            Row::ThroughputMapChunksize100 => {
                throughput(setting, 2_000_000, "items/s", |executor, count| map(executor, count, 100))?
            }
            Row::Echo1MiB => echo_buffer(setting, MIB, 50)?,
            Row::Echo8MiB => echo_buffer(setting, 8 * MIB, 10)?,
            Row::Echo8MiBVec => echo_vector(setting, 8 * MIB, 10)?,
            Row::Echo64MiB => echo_buffer(setting, 64 * MIB, 2)?,
            Row::Compute => return compute(setting),
            Row::Chunks => return chunks::measure(setting),
            Row::Boot if setting.spawned => boot(setting)?,
            Row::Boot => return Ok(Vec::new()),
            Row::IdleCpu => idle(setting)?,
            Row::WakeUp => wake_up(setting)?,
        };
        Ok(vec![Figure { name: self.name(), value, unit, reference }])
    }
}

fn latency(setting: &Setting<'_>) -> Result<(f64, &'static str, f64)> {
    const CALLS: usize = 500;
    let (own, raw) = interleaved(
        setting,
        || {
            let begin = Instant::now();
            for n in 0..CALLS {
                setting.executor.submit(tasks::empty::ID, n as i64).result()?;
            }
            Ok(begin.elapsed().as_secs_f64() / CALLS as f64)
        },
        || Ok(exchange(setting, Pattern::Echo, SMALL_BYTES, CALLS)? / CALLS as f64),
    )?;
    Ok((own * 1e6, "us", raw * 1e6))
}

fn throughput(
    setting: &Setting<'_>,
    count: i64,
    unit: &'static str,
    run: impl Fn(&Executor, i64) -> Result<()>,
) -> Result<(f64, &'static str, f64)> {
    const MESSAGES: usize = 20_000;
    // The first calls open the window of tasks that are sent ahead.
    run(setting.executor, count / 10)?;
    let (own, raw) = interleaved(
        setting,
        || {
            let begin = Instant::now();
            run(setting.executor, count)?;
            Ok(begin.elapsed().as_secs_f64() / count as f64)
        },
        || Ok(exchange(setting, Pattern::Stream, SMALL_BYTES, MESSAGES)? / MESSAGES as f64),
    )?;
    Ok((1.0 / own, unit, 1.0 / raw))
}

fn submit(executor: &Executor, count: i64) -> Result<()> {
    let futures: Vec<_> = (0..count).map(|n| executor.submit(tasks::empty::ID, n)).collect();
    futures.iter().try_for_each(|future| future.result().map(drop)).map_err(Into::into)
}

fn map(executor: &Executor, count: i64, chunksize: usize) -> Result<()> {
    let mut sum = 0;
    for number in executor.map(tasks::empty::ID, 0..count).chunksize(chunksize) {
        sum += number?;
    }
    assert_eq!(sum, count * (count - 1) / 2, "every number has come back");
    Ok(())
}

fn echo_buffer(setting: &Setting<'_>, bytes: usize, rounds: usize) -> Result<(f64, &'static str, f64)> {
    let buffer = Buffer::from(vec![1.0_f64; bytes / size_of::<f64>()]);
    echo(setting, bytes, rounds, || Ok(setting.executor.submit(tasks::echo::ID, &buffer).result()?.len()))
}

fn echo_vector(setting: &Setting<'_>, bytes: usize, rounds: usize) -> Result<(f64, &'static str, f64)> {
    let vector = vec![1.0_f64; bytes / size_of::<f64>()];
    echo(setting, bytes, rounds, || Ok(setting.executor.submit(tasks::echo_vector::ID, &vector).result()?.len()))
}

/// Both ways together, in GiB/s; `call` gives how many numbers have come back.
fn echo(
    setting: &Setting<'_>,
    bytes: usize,
    rounds: usize,
    call: impl Fn() -> Result<usize>,
) -> Result<(f64, &'static str, f64)> {
    assert_eq!(call()?, bytes / size_of::<f64>(), "everything has come back");
    let (own, raw) = interleaved(
        setting,
        || {
            let begin = Instant::now();
            for _ in 0..rounds {
                call()?;
            }
            Ok(begin.elapsed().as_secs_f64())
        },
        || exchange(setting, Pattern::Echo, bytes, rounds),
    )?;
    let moved = (2 * bytes * rounds) as f64 / GIB;
    Ok((moved / own, "GiB/s", moved / raw))
}

/// The widths of the pictures: results from below a kilobyte to several, of calls from 60 µs to almost a millisecond.
const WIDTHS: [u32; 4] = [640, 1280, 2400, 8000];

/// The points of a picture that a core computes in about half a second.
const POINTS: f64 = 4e6;

fn compute(setting: &Setting<'_>) -> Result<Vec<Figure>> {
    let cores = std::thread::available_parallelism()?.get().min(setting.workers);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(setting.workers).build()?;
    let points = POINTS * (setting.seconds.as_secs_f64() / 2.0).clamp(0.01, 1.0);
    let mut figures = Vec::new();
    for width in WIDTHS {
        let height = (points / f64::from(width)).ceil() as u32;
        let lines = || (0..black_box(height)).map(|line| (line, width, height));
        let line = |(line, width, height)| tasks::julia_line(line, width, height);
        let plain = || lines().map(line).fold(Vec::new(), join);
        let picture = plain();
        let timed = |draw: &dyn Fn() -> Result<Vec<u8>>| -> Result<f64> {
            let begin = Instant::now();
            let drawn = draw()?;
            let elapsed = begin.elapsed().as_secs_f64();
            assert!(drawn == picture, "the picture is the same");
            Ok(f64::from(height) / elapsed)
        };
        let (mut own, mut serial, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        let begin = Instant::now();
        while own.len() < REPEATS_MIN || begin.elapsed() < setting.seconds {
            serial.push(timed(&|| Ok(plain()))?);
            own.push(timed(&|| {
                let calls = setting.executor.starmap(tasks::julia_line::ID, lines());
                calls.into_iter().try_fold(Vec::new(), |points, line| Ok(join(points, line?)))
            })?);
            threads.push(timed(&|| {
                let drawn: Vec<_> =
                    rayon.install(|| (0..height).into_par_iter().map(|n| line((n, width, height))).collect());
                Ok(drawn.into_iter().fold(Vec::new(), join))
            })?);
        }
        let (value, unit) = (median(own), "lines/s");
        let references = [("loop", median(serial) * cores as f64), ("rayon", median(threads))];
        let figure = |(beside, reference)| Figure { name: format!("compute_{width}_{beside}"), value, unit, reference };
        figures.extend(references.map(figure));
    }
    Ok(figures)
}

fn join(mut points: Vec<u8>, line: Vec<u8>) -> Vec<u8> {
    points.extend(line);
    points
}

fn boot(setting: &Setting<'_>) -> Result<(f64, &'static str, f64)> {
    let program = std::env::current_exe()?;
    let (own, raw) = interleaved(
        setting,
        || {
            let begin = Instant::now();
            let executor = MpiPoolExecutor::builder().max_workers(setting.workers).build()?;
            executor.bootup(true)?;
            Ok(begin.elapsed().as_secs_f64())
        },
        || Ok(__raw::spawn_bare(&program, BARE, setting.workers)?.as_secs_f64()),
    )?;
    Ok((own, "s", raw))
}

fn idle(setting: &Setting<'_>) -> Result<(f64, &'static str, f64)> {
    // What the calls themselves have stirred up lies down first.
    let settle = || std::thread::sleep(Duration::from_millis(100));
    processor_nanos_of_workers(setting)?;
    settle();
    let (own_before, begin) = (tasks::processor_nanos_here()?, Instant::now());
    std::thread::sleep(setting.seconds);
    let own = (tasks::processor_nanos_here()? - own_before) as f64 / begin.elapsed().as_nanos() as f64;
    let (before, begin) = (processor_nanos_of_workers(setting)?, Instant::now());
    std::thread::sleep(setting.seconds);
    let (after, elapsed) = (processor_nanos_of_workers(setting)?, begin.elapsed().as_nanos() as f64);
    let share = |(worker, before): (&String, &u64)| Some((after.get(worker)? - before) as f64 / elapsed);
    let theirs = before.iter().filter_map(share).reduce(f64::max).ok_or("no worker was asked twice")?;
    let (before, begin) = (tasks::processor_nanos_of_thread()?, Instant::now());
    while begin.elapsed() < setting.seconds {
        std::thread::sleep(Duration::from_secs_f64(BACKOFF_SECONDS));
    }
    let naps = (tasks::processor_nanos_of_thread()? - before) as f64 / begin.elapsed().as_nanos() as f64;
    Ok((own.max(theirs) * 100.0, "%", naps * 100.0))
}

/// The processor time of each worker that answers, by its host and process.
fn processor_nanos_of_workers(setting: &Setting<'_>) -> Result<BTreeMap<String, u64>> {
    let ask = |_| setting.executor.submit(tasks::processor_nanos::ID, ());
    let answers: Vec<_> = (0..setting.workers).map(ask).collect();
    answers.into_iter().map(|answer| Ok(answer.result()?)).collect()
}

fn wake_up(setting: &Setting<'_>) -> Result<(f64, &'static str, f64)> {
    let own = repeated(setting, || {
        std::thread::sleep(Duration::from_millis(30));
        let begin = Instant::now();
        setting.executor.submit(tasks::empty::ID, 1).result()?;
        Ok(begin.elapsed().as_secs_f64())
    })?;
    Ok((own * 1e6, "us", BACKOFF_SECONDS * 1e6))
}

/// Messages of plain MPI between the master and a worker, on the pool's communicator; how many seconds they take.
fn exchange(setting: &Setting<'_>, pattern: Pattern, length: usize, count: usize) -> Result<f64> {
    let executor = setting.executor;
    let follower = executor.submit(tasks::follow::ID, (pattern == Pattern::Echo, length as u64, count as u64));
    // It has to be on its way, because nobody sends it any more below.
    while !follower.running() && !follower.done() {
        std::thread::yield_now();
    }
    let elapsed = executor.undisturbed(|| __raw::lead(pattern, length, count))?;
    follower.result()?;
    Ok(elapsed.as_secs_f64())
}

/// The medians of two measurements that take turns until the time is up.
fn interleaved(
    setting: &Setting<'_>,
    mut own: impl FnMut() -> Result<f64>,
    mut raw: impl FnMut() -> Result<f64>,
) -> Result<(f64, f64)> {
    let (mut owns, mut raws) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while owns.len() < REPEATS_MIN || begin.elapsed() < setting.seconds {
        raws.push(raw()?);
        owns.push(own()?);
    }
    Ok((median(owns), median(raws)))
}

fn repeated(setting: &Setting<'_>, mut own: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut owns = Vec::new();
    let begin = Instant::now();
    while owns.len() < REPEATS_MIN || begin.elapsed() < setting.seconds {
        owns.push(own()?);
    }
    Ok(median(owns))
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
