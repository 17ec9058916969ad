//! A pool with everything around it, standing still: the real manager, executors and futures, the network, and modelled
//! workers. Whoever holds a world chooses what happens next.

mod clients;
mod mishaps;

use super::calls::Calls;
use super::clock;
use super::network::{Question, SharedNetwork, SimulatedTransport};
use super::plan::{Step, Terms};
use super::tasks::{self, Ending, Preparations};
use super::trace::{Entry, Trace};
use super::worker::{Life, ModelledWorker, Reply};
pub(super) use clients::Client;
use futures_mpi_core::Error;
use futures_mpi_core::engine::{Frame, Kind, Manager, Stepper, Transport, WorkerNumber};
use futures_mpi_core::options::PoolOptions;
pub(super) use mishaps::Mishaps;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How long workers may take to answer.
pub(super) const BOOT_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct World {
    manager: Arc<Manager>,
    /// None when the pool has come to its end.
    stepper: Option<Stepper>,
    network: SharedNetwork,
    workers: Vec<ModelledWorker>,
    /// How many workers there were at the beginning.
    originals: usize,
    clients: Vec<Client>,
    pub(super) calls: Calls,
    pub(super) trace: Trace,
    /// What has happened that may cost tasks their workers or their pool.
    pub(super) mishaps: Mishaps,
    next_token: u64,
    exits: bool,
    /// The last call that waits for another one.
    follower: Option<u64>,
    /// Whether workers look at calls one by one.
    apart: bool,
}

/// How a world is made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether the workers do something last for each client.
    pub(super) exits: bool,
    /// Whether the only client owns the pool.
    pub(super) owning: bool,
    /// Whether lost workers are replaced.
    pub(super) replacing: bool,
    /// Whether workers look at calls one by one.
    pub(super) apart: bool,
    /// Whether nothing comes back from them.
    pub(super) isolating: bool,
}

/// What a worker has done about something that has come to it.
#[derive(Debug)]
pub(super) struct Reaction {
    /// When it sends its answers, which are on their way.
    pub(super) sent: Vec<u64>,
    /// When it is free to look at what waits; `None` if nothing does, or if this was said before.
    pub(super) free_at: Option<u64>,
}

/// What follows from a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    Nothing,
    /// A worker has died, and the manager will notice.
    Death(u32),
    /// A worker has sent something now.
    Message(u32),
}

impl World {
    /// A pool with one worker for each slowness, and with clients that want these preparations.
    pub(super) fn new(slowness: &[u64], clients: &[Option<Preparations>], manner: Manner) -> Self {
        let Manner { exits, owning, replacing, apart, isolating } = manner;
        clock::set(0);
        tasks::reset(slowness.len() as u32);
        let pool = PoolOptions { boot_limit: BOOT_LIMIT, replace_lost_workers: replacing, ..PoolOptions::default() };
        let (manager, stepper) = Stepper::detached(pool).expect("the task functions agree");
        let client =
            |(number, wanted): (u32, &Option<Preparations>)| Client::new(&manager, (owning, exits), number, *wanted);
        let network = SharedNetwork::new(slowness.len(), isolating);
        let worker = |(number, slow): (u32, &u64)| {
            let number = WorkerNumber(number);
            ModelledWorker::new(number, *slow, network.lock().claims(number), apart)
        };
        World {
            workers: (0..).zip(slowness).map(worker).collect(),
            clients: (0..).zip(clients).map(client).collect(),
            manager,
            stepper: Some(stepper),
            network,
            calls: Calls::default(),
            trace: Trace::default(),
            mishaps: Mishaps { attempts_failed: replacing.then_some(0), ..Mishaps::default() },
            originals: slowness.len(),
            next_token: 0,
            exits,
            follower: None,
            apart,
        }
    }

    /// Brings the transport up, or says that there is none.
    pub(super) fn attach(&mut self, fails: bool) {
        let transport: Box<dyn Transport> = Box::new(SimulatedTransport(self.network.clone()));
        let reason = Error::new(Kind::Mpi, "no worker can be started; this is part of a simulation");
        if fails {
            self.mishaps.boot = true;
            self.workers.iter_mut().for_each(ModelledWorker::hang_up);
        }
        self.stepper_mut().attach(if fails { Err(reason) } else { Ok(transport) });
        self.add(Entry::Attached);
    }

