//! What is going to happen in a run, made from a seed: a plain value, so that it can be printed, changed and run again.

use super::random::Random;
use super::tasks::{Ending, LAST_NANOS, Preparations};

/// A millisecond of virtual time.
const MILLI: u64 = 1_000_000;

/// Preparations that take so long are given up.
pub(super) const TOO_LONG: u64 = 100_000 * MILLI;

/// The pauses of a series of failed attempts to replace a worker take no longer than that, where the manager looks at
/// the time in growing steps.
const SERIES_NANOS: u64 = 10_000 * MILLI;

/// While workers have tasks ahead the manager looks at least so often.
pub(super) const LOOK_NANOS: u64 = MILLI;

/// Calls that wait for one another are in progress after so long, if nothing else is to be done.
const MEETING_NANOS: u64 = 200 * MILLI;

/// So many quick calls are made before one that waits for the last of them.
pub(super) const QUICK: u32 = 24;

/// All that a run depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Chooses the delays of the network.
    pub(super) seed: u64,
    pub(super) workers: u32,
    /// By worker: how many times slower it is than the fastest.
    pub(super) slowness: Vec<u64>,
    pub(super) clients: u32,
    /// By client: what the workers are to do first for it.
    pub(super) preparations: Vec<Option<Preparations>>,
    /// Whether the workers do something last for each client.
    pub(super) exits: bool,
    /// Whether the only client owns the pool.
    pub(super) owning: bool,
    pub(super) boot: Boot,
    /// When the transport is there.
    pub(super) boot_nanos: u64,
    /// How lost workers are replaced, if they are.
    pub(super) replacing: Option<Replacing>,
    /// Whether workers look at calls one by one, so that those that they have not come to can be taken back.
    pub(super) apart: bool,
    /// Whether nothing can be taken back from workers.
    pub(super) isolating: bool,
    /// The shortest delay of a frame.
    pub(super) distance_nanos: u64,
    /// By how much it may be longer at the most.
    pub(super) delay_nanos: u64,
    /// The longest time that the manager takes to look at what has come.
    pub(super) turn_nanos: u64,
    /// In the order of their times.
    pub(super) steps: Vec<(u64, Step)>,
}

/// What becomes of a pool's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    Good,
    /// No worker can be started.
    Fails,
    /// One never answers.
    Silent(u32),
    /// One cannot work with this manager.
    Refuses(u32),
}

/// How workers come in the place of lost ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replacing {
    /// The longest time that it takes.
    pub(super) nanos: u64,
    /// How many of a hundred do not come.
    pub(super) failing: u64,
}

/// On which terms a call is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) retries: u32,
    /// The pause before the first retry.
    pub(super) backoff_nanos: u64,
    /// How long a try may take; 0 is no limit.
    pub(super) limit_nanos: u64,
}

impl Terms {
    fn longest_pause(&self) -> u64 {
        if self.retries == 0 { 0 } else { MILLI + ((4 * self.backoff_nanos) << self.retries) }
    }
}

/// Something that users or fate do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Submit {
        client: u32,
        long: bool,
        nanos: u64,
        ending: Ending,
        terms: Terms,
    },
    /// A call that only this worker may execute.
    SubmitTo {
        client: u32,
        worker: u32,
        nanos: u64,
        ending: Ending,
    },
    /// As many calls as `count`, the last one ending like this.
    Map {
        client: u32,
        long: bool,
        nanos: u64,
        ending: Ending,
        count: u32,
        chunksize: u32,
        /// Workers give back what they have not begun of a chunk after so long; never if 0.
        lease_micros: u32,
        terms: Terms,
    },
    /// As many calls as there are workers, which end when all of them are in progress.
    Meet {
        client: u32,
        long: bool,
    },
    /// Quick calls, and one that ends when the last of them is done, unless there is another such call.
    Follow {
        client: u32,
        long: bool,
    },
    /// The number chooses among the calls so far.
    Cancel(u64),
    /// The number chooses among the maps so far.
    DropMap(u64),
    Shutdown {
        client: u32,
        cancel: bool,
    },
    /// The pool ends when its executors' tasks are done.
    End,
    /// The pool ends at once.
    Abandon,
    /// A worker dies.
    Kill(u32),
    /// A worker sends bytes that nobody can read.
    Garble(u32),
    /// A worker sends what it, or another, has just sent: answers about tasks that it has no more, or never had.
    Copy {
        from: u32,
        to: u32,
    },
}

impl Plan {
    /// A plan of equal workers over a quick network, in which nothing goes wrong.
    pub(super) fn undisturbed(workers: u32, clients: u32, steps: Vec<(u64, Step)>) -> Self {
        Plan {
            seed: 1,
            workers,
            slowness: vec![1; workers as usize],
            clients,
            preparations: vec![None; clients as usize],
            exits: false,
            owning: clients == 1,
            boot: Boot::Good,
            boot_nanos: 0,
            replacing: None,
            apart: true,
            isolating: false,
            distance_nanos: 0,
            delay_nanos: 1_000,
            turn_nanos: 1_000,
            steps,
        }
    }

