//! What the scheduler costs for each task, with few and with many workers and tasks.
//!
//! `cargo bench -p futures-mpi-core --bench scheduler` prints nanoseconds a task. First a model of the workers finds
//! out in which order tasks finish; then the same events are given to a new scheduler, which decides the same, and only
//! that is measured. Numbers after the command choose how many tasks there are, in thousands.
//!
//! Beside it stands the floor of the machine: what it takes only to touch a line of memory for the worker and one for
//! the task of each event, one event after the other.

use futures_mpi_core::engine::{
    Action, ClientNumber, Event, FunctionNumber, Prefetch, Scheduler, TaskNumber, WorkerNumber,
};
use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const CLIENT: ClientNumber = ClientNumber(0);
const FUNCTION: FunctionNumber = FunctionNumber(0);

/// Long enough that every worker is given one task at a time.
const LONG_NANOS: u64 = 1_000_000_000;

/// So short that a worker is given many.
const SHORT_NANOS: u64 = 2_000;

/// Which worker finishes a task next, among those that have one.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// The one whose task was dispatched first.
    Oldest,
    /// Any: with many workers, each event then meets memory that was not touched for a long time.
    Random,
    /// Any, and it reports several at once, as workers do with short tasks.
    Batches,
}

/// So many short tasks are reported at once: workers collect replies for 0.1 ms.
const BATCH: usize = 50;

fn main() {
    let thousands: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let thousands = if thousands.is_empty() { vec![1_000, 10_000] } else { thousands };
    println!("Nanoseconds a task, the best of three: queueing it, and running it (dispatch and finish).");
    println!(" workers     tasks  length     next  queueing  running  together  ratio to the first  floor");
    for (length, nanos) in [("long", LONG_NANOS), ("short", SHORT_NANOS)] {
        for next in [Next::Oldest, Next::Random, Next::Batches] {
            if matches!(next, Next::Batches) && nanos == LONG_NANOS {
                continue;
            }
            let mut first = None;
            for workers in [10, 1_000, 100_000] {
                for tasks in thousands.iter().map(|thousands| thousands * 1000) {
                    let finishes = finishes(workers, tasks, nanos, next);
                    let costs = (0..3).map(|_| measure(workers, tasks, &finishes));
                    let cost = costs.min_by_key(Cost::sum).expect("three were measured");
                    let per_task = |time: Duration| time.as_nanos() as f64 / tasks as f64;
                    let sum = per_task(cost.sum());
                    let ratio = sum / *first.get_or_insert(sum);
                    let (queueing, running) = (per_task(cost.queueing), per_task(cost.running));
                    let floor = per_task((0..3).map(|_| floor(workers, tasks, &finishes)).min().unwrap_or_default());
                    let next = format!("{next:?}");
                    println!(
                        "{workers:>8} {tasks:>9}  {length:>6}  {next:>7}  {queueing:>8.1} {running:>8.1}  {sum:>8.1}  \
                         {ratio:>18.2}  {floor:>5.1}"
                    );
                }
            }
        }
    }
}

/// What all tasks together cost.
struct Cost {
    queueing: Duration,
    running: Duration,
}

impl Cost {
    fn sum(&self) -> Duration {
        self.queueing + self.running
    }
}

fn measure(workers: u32, tasks: u64, finishes: &[Event]) -> Cost {
    let mut scheduler = pool(workers);
    let mut actions = Vec::new();
    let begin = processor_time();
    for task in 0..tasks {
        scheduler.handle(Event::Submit(CLIENT, TaskNumber(task), FUNCTION, Prefetch::default()), &mut actions);
        actions.clear();
    }
    let queueing = processor_time() - begin;
    let begin = processor_time();
    for finish in finishes {
        scheduler.handle(*finish, &mut actions);
        actions.clear();
    }
    let running = processor_time() - begin;
    scheduler.check();
    assert_eq!(scheduler.tasks().count(), 0, "every task has run");
    Cost { queueing, running }
}

