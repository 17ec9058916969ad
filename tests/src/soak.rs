//! Scenes that do the same for long, and compare what the process holds early and late: descriptors, threads, memory.

use crate::conformance::{AnyExecutor, Kind, Setting};
use futures_mpi::{Future, remote_task};
use std::error::Error as AnyError;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// How long helper threads of a pool that has ended, and their connections, may take to go.
const SETTLING_LIMIT: Duration = Duration::from_secs(10);

/// Whoever waits longer for a result has been forgotten.
const RESULT_LIMIT: Duration = Duration::from_secs(600);

/// Memory that an allocator may keep in any case.
const SPARE_MIB: u64 = 16;

/// What Open MPI 4 itself keeps of each spawn: a program that only spawns and disconnects grows by 0.22 MiB a time.
const POOLS_PER_KEPT_MIB: u64 = 4;

/// How many times something is done with the whole count where that is not itself the number of rounds.
const ROUNDS: usize = 5;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn sleep(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Plays the scene that the command line names, `SCENE COUNT`, with executors of this kind.
///
/// The scenes are `pools`, `side-by-side`, `shutdowns`, `queue` and `endless`; what is counted are pools, executors and
/// tasks.
///
/// # Errors
///
/// If there is no such scene, if a future has another result than it should, or if the process holds more and more.
pub fn play(kind: Kind) -> Result<(), Box<dyn AnyError>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scene, count] = &arguments[..] else { return Err("usage: SCENE COUNT".into()) };
    let (setting, count) = (Setting { kind, workers: 2 }, count.parse()?);
    match scene.as_str() {
        "pools" => {
            let kept_mib = if kind == Kind::Mpi { count as u64 / POOLS_PER_KEPT_MIB } else { 0 };
            repeat(count, kept_mib, |_| use_a_pool(&setting))
        }
        "side-by-side" => repeat(ROUNDS, 0, |_| use_executors_at_once(&setting, count)),
        "shutdowns" => repeat(ROUNDS, 0, |round| shut_down_in_the_middle(&setting, count, round % 2 == 0)),
        "queue" => repeat(2, 0, |_| queue(&setting, count)),
        "endless" => take_from_an_endless_map(&setting, count),
        _ => Err(format!("there is no scene {scene:?}").into()),
    }
}

/// Does something again and again: at the end the program holds no more than it did early, but for `kept_mib` of memory
/// that are not its own affair.
fn repeat(
    rounds: usize,
    kept_mib: u64,
    mut round: impl FnMut(usize) -> Result<(), Box<dyn AnyError>>,
) -> Result<(), Box<dyn AnyError>> {
    let begin = Instant::now();
    let early_rounds = (rounds / 10).max(1);
    (0..early_rounds).try_for_each(&mut round)?;
    let early = Holding::settled(|_| true)?;
    println!("after {early_rounds} rounds: {early:?}");
    (early_rounds..rounds).try_for_each(&mut round)?;
    let early = Holding { resident_mib: early.resident_mib + kept_mib, ..early };
    let late = Holding::settled(|late| late.is_no_more_than(early))?;
    println!("after {rounds} rounds: {late:?}, {:.1} s", begin.elapsed().as_secs_f64());
    if late.is_no_more_than(early) { Ok(()) } else { Err("what the program holds has grown".into()) }
}

/// A pool from its first task to its end.
fn use_a_pool(setting: &Setting) -> Result<(), Box<dyn AnyError>> {
    let executor = setting.executor();
    let futures: Vec<_> = (0..20).map(|n| executor.submit(square::ID, n)).collect();
    drop(executor);
    expect_squares(&futures)
}

/// Many executors, each with work, which end in another order than they began.
fn use_executors_at_once(setting: &Setting, count: usize) -> Result<(), Box<dyn AnyError>> {
    let executors: Vec<_> = (0..count).map(|_| setting.executor()).collect();
    let futures: Vec<Vec<_>> =
        executors.iter().map(|executor| (0..20).map(|n| executor.submit(square::ID, n)).collect()).collect();
    let (even, odd): (Vec<_>, Vec<_>) = executors.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    drop(odd);
    drop(even);
    futures.iter().try_for_each(|futures| expect_squares(futures))
}

