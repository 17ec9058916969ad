//! A pool that moves only when a test says so: the real manager and workers, over a transport without a network.

use futures_mpi::{Error, Executor, Future, IntoArgs, TaskFunction};
use futures_mpi_core::engine::{
    Arrival, Claimer, Claims, Clock, Frame, Link, Manager, Next, Place, Stepper, Transport, Worker, WorkerNumber,
    calls_apart,
};
use futures_mpi_core::options::{CommonOptions, Decided, PoolOptions};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Frames on their way.
#[derive(Default)]
struct Network {
    to_workers: Vec<VecDeque<Frame>>,
    /// By worker.
    claims: Vec<Claims>,
    arrivals: VecDeque<Arrival>,
    /// How many more workers the manager has asked for.
    wanted: usize,
}

#[derive(Clone)]
struct SharedNetwork(Arc<Mutex<Network>>);

impl SharedNetwork {
    fn lock(&self) -> MutexGuard<'_, Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for SharedNetwork {
    fn workers(&self) -> usize {
        self.lock().to_workers.len()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        // Worker by worker, and call by call.
        self.lock().to_workers[worker.index()].extend(calls_apart(frame));
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.lock().arrivals.pop_front()
    }

    fn can_recall(&self, _: WorkerNumber) -> bool {
        true
    }

    fn recall(&mut self, worker: WorkerNumber, from: u64, until: u64) -> bool {
        let mut network = self.lock();
        let (begun, replies) = network.claims[worker.index()].recall(from, until);
        network.arrivals.push_back(Arrival::Recalled(worker, begun, replies));
        true
    }

    fn replace(&mut self, _limit: Duration) -> Result<(), String> {
        self.lock().wanted += 1;
        Ok(())
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// A worker's end.
struct End<'a>(SharedNetwork, WorkerNumber, &'a mut Claimer);

impl Link for End<'_> {
    fn receive(&mut self) -> Option<Frame> {
        self.0.lock().to_workers[self.1.index()].pop_front()
    }

    fn send(&mut self, frame: Frame) {
        self.0.lock().arrivals.push_back(Arrival::Frame(self.1, frame));
    }

    fn begin(&mut self) -> bool {
        self.2.begin()
    }
}

struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A pool that moves only when the test says so.
pub struct Pool {
    network: SharedNetwork,
    manager: Arc<Manager>,
    stepper: Stepper,
    options: PoolOptions,
    /// An executor without wishes.
    pub executor: Executor,
    /// The others; dropped before the manager they would wait for it.
    executors: Vec<Arc<Executor>>,
    workers: Vec<(Worker<'static, Standstill>, Claimer)>,
    /// What workers have answered that are still in their tasks, as far as anybody can tell.
    withheld: Vec<Arrival>,
    /// The time since the pool's start.
    now: Duration,
}

impl Pool {
    /// A pool whose workers are all there, an hour after its start.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn new(workers: usize) -> Self {
        Self::with_options(workers, PoolOptions::default())
    }