/// What it takes to touch the memory that no scheduler can do without.
fn floor(workers: u32, tasks: u64, finishes: &[Event]) -> Duration {
    let (mut of_workers, mut of_tasks) =
        (vec![CacheLine([0; 8]); workers as usize], vec![CacheLine([0; 8]); tasks as usize]);
    let mut nothing = 0;
    let begin = processor_time();
    for finish in finishes {
        let Event::Finish(worker, task, _) = finish else { continue };
        // What was read for one event decides about the next, as it would if there were anything to decide.
        let worker = &mut of_workers[worker.index() + nothing].0;
        let task = &mut of_tasks[task.0 as usize + nothing].0;
        nothing = black_box(worker[0] + task[0]) as usize;
        worker[1] += 1;
        task[1] += 1;
    }
    processor_time() - begin
}

/// A line of a processor's cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct CacheLine([u64; 8]);

/// The time that this thread has had a processor, where the system tells; elsewhere the time of the clock.
fn processor_time() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

/// The order in which tasks that are all queued at the beginning finish.
fn finishes(workers: u32, tasks: u64, nanos: u64, next: Next) -> Vec<Event> {
    let mut scheduler = pool(workers);
    let mut actions = Vec::new();
    for task in 0..tasks {
        scheduler.handle(Event::Submit(CLIENT, TaskNumber(task), FUNCTION, Prefetch::default()), &mut actions);
    }
    let mut running = Running::new(workers, next);
    let mut finishes = Vec::new();
    loop {
        running.add(&mut actions);
        let Some((worker, task)) = running.take() else { return finishes };
        finishes.push(Event::Finish(worker, task, nanos));
        scheduler.handle(Event::Finish(worker, task, nanos), &mut actions);
    }
}

fn pool(workers: u32) -> Scheduler {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    scheduler.handle(Event::Open(CLIENT), &mut actions);
    (0..workers).for_each(|worker| scheduler.handle(Event::Join(WorkerNumber(worker)), &mut actions));
    scheduler
}

/// The tasks that workers have.
struct Running {
    /// By worker, in the order of their dispatch.
    tasks: Vec<VecDeque<TaskNumber>>,
    /// The workers that have a task, once for each.
    workers: VecDeque<WorkerNumber>,
    /// How often each worker stands there for a task that has been taken already.
    ahead: Vec<usize>,
    /// Who reports several at once, and how many more.
    batch: (WorkerNumber, usize),
    random: fastrand::Rng,
    next: Next,
}

impl Running {
    fn new(workers: u32, next: Next) -> Self {
        let tasks = vec![VecDeque::new(); workers as usize];
        let ahead = vec![0; workers as usize];
        Running {
            tasks,
            workers: VecDeque::new(),
            ahead,
            batch: (WorkerNumber(0), 0),
            random: fastrand::Rng::with_seed(1),
            next,
        }
    }

    fn add(&mut self, actions: &mut Vec<Action>) {
        for action in actions.drain(..) {
            let Action::Dispatch(worker, task) = action else { continue };
            self.tasks[worker.index()].push_back(task);
            self.workers.push_back(worker);
        }
    }

    fn take(&mut self) -> Option<(WorkerNumber, TaskNumber)> {
        let (worker, left) = self.batch;
        if left > 0
            && let Some(task) = self.tasks[worker.index()].pop_front()
        {
            self.batch = (worker, left - 1);
            self.ahead[worker.index()] += 1;
            return Some((worker, task));
        }
        loop {
            let worker = match self.next {
                Next::Oldest => self.workers.pop_front()?,
                Next::Random | Next::Batches if self.workers.is_empty() => return None,
                Next::Random | Next::Batches => {
                    self.workers.swap_remove_back(self.random.usize(..self.workers.len()))?
                }
            };
            if let Some(left) = self.ahead[worker.index()].checked_sub(1) {
                self.ahead[worker.index()] = left;
                continue;
            }
            if matches!(self.next, Next::Batches) {
                self.batch = (worker, BATCH - 1);
            }
            let task = self.tasks[worker.index()].pop_front().expect("it is there once for each of its tasks");
            return Some((worker, task));
        }
    }
}
