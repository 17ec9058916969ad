//! What becomes of tasks whose worker is lost or late, step by step: the real manager and workers, and a transport that
//! does what the test says.

use futures_mpi::{Error, Executor, Future, remote_task};
use futures_mpi_core::engine::{
    Arrival, Clock, Frame, Link, Manager, Next, Place, Stepper, Transport, Worker, WorkerNumber,
};
use futures_mpi_core::options::{Decided, PoolOptions};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[remote_task]
fn square(n: i64) -> i64 {
    n * n
}

#[remote_task]
fn fail(reason: String) -> Result<(), String> {
    Err(reason)
}

/// Frames on their way.
#[derive(Default)]
struct Network {
    to_workers: Vec<VecDeque<Frame>>,
    arrivals: VecDeque<Arrival>,
}

#[derive(Clone)]
struct SharedNetwork(Arc<Mutex<Network>>);

impl SharedNetwork {
    fn lock(&self) -> MutexGuard<'_, Network> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Transport for SharedNetwork {
    fn workers(&self) -> usize {
        self.lock().to_workers.len()
    }

    fn send(&mut self, worker: WorkerNumber, frame: Frame) {
        self.lock().to_workers[worker.index()].push_back(frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.lock().arrivals.pop_front()
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// A worker's end.
struct End(SharedNetwork, WorkerNumber);

impl Link for End {
    fn receive(&mut self) -> Option<Frame> {
        self.0.lock().to_workers[self.1.index()].pop_front()
    }

    fn send(&mut self, frame: Frame) {
        self.0.lock().arrivals.push_back(Arrival::Frame(self.1, frame));
    }
}

struct Standstill;

impl Clock for Standstill {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A pool that moves only when the test says so.
struct Pool {
    network: SharedNetwork,
    _manager: Arc<Manager>,
    stepper: Stepper,
    executor: Executor,
    workers: Vec<Worker<'static, Standstill>>,
    now: Duration,
}

impl Pool {
    fn new(workers: usize) -> Self {
        let options = PoolOptions { boot_limit: Duration::from_secs(60), ..PoolOptions::default() };
        let (manager, mut stepper) = Stepper::detached(options).expect("the functions agree");
        let network = SharedNetwork(Arc::default());
        network.lock().to_workers.resize_with(workers, VecDeque::new);
        stepper.attach(Ok(Box::new(network.clone())));
        let executor = Executor::sharing(Arc::clone(&manager), Decided::without_setup(options));
        let place = Place { host: "here", set_variable: None };
        let made = (0..workers).map(|_| Worker::new(place, Standstill)).collect();
        let mut pool = Pool { network, _manager: manager, stepper, executor, workers: made, now: Duration::ZERO };
        pool.step();
        (0..workers).for_each(|worker| pool.work(worker));
        // It has been idle for so long that a clock that is looked at too seldom would show.
        pool.now = Duration::from_secs(3600);
        pool
    }

    fn step(&mut self) {
        self.stepper.step(self.now);
        self.stepper.check();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.step();
    }

    /// Lets a worker do what has come to it, and the manager take the answers.
    fn work(&mut self, worker: usize) {
        let mut link = End(self.network.clone(), WorkerNumber(worker as u32));
        while let Some(frame) = link.receive() {
            assert_eq!(self.workers[worker].take(frame, &mut link), Next::Continue);
        }
        self.step();
    }

    /// How many frames wait for a worker.
    fn waiting(&self, worker: usize) -> usize {
        self.network.lock().to_workers[worker].len()
    }

    fn lose(&mut self, worker: usize) {
        let lost = Arrival::Lost(WorkerNumber(worker as u32), "a test says so".to_owned());
        self.network.lock().arrivals.push_back(lost);
        self.step();
    }
}

fn error<T: std::fmt::Debug>(future: &Future<T>) -> Error {
    assert!(future.done(), "{future:?}");
    future.result().expect_err("it has failed")
}

#[test]
fn what_was_sent_to_a_lost_worker_fails_and_the_rest_goes_on() {
    let mut pool = Pool::new(2);
    let futures: Vec<_> = (0..3).map(|n| pool.executor.submit(square::ID, n)).collect();
    pool.step();
    assert_eq!((pool.waiting(0), pool.waiting(1)), (1, 1), "long tasks are sent one at a time");
    pool.lose(0);
    let lost = error(&futures[0]);
    assert!(lost.is_worker_lost() && lost.worker() == Some(0), "{lost}");
    pool.work(1);
    pool.work(1);
    assert_eq!(futures[1].result().expect("its worker is there"), 1);
    assert_eq!(futures[2].result().expect("it had not been sent"), 4);
    pool.lose(1);
    let none = pool.executor.submit(square::ID, 1);
    pool.step();
    assert!(error(&none).is_broken(), "no worker is left");
}

#[test]
fn what_may_be_tried_again_goes_to_another_worker() {
    let mut pool = Pool::new(2);
    let future = pool.executor.call(square::ID).retries(1).submit(5);
    pool.step();
    pool.lose(0);
    assert!(!future.done());
    pool.work(1);
    assert_eq!(future.result().expect("it was tried again"), 25);

    let mut pool = Pool::new(2);
    let refusing = pool.executor.call(square::ID).retries(1).retry_if(Error::is_panic).submit(5);
    pool.step();
    pool.lose(0);
    assert!(error(&refusing).is_worker_lost());
}

#[test]
fn what_was_not_sent_goes_elsewhere_and_counts_as_no_try() {
    let mut pool = Pool::new(2);
    let lost = Arrival::Lost(WorkerNumber(0), "a test says so".to_owned());
    let future = pool.executor.submit(square::ID, 6);
    // In one step: the task is given to worker 0, and before it is sent the worker is gone.
    pool.network.lock().arrivals.push_back(lost);
    pool.step();
    assert_eq!((pool.waiting(0), pool.waiting(1)), (0, 1));
    pool.work(1);
    assert_eq!(future.result().expect("it had not been sent"), 36);
}

#[test]
fn a_task_whose_time_is_up_fails_and_its_worker_rests_until_it_is_back() {
    let mut pool = Pool::new(1);
    let call = pool.executor.call(square::ID).task_timeout(Duration::from_secs(10));
    let (late, next) = (call.submit(7), call.submit(8));
    pool.step();
    pool.pass(9);
    assert!(!late.done());
    pool.pass(1);
    let error = error(&late);
    assert!(error.is_timeout() && error.worker() == Some(0), "{error}");
    pool.pass(3600);
    assert_eq!(pool.waiting(0), 1, "the first task is still there, and no other");
    assert!(!next.done(), "its limit has not begun");
    pool.work(0);
    assert!(late.result().is_err(), "what comes late is dropped");
    pool.work(0);
    assert_eq!(next.result().expect("the worker is back"), 64);
}

#[test]
fn retries_wait_for_their_time() {
    let mut pool = Pool::new(1);
    let [first, longest] = [10, 15].map(Duration::from_secs);
    let future = pool.executor.call(fail::ID).retries(3).retry_backoff(first, longest).submit("no".to_owned());
    for seconds in [0, 10, 15, 15] {
        if seconds > 0 {
            pool.pass(seconds - 1);
            assert_eq!(pool.waiting(0), 0, "it is not time yet");
            assert!(!future.done() && !future.running());
        }
        pool.pass(u64::from(seconds > 0));
        assert_eq!(pool.waiting(0), 1);
        pool.work(0);
    }
    assert_eq!(error(&future).message(), "no");
}

#[test]
fn a_late_task_of_a_lost_worker_is_forgotten() {
    let mut pool = Pool::new(2);
    let future = pool.executor.call(square::ID).task_timeout(Duration::from_secs(1)).submit(7);
    pool.step();
    pool.pass(1);
    assert!(error(&future).is_timeout());
    pool.lose(0);
    let next = pool.executor.submit(square::ID, 3);
    pool.step();
    pool.work(1);
    assert_eq!(next.result().expect("the other worker is there"), 9);
}