    /// Lets the manager deal with what has come, and come to its end if nothing is left; with a look at the invariants
    /// if they are to be checked.
    pub(super) fn turn(&mut self, check: bool) {
        let Some(stepper) = &mut self.stepper else { return };
        stepper.step(Duration::from_nanos(clock::now()));
        if check {
            stepper.check();
        }
        let finished = self.stepper.take_if(|stepper| stepper.is_finished());
        if let Some(stepper) = finished {
            stepper.finish().expect("the simulated transport has nothing against its end");
            self.add(Entry::Closed);
        }
        self.hear();
    }

    /// Lets the next frame on its way to a worker come to it.
    pub(super) fn deliver(&mut self, worker: u32) -> Reaction {
        let frame = self.network.lock().take_down(WorkerNumber(worker));
        let reply = frame.map(|frame| self.workers[worker as usize].receive(clock::now(), frame));
        self.pass_on(worker, reply.unwrap_or_default())
    }

    /// Lets a worker that was busy look at what has come meanwhile.
    pub(super) fn go_on(&mut self, worker: u32) -> Reaction {
        let reply = self.workers[worker as usize].go_on(clock::now());
        self.pass_on(worker, reply)
    }

    /// Lets the workers go on that need not wait any more in their calls.
    pub(super) fn meet(&mut self) -> Vec<(u32, Reaction)> {
        let (met, now, calls) = (tasks::have_met(), clock::now(), &self.calls);
        let goes_on = |worker: &ModelledWorker| worker.follows(now).map_or(met, |(token, _)| calls.is_done(token));
        let meet = |(number, worker): (u32, &mut ModelledWorker)| {
            let reply = if goes_on(worker) { worker.meet(now) } else { None };
            reply.map(|reply| (number, reply))
        };
        let replies: Vec<(u32, Reply)> = (0..).zip(&mut self.workers).filter_map(meet).collect();
        replies.into_iter().map(|(worker, reply)| (worker, self.pass_on(worker, reply))).collect()
    }

    /// When a worker comes to the call in which it waits, if that is later.
    pub(super) fn comes_to_wait(&self, worker: u32) -> Option<u64> {
        let worker = &self.workers[worker as usize];
        worker.follows(clock::now()).filter(|(_, waits)| !waits).map(|_| worker.busy_until())
    }

    /// Lets a worker learn that it is to give tasks back; how many it has begun, and what it has held back, if it is
    /// there.
    pub(super) fn ask(&mut self, question: Question) -> Option<(u64, Frame)> {
        let (begun, replies) = self.workers[question.worker as usize].give_back(question.from, question.until)?;
        self.add(Entry::Asked(question, begun, replies.len_bytes()));
        Some((begun, replies))
    }

    /// Lets the manager learn how many tasks a worker has begun, and what it has held back.
    pub(super) fn recalled(&mut self, worker: u32, begun: u64, replies: Frame) {
        self.network.lock().recalled(WorkerNumber(worker), begun, replies);
    }

    /// Whether the manager looks now and then whether tasks are to come back.
    pub(super) fn has_ahead(&self) -> bool {
        self.stepper.as_ref().is_some_and(Stepper::has_ahead)
    }

    fn pass_on(&mut self, worker: u32, reply: Reply) -> Reaction {
        if reply.took {
            self.add(Entry::Took(worker, self.workers[worker as usize].busy_until()));
        }
        let sent = reply.sent.iter().map(|(time, _)| *time).collect();
        let mut network = self.network.lock();
        reply.sent.into_iter().for_each(|(time, frame)| network.send_up(WorkerNumber(worker), time, frame));
        Reaction { sent, free_at: reply.free_at }
    }

    /// Lets the next frame on its way from a worker come to the manager.
    pub(super) fn arrive(&mut self, worker: u32) {
        let arrived = self.network.lock().arrive(WorkerNumber(worker));
        if let Some(bytes) = arrived {
            self.add(Entry::Arrived(worker, bytes));
        }
    }

    /// Lets the manager notice that a worker is dead.
    pub(super) fn notice(&mut self, worker: u32) {
        self.network.lock().lose(WorkerNumber(worker), "it has died; this is part of a simulation");
        self.add(Entry::Noticed(worker));
    }

    /// Lets a worker come in the place of a lost one, or the manager learn that none comes.
    pub(super) fn join(&mut self, comes: bool) {
        if self.is_over() {
            return;
        }
        let joined = self.network.lock().join(comes);
        if let Some(number) = joined {
            let claims = self.network.lock().claims(number);
            self.workers.push(ModelledWorker::new(number, 1, claims, self.apart));
            self.add(Entry::Joined(number.0));
        } else {
            self.mishaps.attempts_failed = self.mishaps.attempts_failed.map(|failed| failed + 1);
            self.add(Entry::NotJoined);
        }
    }