    /// The plan of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let workers = if random.percent(3) { random.between(20, 200) } else { random.between(1, 6) } as u32;
        let clients = if random.percent(40) { 1 } else { random.between(2, 5) } as u32;
        let slow = if random.percent(30) { 100 } else { 2 };
        let mut plan = Plan {
            seed: random.number(),
            workers,
            slowness: (0..workers).map(|_| if random.percent(20) { random.between(1, slow) } else { 1 }).collect(),
            clients,
            preparations: (0..clients).map(|_| preparations(&mut random, workers)).collect(),
            exits: random.percent(25),
            owning: clients == 1 && random.percent(50),
            boot: Boot::Good,
            boot_nanos: random.magnitude(300 * MILLI),
            replacing: replacing(&mut random),
            apart: random.percent(70),
            isolating: random.percent(5),
            distance_nanos: 0,
            delay_nanos: random.magnitude(MILLI).max(1),
            turn_nanos: random.magnitude(MILLI / 10).max(1),
            steps: Vec::new(),
        };
        plan.boot = match random.below(40) {
            0 => Boot::Fails,
            1 => Boot::Silent(random.below(u64::from(workers)) as u32),
            2 => Boot::Refuses(random.below(u64::from(workers)) as u32),
            _ => Boot::Good,
        };
        let unusual_terms = random.percent(30);
        let good = plan.boot == Boot::Good && plan.preparations.iter().all(Option::is_none);
        let meeting = good && random.percent(25);
        // What is in progress, and what is not, is known of single calls.
        plan.apart |= meeting;
        let following = !meeting && random.percent(25);
        // With calls one by one no reply is held back.
        plan.apart &= !following;
        plan.steps = Steps { random, unusual_terms, meeting, following, plan: &plan }.take();
        plan
    }

    /// The longest time that this plan can take, if every call waits for every other.
    pub(super) fn longest_nanos(&self) -> u64 {
        let slowest = self.slowness.iter().max().copied().unwrap_or(1);
        let calls: u64 = self.steps.iter().map(|(_, step)| step.nanos()).sum();
        // What takes too long is waited for in any case, and time passes in large steps then.
        let preparations = self.preparations.iter().flatten().map(|preparations| 2 * preparations.nanos);
        let last = u64::from(self.exits) * u64::from(self.clients) * LAST_NANOS;
        let work = calls + preparations.sum::<u64>() + last;
        let waits = |step: &Step| matches!(step, Step::Meet { .. } | Step::Follow { .. });
        let meetings = self.steps.iter().filter(|(_, step)| waits(step)).count() as u64;
        let last = self.steps.iter().map(|(time, _)| *time).max().unwrap_or(0);
        let pause = 2 * (self.distance_nanos + self.delay_nanos + self.turn_nanos);
        let replacing = self.replacing.map_or(0, |replacing| self.faults() * (SERIES_NANOS + 5 * replacing.nanos));
        let extra = LOOK_NANOS + meetings * MEETING_NANOS + replacing;
        self.boot_nanos + last + extra + work * slowest + pause * (20 + self.calls() + 2 * u64::from(self.clients))
    }

    /// How many workers may be lost at most, but for those that replace others.
    pub(super) fn faults(&self) -> u64 {
        self.steps.iter().filter(|(_, step)| matches!(step, Step::Kill(_) | Step::Garble(_))).count() as u64
    }

    /// How many calls it makes at most, each try counted.
    pub(super) fn calls(&self) -> u64 {
        let of_step = |step: &Step| match step {
            Step::Meet { .. } => u64::from(self.workers),
            _ => step.calls(),
        };
        self.steps.iter().map(|(_, step)| of_step(step)).sum()
    }
}

/// What becomes of lost workers: in most plans they are not replaced.
fn replacing(random: &mut Random) -> Option<Replacing> {
    if !random.percent(30) {
        return None;
    }
    let failing = if random.percent(20) { 100 } else { random.magnitude(80) };
    Some(Replacing { nanos: random.magnitude(300 * MILLI), failing })
}

/// What the workers of a pool of this size do for a client: nothing in most plans.
fn preparations(random: &mut Random, workers: u32) -> Option<Preparations> {
    if !random.percent(15) {
        return None;
    }
    let nanos = if random.percent(4) { TOO_LONG } else { random.magnitude(50 * MILLI) };
    let failing = random.percent(20).then(|| (random.below(u64::from(workers)) as u32, random.percent(50)));
    Some(Preparations { nanos, failing })
}

impl Step {
    fn nanos(&self) -> u64 {
        match self {
            // Where nothing else happens, the manager looks at the time in growing steps.
            Step::Submit { nanos, terms, .. } => nanos * self.calls() + terms.longest_pause(),
            Step::SubmitTo { nanos, .. } => *nanos,
            // Every chunk may have to rest.
            Step::Map { nanos, count, terms, .. } => nanos * self.calls() + terms.longest_pause() * u64::from(*count),
            _ => 0,
        }
    }

