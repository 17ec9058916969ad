//! Frames in memory between a manager and its workers, and a clock without time: for the tests and benches of the package.

#![allow(dead_code, reason = "not every test and bench uses all of it")]

use futures_mpi_core::Executor;
use futures_mpi_core::engine::{
    Arrival, Claims, Clock, Frame, Held, Link, Place, Stepper, Transport, Worker, WorkerNumber,
};
use futures_mpi_core::options::{CommonOptions, PoolOptions};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The frames on their way, and how many workers there are.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<Queues>>, u32);

#[derive(Default)]
struct Queues {
    /// By worker.
    down: Vec<VecDeque<Frame>>,
    /// The workers that have frames, once for each.
    addressed: VecDeque<WorkerNumber>,
    up: VecDeque<Arrival>,
    record: Option<Recorded>,
}

/// The bytes of the frames that have passed, in both directions.
#[derive(Default, Clone)]
pub(crate) struct Recorded {
    pub(crate) down: Vec<Vec<u8>>,
    pub(crate) up: Vec<Vec<u8>>,
}

impl Network {
    pub(crate) fn new(workers: u32) -> Self {
        Network(Arc::default(), workers)
    }

    /// With one worker, and a record of what passes.
    pub(crate) fn recording() -> Self {
        let network = Network::new(1);
        network.lock().record = Some(Recorded::default());
        network
    }

    /// What has passed until now.
    pub(crate) fn record(&self) -> Recorded {
        self.lock().record.clone().expect("it keeps a record")
    }

    /// The first frame for one of the workers that have some: `choose` is told how many frames there are.
    pub(crate) fn take(&self, choose: impl FnOnce(usize) -> usize) -> Option<(WorkerNumber, Frame)> {
        let mut queues = self.lock();
        if queues.addressed.is_empty() {
            return None;
        }
        let at = choose(queues.addressed.len());
        let number = queues.addressed.swap_remove_back(at).expect("it is one of them");
        let frame = queues.down[number.index()].pop_front().expect("a worker is there once for each of its frames");
        if let Some(record) = &mut queues.record {
            record.down.push(frame.bytes.clone());
        }
        Some((number, frame))
    }

    /// All frames that have come until now for the only worker.
    pub(crate) fn take_all(&self) -> Vec<Frame> {
        let count = self.lock().addressed.len();
        (0..count).filter_map(|_| self.take(|_| 0)).map(|(_, frame)| frame).collect()
    }

    /// Brings a frame of a worker to the manager.
    pub(crate) fn answer(&self, worker: WorkerNumber, frame: Frame) {
        let mut queues = self.lock();
        if let Some(record) = &mut queues.record {
            record.up.push(frame.bytes.clone());
        }
        queues.up.push_back(Arrival::Frame(worker, frame));
    }

    /// Brings the manager something else.
    pub(crate) fn arrive(&self, arrival: Arrival) {
        self.lock().up.push_back(arrival);
    }

    /// Takes away what the manager has not seen.
    pub(crate) fn forget_arrivals(&self) {
        self.lock().up.clear();
    }

    /// An executor whose pool has these workers, and what drives it.
    pub(crate) fn pool(&self, options: CommonOptions) -> (Executor, Stepper) {
        let (manager, mut stepper) = Stepper::detached(PoolOptions::default()).expect("the task functions agree");
        stepper.attach(Ok(Box::new(self.clone())));
        (Executor::owning(manager, options.decide().expect("they are good")), stepper)
    }

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

/// A worker's end: keeps what is sent, and when, and receives nothing.
pub(crate) struct Answers {
    pub(crate) sent: Vec<(Duration, Frame)>,
    /// How long it takes to send a frame.
    pub(crate) handing_over: Duration,
    claims: Claims,
}

impl Answers {
    /// Held replies can be asked for by these claims if they are `reachable`.
    pub(crate) fn new(claims: Claims, reachable: bool) -> Self {
        claims.held().set_reachable(reachable);
        Answers { sent: Vec::new(), handing_over: Duration::ZERO, claims }
    }
}

impl Link for Answers {
    fn receive(&mut self) -> Option<Frame> {
        None
    }

    fn send(&mut self, frame: Frame) {
        self.sent.push((now(), frame));
        pass(self.handing_over);
    }

    fn held(&self) -> Option<&Held> {
        Some(self.claims.held())
    }
}

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The time in this thread.
pub(crate) fn now() -> Duration {
    NOW.get()
}

/// Lets time pass in this thread.
pub(crate) fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// A clock that shows the time which was let [`pass`] in this thread, and goes on by a tick at each look.
#[derive(Clone, Copy, Default)]
pub(crate) struct ManualClock {
    pub(crate) tick: Duration,
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        pass(self.tick);
        now()
    }
}

/// A worker that goes by such a clock.
pub(crate) fn new_worker(clock: ManualClock) -> Worker<'static, ManualClock> {
    Worker::new(Place { host: "here", set_variable: None }, clock)
}
