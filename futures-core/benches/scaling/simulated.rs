//! Pools in virtual time: real schedulers, with masters, workers and messages that take their time.

use super::Costs;
use futures_mpi_core::engine::{
    Action, ClientNumber, Event, FunctionNumber, Prefetch, Scheduler, TaskNumber, WorkerNumber,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

const CLIENT: ClientNumber = ClientNumber(0);
const FUNCTION: FunctionNumber = FunctionNumber(0);

/// Replies are held back for so long while a worker has more tasks.
const REPLY_DELAY: u64 = 100_000;

/// So many tasks has each worker in the mean, and in a pool of few workers more, so that beginning and end matter
/// little.
const TASKS_EACH: u64 = 16;
const TASKS_MIN: u64 = 100_000;

/// So many tasks of each of its workers are sent to a sub-master at once, and so many batches at most.
const BATCH_EACH: u64 = 4;
const BATCHES: u32 = 2;

/// Workers with one master, or with masters of `fan_out` workers below another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    pub(super) workers: u32,
    pub(super) fan_out: Option<u32>,
}

/// For which part of the time the workers execute tasks that take so long, give or take a half: once half of the tasks
/// have been sent, and as long as there are more.
pub(super) fn busy(pool: Pool, nanos: u64, costs: &Costs) -> f64 {
    let mut simulation = Simulation::new(pool, nanos.max(1), *costs);
    simulation.run();
    simulation.busy()
}

struct Simulation {
    costs: Costs,
    nanos: u64,
    /// The first is the root; with sub-masters, they follow.
    masters: Vec<Master>,
    workers: Vec<ModelledWorker>,
    /// How many workers a sub-master has; none without sub-masters.
    fan_out: Option<u32>,
    events: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    next_event: u64,
    /// When tasks have begun and ended.
    executed: Vec<(u64, u64)>,
    /// When the root has sent something.
    sent: Vec<u64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A message reaches a master.
    Reply(usize, Message),
    /// A master has time for a look at its messages.
    Look(usize),
    /// Tasks reach a worker.
    Tasks(usize, Vec<u64>),
    /// A worker has executed what it was sent.
    Free(usize),
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    /// Tasks that a worker or sub-master has executed, and how long they took.
    Done(u32, Vec<(u64, u64)>),
    /// A batch for a sub-master, by its place there.
    Batch(u32, u64),
}

struct Master {
    scheduler: Scheduler,
    /// How many workers or places it has.
    below: u32,
    actions: Vec<Action>,
    mailbox: VecDeque<Message>,
    /// Whether it looks at its messages, or will.
    looking: bool,
    /// What is to be sent to each of those below.
    outgoing: BTreeMap<u32, Vec<u64>>,
    next_task: u64,
    /// The batches that a sub-master has: their places, numbers, tasks left, and times.
    batches: BTreeMap<u64, Batch>,
}

struct Batch {
    place: u32,
    number: u64,
    left: u64,
    since: u64,
}

#[derive(Default)]
struct ModelledWorker {
    busy: bool,
    waiting: VecDeque<Vec<u64>>,
    begun: Option<u64>,
}

impl Simulation {
    fn new(pool: Pool, nanos: u64, costs: Costs) -> Self {
        let tasks = (u64::from(pool.workers) * TASKS_EACH).max(TASKS_MIN);
        let masters = match pool.fan_out {
            None => vec![Master::new(pool.workers, tasks)],
            Some(fan_out) => {
                let subs = pool.workers.div_ceil(fan_out);
                let batches = (tasks / (u64::from(fan_out) * BATCH_EACH)).max(u64::from(subs) * 10);
                let root = Master::new(subs * BATCHES, batches);
                [root].into_iter().chain((0..subs).map(|_| Master::new(fan_out, 0))).collect()
            }
        };
        let workers = pool.fan_out.map_or(pool.workers, |fan_out| pool.workers.div_ceil(fan_out) * fan_out);
        let workers = (0..workers).map(|_| ModelledWorker::default()).collect();
        let (events, executed) = (BinaryHeap::new(), Vec::new());
        let fan_out = pool.fan_out;
        Simulation { costs, nanos, masters, workers, fan_out, events, next_event: 0, executed, sent: Vec::new() }
    }

    fn run(&mut self) {
        self.flush(0, 0);
        while let Some(Reverse((now, _, happening))) = self.events.pop() {
            match happening {
                Happening::Reply(master, message) => {
                    self.masters[master].mailbox.push_back(message);
                    if !std::mem::replace(&mut self.masters[master].looking, true) {
                        self.add(now, Happening::Look(master));
                    }
                }
                Happening::Look(master) => self.look(master, now),
                Happening::Tasks(worker, tasks) => {
                    self.workers[worker].waiting.push_back(tasks);
                    if !std::mem::replace(&mut self.workers[worker].busy, true) {
                        self.execute(worker, now);
                    }
                }
                Happening::Free(worker) => self.execute(worker, now),
            }
        }
    }

    /// The share of the workers' time in which they execute tasks.
    fn busy(&self) -> f64 {
        let all_begun = self.workers.iter().map(|worker| worker.begun.unwrap_or(u64::MAX)).max().unwrap_or_default();
        let (begin, end) = (self.sent[self.sent.len() / 2].max(all_begun), self.sent[self.sent.len() - 1]);
        assert!(end > begin, "there are enough tasks");
        let within = |&(from, to): &(u64, u64)| to.min(end).saturating_sub(from.max(begin));
        let executing: u64 = self.executed.iter().map(within).sum();
        executing as f64 / (end - begin) as f64 / self.workers.len() as f64
    }

