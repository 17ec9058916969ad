//! A pool with everything around it, standing still: the real manager, executors and futures, the network, and modelled
//! workers. Whoever holds a world chooses what happens next.

use super::calls::{Call, Calls, Expected, MapCalls};
use super::clock;
use super::network::{self, Question, SharedNetwork, SimulatedTransport};
use super::plan::{QUICK, Step, TOO_LONG, Terms};
use super::tasks;
use super::tasks::{Arguments, CLIENT, Ending, Preparations, simulated_initializer, simulated_long, simulated_short};
use super::trace::{Entry, Trace};
use super::worker::{Life, ModelledWorker, Reply};
use futures_mpi_core::engine::{Frame, Kind, Manager, Stepper, Transport, WorkerNumber};
use futures_mpi_core::options::{CommonOptions, Decided, PoolOptions};
use futures_mpi_core::{Error, Executor};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// How long workers may take to answer.
pub(super) const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// A run takes far less real time.
const RESULT_NEVER_COMES: Duration = Duration::from_secs(10);

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
    /// The last call that waits for another one.
    follower: Option<u64>,
    /// Whether workers look at calls one by one.
    apart: bool,
}

/// How a world is made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
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

/// An executor, and what was asked of it.
struct Client {
    executor: Executor,
    shut_down: bool,
    preparations: Option<Preparations>,
}

/// What has gone wrong, or was given up.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    /// The pool never came up, or not all of it.
    pub(super) boot: bool,
    pub(super) abandoned: bool,
    pub(super) ended: bool,
    /// The workers that have died, or have sent what nobody can read.
    pub(super) workers: Vec<WorkerNumber>,
    /// These were all workers at some time.
    pub(super) all: bool,
    /// How many attempts to replace a worker may have failed, if it is tried.
    pub(super) attempts_failed: Option<u32>,
}