    /// Does what users or fate do.
    pub(super) fn act(&mut self, step: &Step) -> Consequence {
        self.add(Entry::Step(*step));
        match *step {
            Step::Submit { client, long, nanos, ending, terms } => self.submit(client, long, (nanos, ending), terms),
            Step::SubmitTo { client, worker, nanos, ending } => self.submit_to(worker, client, (nanos, ending)),
            Step::Map { client, long, nanos, ending, count, chunksize, lease_micros, terms } => {
                self.map(client, long, (nanos, ending), (count, chunksize, lease_micros), terms);
            }
            Step::Meet { client, long } => {
                for _ in 0..self.originals {
                    self.submit(client, long, (0, Ending::Meeting), Terms::default());
                }
            }
            Step::Follow { client, long } => self.follow(client, long),
            Step::Cancel(which) => {
                if let Some((number, cancelled)) = self.calls.cancel(which) {
                    self.add(Entry::Withdrawn(number, cancelled));
                }
            }
            Step::DropMap(which) => self.calls.drop_map(which),
            Step::Shutdown { client, cancel } => self.shut_down(client, cancel),
            Step::End => self.end(),
            Step::Abandon => {
                (self.mishaps.abandoned, self.mishaps.ended) = (true, true);
                self.manager.abandon();
            }
            Step::Kill(worker) => return self.kill(worker),
            Step::Garble(worker) => return self.garble(worker),
            Step::Copy { from, to } => return self.copy(from, to),
        }
        self.hear();
        Consequence::Nothing
    }

    /// Ends everything that has not been ended.
    pub(super) fn end_all(&mut self) {
        (0..self.clients.len() as u32).for_each(|client| self.shut_down(client, false));
        self.end();
        self.hear();
    }

    /// Ends the connections of the workers that are left, after the pool has ended; returns those that nobody has told
    /// to stop.
    pub(super) fn hang_up(&mut self) -> Vec<u32> {
        let mut forgotten = Vec::new();
        for (number, worker) in (0..).zip(&mut self.workers) {
            if worker.life() == Life::Working {
                forgotten.push(number);
            }
            worker.hang_up();
        }
        forgotten
    }

    pub(super) fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// How many workers there were at the beginning.
    pub(super) fn originals(&self) -> usize {
        self.originals
    }

    pub(super) fn workers(&self) -> &[ModelledWorker] {
        &self.workers
    }

    /// The workers that have come in the place of lost ones.
    pub(super) fn replacements(&self) -> impl Iterator<Item = &ModelledWorker> {
        self.workers.iter().skip(self.originals)
    }

    /// Makes all workers free, and the time this one, where the time that calls take does not matter.
    pub(super) fn rest(&mut self, now: u64) {
        clock::set(now);
        self.workers.iter_mut().for_each(ModelledWorker::rest);
    }

    /// A hash of all that decides about what can happen from now on, and of what must not be forgotten for the end.
    /// With it goes what the holder of this world knows.
    pub(super) fn fingerprint_with(&self, more: &impl Hash) -> u64 {
        let mut hasher = TextHasher(DefaultHasher::new());
        more.hash(&mut hasher.0);
        let mut hash = |text: fmt::Arguments<'_>| fmt::Write::write_fmt(&mut hasher, text).expect("it takes any text");
        hash(format_args!("{:?} {:?} {:?}", self.stepper, *self.network.lock(), self.mishaps));
        for worker in &self.workers {
            hash(format_args!("{:?} {:?} {}", worker.life(), worker.executions(), worker.waiting()));
        }
        for call in &self.calls.calls {
            let phase = (call.future.running(), call.future.done(), call.future.cancelled());
            hash(format_args!("{:?} {phase:?} {}", call.expected, call.heard));
        }
        hasher.0.finish()
    }

    pub(super) fn network(&self) -> &SharedNetwork {
        &self.network
    }

    pub(super) fn is_over(&self) -> bool {
        self.stepper.is_none()
    }

    fn end(&mut self) {
        self.mishaps.ended = true;
        self.manager.end();
    }

    /// Takes note of the futures that are done.
    fn hear(&mut self) {
        for call in self.calls.heard() {
            self.add(Entry::Resolved(call));
        }
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    fn add(&mut self, entry: Entry) {
        self.trace.add(clock::now(), entry);
    }

    fn stepper_mut(&mut self) -> &mut Stepper {
        self.stepper.as_mut().expect("the pool has not ended")
    }
}

/// Hashes text as it is written.
struct TextHasher(DefaultHasher);

impl fmt::Write for TextHasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