    fn calls(&self) -> u64 {
        match self {
            Step::Submit { terms, .. } => 1 + u64::from(terms.retries),
            Step::SubmitTo { .. } => 1,
            Step::Map { count, terms, .. } => u64::from(*count) * (1 + u64::from(terms.retries)),
            Step::Follow { .. } => u64::from(QUICK) + 1,
            _ => 0,
        }
    }
}

/// Chooses the steps of a plan.
struct Steps<'a> {
    random: Random,
    /// Whether calls have terms of their own.
    unusual_terms: bool,
    /// Whether calls wait for one another; then each of them must come to be executed.
    meeting: bool,
    /// Whether calls wait for others that were made before them.
    following: bool,
    plan: &'a Plan,
}

impl Steps<'_> {
    fn take(mut self) -> Vec<(u64, Step)> {
        // Where workers are replaced, more of them can be lost before none is left.
        let faults = match self.plan.replacing {
            Some(_) => self.random.magnitude(200),
            None if self.random.percent(50) => self.random.magnitude(40),
            None => 0,
        };
        let impatience = self.random.magnitude(100);
        let (faults, impatience) = if self.meeting { (0, 0) } else { (faults, impatience) };
        let (short, long) = (self.random.magnitude(20_000), self.random.magnitude(20 * MILLI));
        let pause = self.random.magnitude(10 * MILLI);
        let mut time = self.random.magnitude(400 * MILLI);
        let mut steps = Vec::new();
        for _ in 0..self.random.magnitude(300) {
            if !self.random.percent(80) {
                time += self.random.magnitude(pause + 1);
            }
            let chance = self.random.below(1000);
            let step = match chance {
                _ if chance < faults => self.fault(),
                _ if chance < faults + impatience => self.withdrawal(),
                _ if self.meeting && self.random.percent(4) => {
                    Step::Meet { client: self.client(), long: self.random.percent(30) }
                }
                _ if self.following && self.random.percent(4) => {
                    Step::Follow { client: self.client(), long: self.random.percent(30) }
                }
                _ => self.call(short, long),
            };
            steps.push((time, step));
        }
        if self.random.percent(20) {
            steps.push((time + self.random.magnitude(10 * MILLI), Step::End));
        }
        steps
    }

    fn call(&mut self, short: u64, long: u64) -> Step {
        let client = self.client();
        // Now and then a function takes as long as nobody expects of it.
        let is_long = self.random.percent(30);
        let takes_long = is_long != self.random.percent(3);
        let nanos = self.random.magnitude(if takes_long { long } else { short } + 1);
        let ending = match self.random.below(50) {
            0 => Ending::Panic,
            1..4 => Ending::Failure,
            _ => Ending::Value,
        };
        if self.random.percent(8) {
            let (count, chunksize) = (self.random.magnitude(100) as u32, self.random.between(1, 8) as u32);
            let terms = self.terms(nanos * u64::from(chunksize));
            let is_lent = terms == Terms::default() && self.random.percent(50);
            let lease_micros = if is_lent { (nanos / 1000) as u32 * self.random.between(1, 3) as u32 + 1 } else { 0 };
            return Step::Map { client, long: is_long, nanos, ending, count, chunksize, lease_micros, terms };
        }
        // Where calls meet, each has to find a worker that is free.
        if !self.meeting && self.random.percent(10) {
            let worker = self.random.below(u64::from(self.plan.workers)) as u32;
            return Step::SubmitTo { client, worker, nanos, ending };
        }
        Step::Submit { client, long: is_long, nanos, ending, terms: self.terms(nanos) }
    }

    fn terms(&mut self, nanos: u64) -> Terms {
        if !self.unusual_terms {
            return Terms::default();
        }
        let retries = if self.random.percent(40) { self.random.between(1, 3) as u32 } else { 0 };
        let backoff_nanos = if self.random.percent(50) { self.random.magnitude(MILLI) } else { 0 };
        let limit_nanos = if self.random.percent(20) { self.random.magnitude(4 * nanos + MILLI) } else { 0 };
        Terms { retries, backoff_nanos, limit_nanos }
    }

    /// Somebody wants less than before.
    fn withdrawal(&mut self) -> Step {
        match self.random.below(40) {
            0..3 => Step::Shutdown { client: self.client(), cancel: self.random.percent(50) },
            3 => Step::End,
            4..10 => Step::DropMap(self.random.number()),
            _ => Step::Cancel(self.random.number()),
        }
    }

    fn fault(&mut self) -> Step {
        // Those that have come in the place of others have higher numbers.
        let later = if self.plan.replacing.is_some() && self.random.percent(50) { 6 } else { 0 };
        let worker = self.random.below(u64::from(self.plan.workers) + later) as u32;
        match self.random.below(20) {
            0 => Step::Abandon,
            1..4 => Step::Garble(worker),
            4..10 => Step::Copy { from: worker, to: self.random.below(u64::from(self.plan.workers)) as u32 },
            _ => Step::Kill(worker),
        }
    }

    fn client(&mut self) -> u32 {
        self.random.below(u64::from(self.plan.clients)) as u32
    }
}