    fn add(&mut self, time: u64, happening: Happening) {
        self.next_event += 1;
        self.events.push(Reverse((time, self.next_event, happening)));
    }

    /// A master deals with one message; after the last it sends what there is to send.
    fn look(&mut self, number: usize, now: u64) {
        let costs = self.costs;
        let master = &mut self.masters[number];
        let Some(message) = master.mailbox.pop_front() else { return self.flush(number, now) };
        let mut time = costs.frame;
        let mut done = Vec::new();
        match message {
            Message::Done(below, tasks) => {
                let of_task = costs.of_task(master.below);
                for (task, nanos) in tasks {
                    time += of_task;
                    if self.fan_out.is_some() && number == 0 {
                        time += costs.call * self.batch_tasks();
                    }
                    let master = &mut self.masters[number];
                    master.handle(Event::Finish(WorkerNumber(below), TaskNumber(task), nanos));
                    done.extend(master.end_of_batch(task));
                }
            }
            Message::Batch(place, batch) => {
                let tasks = self.batch_tasks();
                time += costs.call * tasks;
                self.masters[number].begin_batch(place, batch, tasks, now);
            }
        }
        for batch in done {
            time += costs.frame;
            let at = now + time + costs.latency;
            let spent = at - batch.since;
            let reply = Message::Done(batch.place, vec![(batch.number, spent)]);
            self.add(at, Happening::Reply(0, reply));
        }
        self.add(now + time, Happening::Look(number));
    }

    /// A master sends what there is to send; if there is nothing, it has nothing to do before the next message.
    fn flush(&mut self, number: usize, now: u64) {
        let mut now = now;
        self.masters[number].looking = !self.masters[number].outgoing.is_empty();
        if !self.masters[number].looking {
            return;
        }
        for (below, tasks) in std::mem::take(&mut self.masters[number].outgoing) {
            now += self.costs.frame;
            let at = now + self.costs.latency;
            match self.fan_out {
                Some(_) if number == 0 => {
                    for batch in tasks {
                        let message = Message::Batch(below, batch);
                        self.add(at, Happening::Reply(1 + (below / BATCHES) as usize, message));
                    }
                }
                Some(fan_out) => {
                    let worker = (number - 1) * fan_out as usize + below as usize;
                    self.add(at, Happening::Tasks(worker, tasks));
                }
                None => self.add(at, Happening::Tasks(below as usize, tasks)),
            }
            if number == 0 {
                self.sent.push(now);
            }
        }
        self.add(now, Happening::Look(number));
    }

    /// A worker executes the tasks that it was sent first, and replies as real workers do.
    fn execute(&mut self, number: usize, now: u64) {
        let Some(tasks) = self.workers[number].waiting.pop_front() else {
            self.workers[number].busy = false;
            return;
        };
        let (master, below) = match self.fan_out {
            Some(fan_out) => (1 + number / fan_out as usize, number as u32 % fan_out),
            None => (0, number as u32),
        };
        self.workers[number].begun.get_or_insert(now);
        let (mut time, mut sent, mut replies) = (now, now, Vec::new());
        for task in tasks {
            let nanos = self.length(master, task);
            time += self.costs.worker;
            self.executed.push((time, time + nanos));
            time += nanos;
            replies.push((task, nanos));
            if time - sent >= REPLY_DELAY {
                let message = Message::Done(below, std::mem::take(&mut replies));
                self.add(time + self.costs.latency, Happening::Reply(master, message));
                sent = time;
            }
        }
        if !replies.is_empty() {
            self.add(time + self.costs.latency, Happening::Reply(master, Message::Done(below, replies)));
        }
        self.add(time, Happening::Free(number));
    }

    /// Between a half and three halves of what tasks take in the mean, and always the same for a task.
    fn length(&self, master: usize, task: u64) -> u64 {
        let mixed = (task + 1 + ((master as u64) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        self.nanos / 2 + self.nanos * (mixed % 1024) / 1024
    }

    fn batch_tasks(&self) -> u64 {
        u64::from(self.fan_out.unwrap_or(1)) * BATCH_EACH
    }
}

impl Master {
    /// A master of so many workers or places, with so many tasks in its queue.
    fn new(below: u32, tasks: u64) -> Self {
        let mut master = Master {
            scheduler: Scheduler::default(),
            below,
            actions: Vec::new(),
            mailbox: VecDeque::new(),
            looking: false,
            outgoing: BTreeMap::new(),
            next_task: 0,
            batches: BTreeMap::new(),
        };
        master.handle(Event::Open(CLIENT));
        master.submit(tasks);
        (0..below).for_each(|number| master.handle(Event::Join(WorkerNumber(number))));
        master
    }

    fn submit(&mut self, tasks: u64) {
        for _ in 0..tasks {
            self.handle(Event::Submit(CLIENT, TaskNumber(self.next_task), FUNCTION, Prefetch::default()));
            self.next_task += 1;
        }
    }

    fn handle(&mut self, event: Event) {
        self.scheduler.handle(event, &mut self.actions);
        for action in self.actions.drain(..) {
            if let Action::Dispatch(worker, task) = action {
                self.outgoing.entry(worker.0).or_default().push(task.0);
            }
        }
    }

    fn begin_batch(&mut self, place: u32, number: u64, tasks: u64, now: u64) {
        self.batches.insert(self.next_task, Batch { place, number, left: tasks, since: now });
        self.submit(tasks);
    }

    /// A task is done; returns its batch if that is done by it.
    fn end_of_batch(&mut self, task: u64) -> Option<Batch> {
        let (&first, batch) = self.batches.range_mut(..=task).next_back()?;
        batch.left -= 1;
        if batch.left == 0 { self.batches.remove(&first) } else { None }
    }
}