/// An executor that is shut down while its workers are held and many tasks are queued; some are cancelled, or all done.
fn shut_down_in_the_middle(setting: &Setting, count: usize, cancel: bool) -> Result<(), Box<dyn AnyError>> {
    let (executor, held, queued) = queue_behind_long_tasks(setting, count)?;
    executor.shutdown(true, cancel);
    if !held.iter().all(Future::done) || !queued.iter().all(Future::done) {
        return Err("a future is not done after a shutdown that waits".into());
    }
    let (cancelled, rest): (Vec<_>, Vec<_>) = (0..).zip(queued).partition(|(_, future)| future.cancelled());
    println!("{} of {count} tasks are cancelled", cancelled.len());
    if !cancel && !cancelled.is_empty() {
        return Err("tasks are cancelled, although nobody has asked for that".into());
    }
    rest.iter().try_for_each(|(n, future)| expect_square(*n, future))
}

/// Many small tasks, of which none can begin before all are queued.
fn queue(setting: &Setting, count: usize) -> Result<(), Box<dyn AnyError>> {
    let (_executor, held, futures) = queue_behind_long_tasks(setting, count)?;
    let held = held.iter().filter(|future| !future.done()).count();
    println!("{count} tasks are queued, {held} of {} workers are held", setting.workers);
    expect_squares(&futures)?;
    println!("at most {} MiB of memory were resident", memory_mib("VmHWM")?);
    Ok(())
}

/// The first results of a map over an endless iterator, which takes no more memory the further it goes.
fn take_from_an_endless_map(setting: &Setting, count: usize) -> Result<(), Box<dyn AnyError>> {
    let executor = setting.executor();
    let mut squares = (0..).zip(executor.map(square::ID, 0..));
    let mut take = |count: usize| {
        let right = |(n, square): (i64, futures_mpi::Result<i64>)| square.is_ok_and(|square| square == n * n);
        if squares.by_ref().take(count).all(right) { memory_mib("VmHWM") } else { Err(io::Error::other("it is wrong")) }
    };
    let early = take(count / 10)?;
    let late = take(count)?;
    println!("at most {early} MiB were resident after {} items, and {late} after {count} more", count / 10);
    if late <= early + SPARE_MIB { Ok(()) } else { Err("the memory of a map grows".into()) }
}

/// An executor, a task for each worker that takes a few times as long as it takes to queue the others, and those.
fn queue_behind_long_tasks(setting: &Setting, count: usize) -> Result<Queued, Box<dyn AnyError>> {
    let executor = setting.executor();
    executor.bootup(true)?;
    let held: Vec<_> = (0..setting.workers).map(|_| executor.submit(sleep::ID, count as u64 / 500)).collect();
    let mut futures = Vec::with_capacity(count);
    futures.extend((0..).take(count).map(|n| executor.submit(square::ID, n)));
    Ok((executor, held, futures))
}

/// An executor, with the tasks that hold its workers, and those behind them.
type Queued = (AnyExecutor, Vec<Future<()>>, Vec<Future<i64>>);

/// That the n-th future has the square of n.
fn expect_squares(futures: &[Future<i64>]) -> Result<(), Box<dyn AnyError>> {
    (0..).zip(futures).try_for_each(|(n, future)| expect_square(n, future))
}

fn expect_square(n: i64, future: &Future<i64>) -> Result<(), Box<dyn AnyError>> {
    let square = future.result_timeout(RESULT_LIMIT)?;
    if square == n * n { Ok(()) } else { Err(format!("the square of {n} is not {square}").into()) }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Holding {
    descriptors: usize,
    threads: usize,
    resident_mib: u64,
}

impl Holding {
    fn now() -> io::Result<Self> {
        Ok(Holding {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            threads: fs::read_dir("/proc/self/task")?.count(),
            resident_mib: memory_mib("VmRSS")?,
        })
    }

    /// What is held when it is as it should be and nothing changes any more, or when the time is up.
    fn settled(is_good: impl Fn(&Holding) -> bool) -> io::Result<Self> {
        let begin = Instant::now();
        let mut last = Holding::now()?;
        loop {
            thread::sleep(Duration::from_millis(100));
            let now = Holding::now()?;
            let still = (now.descriptors, now.threads) == (last.descriptors, last.threads);
            if still && is_good(&now) || begin.elapsed() > SETTLING_LIMIT {
                return Ok(now);
            }
            last = now;
        }
    }

    /// Memory is an allocator's affair, and measured roughly; the rest is exact.
    fn is_no_more_than(&self, early: Holding) -> bool {
        self.descriptors <= early.descriptors
            && self.threads <= early.threads
            && self.resident_mib <= 2 * early.resident_mib + SPARE_MIB
    }
}

/// A line of this process's status that is given in KiB.
fn memory_mib(name: &str) -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().map(|kib| kib / 1024).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
