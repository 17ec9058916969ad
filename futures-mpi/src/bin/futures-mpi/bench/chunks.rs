//! Chunk sizes that the library chooses, beside the best one that a search finds, a plain loop, and rayon.

use super::rows::{Figure, REPEATS_MIN, Result, Setting, median};
use super::tasks;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::hint::black_box;
use std::time::Instant;

/// The chunk sizes that are tried.
const SIZES: [usize; 7] = [1, 4, 16, 64, 256, 1024, 4096];

/// The mean time of an item of the five loads, and the times of those that are measured beside a loop, in microseconds.
const MEAN_MICROS: f64 = 10.0;
const MICROS: [u32; 2] = [10, 100];

/// The work of one run, in seconds on one core, if rows take two seconds.
const WORK_SECONDS: f64 = 0.5;

/// How the times of items are distributed: each gives the time of an item as a multiple of the mean, by its place
/// between 0 and 1 and by a random number between 0 and 1.
type Load = fn(f64, f64) -> f64;

const LOADS: [(&str, Load); 5] = [
    ("constant", |_, _| 1.0),
    ("exponential", |_, random| -(1.0 - random).ln()),
    // One in twenty takes sixty times as long as the others.
    ("two_peaks", |_, random| if random < 0.05 { 15.2 } else { 0.253 }),
    ("sorted", |place, _| 2.0 * place),
    // The last tenth takes ninety times as long as the others.
    ("slow_at_last", |place, _| if place < 0.9 { 0.1 } else { 9.1 }),
];

pub(super) fn measure(setting: &Setting<'_>) -> Result<Vec<Figure>> {
    let work_seconds = WORK_SECONDS * (setting.seconds.as_secs_f64() / 2.0).clamp(0.005, 1.0);
    let steps_per_second = calibrate();
    let items = |mean_micros: f64, load: Load| -> Vec<u64> {
        let count = (work_seconds * 1e6 / mean_micros).ceil();
        let mut random = Random(1);
        let mut item = |n: u32| load(f64::from(n) / count, random.next()) * mean_micros * 1e-6 * steps_per_second;
        (0..count as u32).map(|n| item(n) as u64).collect()
    };
    let mut figures = Vec::new();
    for (name, load) in LOADS {
        figures.push(beside_best(setting, name, &items(MEAN_MICROS, load))?);
    }
    for micros in MICROS {
        figures.extend(beside_loop(setting, micros, &items(f64::from(micros), |_, _| 1.0))?);
    }
    Ok(figures)
}

/// The library's choice beside the best of the sizes.
fn beside_best(setting: &Setting<'_>, name: &str, items: &[u64]) -> Result<Figure> {
    let (mut own, mut fixed) = (Vec::new(), SIZES.map(|_| Vec::new()));
    let begin = Instant::now();
    while own.len() < REPEATS_MIN || begin.elapsed() < setting.seconds {
        own.push(run(setting, items, None)?);
        for (size, times) in SIZES.into_iter().zip(&mut fixed) {
            times.push(run(setting, items, Some(size))?);
        }
    }
    let best = fixed.map(median).into_iter().fold(f64::INFINITY, f64::min);
    let rate = |seconds: f64| items.len() as f64 / seconds;
    Ok(Figure { name: format!("chunks_{name}"), value: rate(median(own)), unit: "items/s", reference: rate(best) })
}

/// The library's choice beside a plain loop on each core that has a worker, and beside rayon.
fn beside_loop(setting: &Setting<'_>, micros: u32, items: &[u64]) -> Result<[Figure; 2]> {
    let cores = std::thread::available_parallelism()?.get().min(setting.workers);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(setting.workers).build()?;
    let (mut own, mut serial, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    let begin = Instant::now();
    while own.len() < REPEATS_MIN || begin.elapsed() < setting.seconds {
        own.push(run(setting, items, None)?);
        serial.push(timed(|| items.iter().map(|steps| tasks::work(*steps)).fold(0, u64::wrapping_add)));
        let sum = || items.par_iter().map(|steps| tasks::work(*steps)).reduce(|| 0, u64::wrapping_add);
        threads.push(timed(|| rayon.install(sum)));
    }
    let rate = |seconds: f64| items.len() as f64 / seconds;
    let value = rate(median(own));
    let figure = |(beside, reference)| Figure {
        name: format!("chunks_{micros}_us_{beside}"),
        value,
        unit: "items/s",
        reference,
    };
    Ok([("loop", rate(median(serial)) * cores as f64), ("rayon", rate(median(threads)))].map(figure))
}

/// How many seconds a map takes.
fn run(setting: &Setting<'_>, items: &[u64], chunksize: Option<usize>) -> Result<f64> {
    let begin = Instant::now();
    let map = setting.executor.map(tasks::work::ID, items.iter().copied());
    let map = if let Some(chunksize) = chunksize { map.chunksize(chunksize) } else { map };
    let mut count = 0;
    for result in map {
        black_box(result?);
        count += 1;
    }
    assert_eq!(count, items.len(), "every item has a result");
    Ok(begin.elapsed().as_secs_f64())
}

fn timed(sum: impl FnOnce() -> u64) -> f64 {
    let begin = Instant::now();
    black_box(sum());
    begin.elapsed().as_secs_f64()
}

/// How many steps of work a core does in a second.
fn calibrate() -> f64 {
    const STEPS: u64 = 1_000_000;
    let times: Vec<f64> = (0..REPEATS_MIN).map(|_| timed(|| tasks::work(black_box(STEPS)))).collect();
    STEPS as f64 / median(times)
}

/// Numbers between 0 and 1 that are the same in every run, by a linear congruential generator (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