impl World {
    /// A pool with one worker for each slowness, and with clients that want these preparations.
    pub(super) fn new(slowness: &[u64], clients: &[Option<Preparations>], manner: Manner) -> Self {
        let Manner { owning, replacing, apart, isolating } = manner;
        clock::set(0);
        tasks::reset(slowness.len() as u32);
        let pool = PoolOptions { boot_limit: BOOT_LIMIT, replace_lost_workers: replacing, ..PoolOptions::default() };
        let (manager, stepper) = Stepper::detached(pool).expect("the task functions agree");
        let client = |(number, preparations): (u32, &Option<Preparations>)| {
            let options = options(number, *preparations);
            let executor = match owning {
                true => Executor::owning(Arc::clone(&manager), options),
                false => Executor::sharing(Arc::clone(&manager), options),
            };
            Client { executor, shut_down: false, preparations: *preparations }
        };
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

    /// Makes a worker one that never answers.
    pub(super) fn silence(&mut self, worker: u32) {
        self.mishaps.boot = true;
        self.workers[worker as usize].die(0);
    }

    /// Changes the first frame to a worker so that the worker refuses it.
    pub(super) fn spoil_greeting(&mut self, worker: u32) {
        self.mishaps.boot = true;
        self.network.lock().spoil(WorkerNumber(worker));
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

    fn submit(&mut self, client: u32, long: bool, (nanos, ending): (u64, Ending), terms: Terms) {
        let token = self.token();
        let function = if long { simulated_long::ID } else { simulated_short::ID };
        let executor = &self.clients[client as usize].executor;
        let arguments = (token, nanos, ending as u8);
        let future = if terms == Terms::default() {
            executor.submit(function, arguments)
        } else {
            let backoff = Duration::from_nanos(terms.backoff_nanos);
            let call = executor.call(function).retries(terms.retries).retry_backoff(backoff, Duration::MAX);
            match terms.limit_nanos {
                0 => call.submit(arguments),
                limit => call.task_timeout(Duration::from_nanos(limit)).submit(arguments),
            }
        };
        let expected = self.expected(client, token, ending, terms);
        let number = self.calls.add(Call::new(client, expected, future));
        self.add(Entry::Called(number, client));
    }

    /// Only workers can be named that were there from the beginning, and only after that.
    fn submit_to(&mut self, worker: u32, client: u32, (nanos, ending): (u64, Ending)) {
        if self.stepper.as_ref().is_none_or(|stepper| !stepper.is_booted()) {
            return;
        }
        let token = self.token();
        let executor = &self.clients[client as usize].executor;
        let future = executor.submit_to(worker as usize, simulated_long::ID, (token, nanos, ending as u8));
        let expected = Expected { only_on: Some(worker), ..self.expected(client, token, ending, Terms::default()) };
        let number = self.calls.add(Call::new(client, expected, future));
        self.add(Entry::Called(number, client));
    }

    /// One such call at a time: then all others can be executed beside it, if not before.
    fn follow(&mut self, client: u32, long: bool) {
        (0..QUICK).for_each(|_| self.submit(client, long, (0, Ending::Value), Terms::default()));
        if self.follower.is_none_or(|token| self.calls.is_done(token)) {
            self.submit(client, long, (0, Ending::Following), Terms::default());
            self.follower = Some(self.next_token);
        }
    }

    fn map(
        &mut self,
        client: u32,
        long: bool,
        (nanos, ending): (u64, Ending),
        (count, chunksize, lease_micros): (u32, u32, u32),
        terms: Terms,
    ) {
        let endings = (1..=count).map(|place| if place == count { ending } else { Ending::Value });
        let items: Vec<(u64, Ending)> = endings.map(|ending| (self.token(), ending)).collect();
        let function = if long { simulated_long::ID } else { simulated_short::ID };
        let arguments: Vec<Arguments> = items.iter().map(|(token, ending)| (*token, nanos, *ending as u8)).collect();
        // Real time, in which a map may be late only if a result never comes: then it ends instead of waiting for ever.
        let map = self.clients[client as usize].executor.map(function, arguments).timeout(RESULT_NEVER_COMES);
        let mut map = map.chunksize(chunksize as usize);
        if let Some(micros) = NonZeroU32::new(lease_micros) {
            map = map.lent(micros);
        }
        if terms != Terms::default() {
            map = map.retries(terms.retries).retry_backoff(Duration::from_nanos(terms.backoff_nanos), Duration::MAX);
        }
        if terms.limit_nanos > 0 {
            map = map.task_timeout(Duration::from_nanos(terms.limit_nanos));
        }
        let results = map.into_iter();
        let items = items.into_iter().map(|(token, ending)| self.expected(client, token, ending, terms)).collect();
        self.calls.add_map(MapCalls::new(client, items, results));
    }

    /// What is expected of a call of a client that is made now.
    fn expected(&self, client: u32, token: u64, ending: Ending, terms: Terms) -> Expected {
        let Client { shut_down, preparations, .. } = self.clients[client as usize];
        let refused = self.mishaps.ended || shut_down;
        let unfit =
            preparations.is_some_and(|own| own.failing.is_some() || own.nanos >= TOO_LONG || self.are_held_up());
        let prepared = preparations.map(|_| client);
        let (cancelled, cancelled_at, given_up) = (false, 0, false);
        let only_on = None;
        Expected { token, ending, terms, only_on, refused, cancelled, cancelled_at, given_up, prepared, unfit }
    }

    /// Whether initializers that do not end may hold the workers up for longer than other executors have patience: one
    /// alone comes back in time, at a worker that is not slow.
    fn are_held_up(&self) -> bool {
        let endless = self.clients.iter().filter(|client| client.preparations.is_some_and(|all| all.nanos >= TOO_LONG));
        endless.count() > 1 || self.workers.iter().any(ModelledWorker::is_slow)
    }

    fn shut_down(&mut self, client: u32, cancel: bool) {
        let client_of = &mut self.clients[client as usize];
        client_of.executor.shutdown(false, cancel);
        client_of.shut_down = true;
        if cancel {
            self.calls.cancel_all(client);
        }
    }

    fn end(&mut self) {
        self.mishaps.ended = true;
        self.manager.end();
    }

    fn works(&self, worker: u32) -> bool {
        self.workers.get(worker as usize).is_some_and(|worker| worker.life() == Life::Working)
    }

    fn kill(&mut self, worker: u32) -> Consequence {
        if !self.works(worker) {
            return Consequence::Nothing;
        }
        self.mishap(WorkerNumber(worker));
        self.workers[worker as usize].die(clock::now());
        self.network.lock().unsend_after(WorkerNumber(worker), clock::now());
        Consequence::Death(worker)
    }

    fn garble(&mut self, worker: u32) -> Consequence {
        if !self.works(worker) {
            return Consequence::Nothing;
        }
        self.mishap(WorkerNumber(worker));
        self.network.lock().send_up(WorkerNumber(worker), clock::now(), network::garbage());
        Consequence::Message(worker)
    }

    fn copy(&mut self, from: u32, to: u32) -> Consequence {
        // The last word of one that refuses would be that of another.
        if self.works(from)
            && self.works(to)
            && self.network.lock().copy_up(WorkerNumber(from), WorkerNumber(to), clock::now())
        {
            Consequence::Message(to)
        } else {
            Consequence::Nothing
        }
    }

    fn mishap(&mut self, worker: WorkerNumber) {
        if !self.mishaps.workers.contains(&worker) {
            self.mishaps.workers.push(worker);
            self.mishaps.all |= self.mishaps.workers.len() == self.workers.len();
            if worker.index() >= self.originals {
                self.mishaps.attempts_failed = self.mishaps.attempts_failed.map(|failed| failed + 1);
            }
        }
        // A pool starts with the workers that are left, as long as one of the beginning is: it does not wait for
        // others.
        let originals = self.mishaps.workers.iter().filter(|lost| lost.index() < self.originals).count();
        let starting = !self.stepper.as_ref().is_some_and(Stepper::is_booted);
        self.mishaps.boot |= starting && originals == self.originals;
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

/// The options of a client.
fn options(number: u32, preparations: Option<Preparations>) -> Decided {
    let mut options = CommonOptions::default();
    options.boot_limit = Some(BOOT_LIMIT);
    if let Some(Preparations { nanos, failing }) = preparations {
        options.global(CLIENT.to_owned(), &number);
        options.initializer(simulated_initializer::ID, (nanos, failing));
    }
    options.decide().expect("they are good")
}

/// Hashes text as it is written.
struct TextHasher(DefaultHasher);

impl fmt::Write for TextHasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
