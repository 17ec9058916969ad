//! A pool without threads and without waiting: the real executor, driver and worker code over a transport in memory.

use fastrand::Rng;
use futures_mpi_core::Executor;
use futures_mpi_core::engine::{
    Arrival, Claims, Clock, Frame, Held, Link, Place, Stepper, Transport, Worker, WorkerNumber,
};
use futures_mpi_core::options::{CommonOptions, PoolOptions};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A pool whose master looks when it is told to, and whose workers work when they are.
pub(super) struct Pool {
    pub(super) executor: Executor,
    /// None at the end.
    stepper: Option<Stepper>,
    network: Network,
    /// All workers in one: they keep nothing between two frames.
    worker: Worker<'static, Ticking>,
    #[allow(dead_code, reason = "not every bench asks")]
    clock: Ticking,
    random: Rng,
}

impl Pool {
    /// A pool of so many workers, which say of each task that it has taken so long.
    pub(super) fn new(workers: u32, task: Duration) -> Self {
        let network = Network(Arc::default(), workers);
        let (manager, mut stepper) = Stepper::detached(PoolOptions::default()).expect("the task functions agree");
        stepper.attach(Ok(Box::new(network.clone())));
        let executor = Executor::owning(manager, CommonOptions::default().decide().expect("nothing is set"));
        let clock = Ticking { looks: Rc::default(), tick: task };
        let worker = Worker::new(Place { host: "here", set_variable: None }, clock.clone());
        Pool { executor, stepper: Some(stepper), network, worker, clock, random: Rng::with_seed(1) }
    }

    /// The master deals with all that has come.
    pub(super) fn step(&mut self) {
        self.stepper.as_mut().expect("it has not ended").step(Duration::ZERO);
    }

    /// Some workers, any, execute what they were sent; at most so many frames.
    pub(super) fn work(&mut self, frames: usize) {
        for _ in 0..frames {
            let mut queues = self.network.lock();
            if queues.addressed.is_empty() {
                return;
            }
            let at = self.random.usize(..queues.addressed.len());
            let number = queues.addressed.swap_remove_back(at).expect("it is one of them");
            let frame = queues.down[number.index()].pop_front().expect("a worker is there once for each of its frames");
            drop(queues);
            let mut answers = Answers::default();
            answers.claims.held().set_reachable(true);
            self.worker.take(frame, &mut answers);
            let answers = answers.sent.into_iter().map(|frame| Arrival::Frame(number, frame));
            self.network.lock().up.extend(answers);
        }
    }

    /// About how many tasks have been executed.
    #[allow(dead_code, reason = "not every bench asks")]
    pub(super) fn executed(&self) -> u64 {
        self.clock.looks.get().into()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.executor.shutdown(false, true);
        while self.stepper.as_ref().is_some_and(|stepper| !stepper.is_finished()) {
            self.step();
            self.work(usize::MAX);
        }
        // The executor waits for that when it is dropped.
        if let Some(stepper) = self.stepper.take() {
            stepper.finish().expect("the transport has nothing against it");
        }
    }
}

/// A worker's end: keeps what is sent, and receives nothing.
#[derive(Default)]
struct Answers {
    sent: Vec<Frame>,
    claims: Claims,
}

impl Link for Answers {
    fn receive(&mut self) -> Option<Frame> {
        None
    }

    fn send(&mut self, frame: Frame) {
        self.sent.push(frame);
    }

    fn held(&self) -> Option<&Held> {
        Some(self.claims.held())
    }
}

/// The frames between a manager and its workers, and how many those are.
#[derive(Clone)]
struct Network(Arc<Mutex<Queues>>, u32);

#[derive(Default)]
struct Queues {
    /// By worker.
    down: Vec<VecDeque<Frame>>,
    /// The workers that have frames, once for each.
    addressed: VecDeque<WorkerNumber>,
    up: VecDeque<Arrival>,
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Network {
    fn workers(&self) -> usize {
        self.1 as usize
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        let mut queues = self.lock();
        queues.addressed.push_back(worker);
        let all = queues.down.len().max(worker.index() + 1);
        queues.down.resize_with(all, VecDeque::new);
        queues.down[worker.index()].push_back(frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.lock().up.pop_front()
    }

    /// So that tasks are sent ahead of one another; none has to come back.
    fn can_recall(&self, _: WorkerNumber) -> bool {
        true
    }

    fn close(self: Box<Self>, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// A clock that goes on by as much at each look, so that each task has taken so long.
#[derive(Clone)]
struct Ticking {
    looks: Rc<Cell<u32>>,
    tick: Duration,
}

impl Clock for Ticking {
    fn now(&self) -> Duration {
        self.looks.set(self.looks.get() + 1);
        self.tick * self.looks.get()
    }
}