    /// The same, which asks for new workers in the place of lost ones.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn replacing(workers: usize) -> Self {
        Self::with_options(workers, PoolOptions { replace_lost_workers: true, ..PoolOptions::default() })
    }

    /// The same with any options but for the boot limit.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn with_options(workers: usize, options: PoolOptions) -> Self {
        let mut pool = Self::starting(workers, options);
        (0..workers).for_each(|worker| pool.work(worker));
        // It has been idle for so long that a clock that is looked at too seldom would show.
        pool.now = Duration::from_secs(3600);
        pool
    }

    /// The same at its start: its workers have been greeted, and have not answered.
    ///
    /// # Panics
    ///
    /// If the task functions contradict one another.
    pub fn starting(workers: usize, options: PoolOptions) -> Self {
        let options = PoolOptions { boot_limit: Duration::from_secs(60), ..options };
        let (manager, mut stepper) = Stepper::detached(options).expect("the functions agree");
        let network = SharedNetwork(Arc::default());
        let made = (0..workers).map(|_| new_worker(&network)).collect();
        stepper.attach(Ok(Box::new(network.clone())));
        let executor = Executor::sharing(Arc::clone(&manager), Decided::without_setup(options));
        let (executors, withheld, now) = (Vec::new(), Vec::new(), Duration::ZERO);
        let mut pool = Pool { network, manager, stepper, options, executor, executors, workers: made, withheld, now };
        pool.step();
        pool
    }

    /// A further executor, with options of its own.
    ///
    /// # Panics
    ///
    /// If they are not accepted.
    pub fn executor(&mut self, set: impl FnOnce(&mut CommonOptions)) -> Arc<Executor> {
        let mut options = CommonOptions::default();
        options.boot_limit = Some(self.options.boot_limit);
        set(&mut options);
        let decided = options.decide().expect("they are good");
        let executor = Arc::new(Executor::sharing(Arc::clone(&self.manager), decided));
        executor.bootup(false).expect("the pool has started");
        self.executors.push(Arc::clone(&executor));
        executor
    }

    /// How many workers are ready for an executor.
    ///
    /// # Panics
    ///
    /// If that is not decided, or they will never be.
    pub fn workers_of(&self, executor: &Arc<Executor>) -> usize {
        self.start_of(executor).expect("they are ready")
    }

    /// The same, or why they will never be.
    ///
    /// # Errors
    ///
    /// What has broken the pool or the executor.
    ///
    /// # Panics
    ///
    /// If that is not decided.
    pub fn start_of(&self, executor: &Arc<Executor>) -> Result<usize, Error> {
        let (sender, answer) = mpsc::channel();
        let executor = Arc::clone(executor);
        thread::spawn(move || sender.send(executor.num_workers()));
        answer.recv_timeout(Duration::from_secs(60)).expect("it is decided")
    }

    /// A call on each worker of an executor.
    ///
    /// # Panics
    ///
    /// If none can be made.
    pub fn everywhere<F>(&mut self, executor: &Arc<Executor>, function: F, args: F::Args) -> Vec<Future<F::Output>>
    where
        F: TaskFunction<Args: IntoArgs<F::Args> + Send + 'static, Output: DeserializeOwned + 'static> + Send + 'static,
    {
        let executor = Arc::clone(executor);
        let asking = thread::spawn(move || executor.everywhere(function, args));
        while !asking.is_finished() {
            self.step();
            thread::yield_now();
        }
        let futures = asking.join().expect("it does not panic").expect("there are workers");
        self.step();
        futures
    }

    /// Whether it is decided whether the workers are there.
    pub fn is_booted(&self) -> bool {
        self.stepper.is_booted()
    }

    /// Lets the pool end when its futures are done.
    pub fn end(&self) {
        self.manager.end();
    }

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        self.stepper.is_finished()
    }

    /// Whether nothing is awaited that has a limit.
    pub fn is_calm(&self) -> bool {
        self.stepper.is_calm()
    }

    /// Lets the manager deal with what has come.
    pub fn step(&mut self) {
        self.stepper.step(self.now);
        self.stepper.check();
    }

    /// Lets time pass, and the manager see it.
    pub fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.step();
    }

    /// Lets a worker do what has come to it, and the manager take the answers.
    ///
    /// # Panics
    ///
    /// If the worker is told to stop.
    pub fn work(&mut self, worker: usize) {
        while self.work_once(worker) {}
        self.step();
    }

    /// Lets a worker do what one frame says; whether there was one. The manager does not look at the answers.
    ///
    /// # Panics
    ///
    /// If the worker is told to stop.
    pub fn work_once(&mut self, worker: usize) -> bool {
        let (code, claimer) = &mut self.workers[worker];
        let mut link = End(self.network.clone(), WorkerNumber(worker as u32), claimer);
        let frame = link.receive();
        let any = frame.is_some();
        if let Some(frame) = frame {
            assert_eq!(code.take(frame, &mut link), Next::Continue);
        }
        any
    }

    /// Lets a worker begin what waits first there, and be in it until it [leaves](Self::leave).
    ///
    /// # Panics
    ///
    /// If nothing waits there.
    pub fn begin(&mut self, worker: usize) {
        let before = self.network.lock().arrivals.len();
        assert!(self.work_once(worker), "something waits at worker {worker}");
        self.withheld.extend(self.network.lock().arrivals.drain(before..));
    }

    /// Lets a worker come to the end of what it was in, and the manager take the answers.
    pub fn leave(&mut self, worker: usize) {
        let is_its = |arrival: &mut Arrival| matches!(arrival, Arrival::Frame(number, _) if number.index() == worker);
        let answers = self.withheld.extract_if(.., is_its);
        self.network.lock().arrivals.extend(answers);
        self.step();
    }

    /// Lets the manager hear that a worker has begun so many of its tasks, for which nobody has asked.
    pub fn claim_begun(&mut self, worker: usize, begun: u64) {
        self.network.lock().arrivals.push_back(Arrival::Recalled(WorkerNumber(worker as u32), begun, Frame::default()));
        self.step();
    }

    /// How many tasks, or other messages, wait for a worker.
    pub fn waiting(&self, worker: usize) -> usize {
        self.network.lock().to_workers[worker].len()
    }

    /// How many more workers the manager has asked for since this was last asked.
    pub fn wanted(&self) -> usize {
        std::mem::take(&mut self.network.lock().wanted)
    }

    /// Lets a worker come in the place of a lost one, with the next number, or none, for a reason.
    pub fn join(&mut self, brought: Result<(), &str>) {
        let number = WorkerNumber(self.workers.len() as u32);
        if brought.is_ok() {
            self.workers.push(new_worker(&self.network));
        }
        let mut network = self.network.lock();
        network.arrivals.push_back(Arrival::Joined(brought.map(|()| number).map_err(str::to_owned)));
        drop(network);
        self.step();
    }

    /// Lets the manager notice that a worker is gone.
    pub fn lose(&mut self, worker: usize) {
        let lost = Arrival::Lost(WorkerNumber(worker as u32), "a test says so".to_owned());
        self.network.lock().arrivals.push_back(lost);
        self.step();
    }
}

/// Adds a worker to the network.
fn new_worker(network: &SharedNetwork) -> (Worker<'static, Standstill>, Claimer) {
    let mut network = network.lock();
    network.to_workers.push(VecDeque::new());
    let claims = Claims::default();
    network.claims.push(claims.clone());
    (Worker::new(Place { host: "here", set_variable: None }, Standstill), Claimer::new(claims))
}
