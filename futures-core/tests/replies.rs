//! When a worker answers: replies of short tasks travel together, and do not wait for a task that may take long.

use futures_mpi_core::engine::{Arrival, Clock, Frame, Link, Place, Stepper, Transport, Worker, WorkerNumber};
use futures_mpi_core::options::{CommonOptions, PoolOptions};
use futures_mpi_core::{Executor, Future};
use futures_mpi_macros::remote_task;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

thread_local! {
    /// The time, which only tasks move on.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

const LONG: Duration = Duration::from_secs(1);

#[remote_task]
fn take(time: Duration) {
    NOW.set(NOW.get() + time);
}

#[test]
fn replies_of_short_tasks_travel_together() {
    let mut pool = Pool::new();
    let futures = pool.submit(&[Duration::ZERO; 400]);
    let mut messages = 0;
    while !futures.iter().all(Future::done) {
        let frames = pool.work();
        messages += frames.len();
        pool.arrive(frames);
    }
    assert!(messages < 50, "400 replies came in {messages} messages");
}

#[test]
fn they_do_not_wait_for_a_task_of_a_function_that_takes_long_now_and_then() {
    let mut pool = Pool::new();
    let mut times = [Duration::ZERO; 800];
    let [first, second] = [300, 700];
    (times[first], times[second]) = (LONG, LONG);
    let futures = pool.submit(&times);
    loop {
        let frames = pool.work();
        let early = frames.iter().filter(|(sent, _)| *sent < 2 * LONG).count();
        if early == frames.len() {
            pool.arrive(frames);
            continue;
        }
        let sent_together = !futures[second - 1].done();
        pool.arrive(frames.into_iter().take(early));
        assert!(sent_together && futures[second].running(), "the second long task was sent behind short ones");
        assert!(futures[..second].iter().all(Future::done), "their replies have left before it was begun");
        break;
    }
}

/// A manager and its only worker, in this thread.
struct Pool {
    executor: Executor,
    stepper: Stepper,
    network: Network,
    worker: Worker<'static, TaskTime>,
}

impl Pool {
    fn new() -> Self {
        let (manager, mut stepper) = Stepper::detached(PoolOptions::default()).expect("the task functions agree");
        let network = Network::default();
        stepper.attach(Ok(Box::new(network.clone())));
        let executor = Executor::owning(manager, CommonOptions::default().decide().expect("they are good"));
        let worker = Worker::new(Place { host: "here", set_variable: None }, TaskTime);
        let mut pool = Pool { executor, stepper, network, worker };
        let greeting = pool.work();
        pool.arrive(greeting);
        pool
    }

    /// Submits tasks that take so long.
    fn submit(&mut self, times: &[Duration]) -> Vec<Future<()>> {
        let futures = times.iter().map(|time| self.executor.submit(take::ID, *time)).collect();
        self.stepper.step(Duration::ZERO);
        futures
    }

    /// Lets the worker deal with what was sent to it; what it answers, and when.
    fn work(&mut self) -> Vec<(Duration, Frame)> {
        let frames = std::mem::take(&mut *self.network.frames());
        let mut answers = Answers::default();
        for frame in frames {
            self.worker.take(frame, &mut answers);
        }
        answers.0
    }

    fn arrive(&mut self, frames: impl IntoIterator<Item = (Duration, Frame)>) {
        let arrivals = frames.into_iter().map(|(_, frame)| Arrival::Frame(WorkerNumber(0), frame));
        self.network.arrivals().extend(arrivals);
        self.stepper.step(Duration::ZERO);
    }
}

impl Drop for Pool {
    /// An executor waits for its tasks when it is dropped, and nobody would bring them to their end.
    fn drop(&mut self) {
        self.executor.shutdown(false, true);
        self.network.arrivals().push_back(Arrival::Lost(WorkerNumber(0), "the test is over".to_owned()));
        self.stepper.step(Duration::ZERO);
    }
}

/// The frames between the two.
#[derive(Clone, Default)]
struct Network {
    down: Arc<Mutex<Vec<Frame>>>,
    up: Arc<Mutex<VecDeque<Arrival>>>,
}

impl Network {
    fn frames(&self) -> MutexGuard<'_, Vec<Frame>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrivals(&self) -> MutexGuard<'_, VecDeque<Arrival>> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Network {
    fn workers(&self) -> usize {
        1
    }

    fn send(&mut self, _: WorkerNumber, frame: Frame) {
        self.frames().push(frame);
    }

    fn poll(&mut self) -> Option<Arrival> {
        self.arrivals().pop_front()
    }

    fn close(self: Box<Self>, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Default)]
struct Answers(Vec<(Duration, Frame)>);

impl Link for Answers {
    fn receive(&mut self) -> Option<Frame> {
        None
    }

    fn send(&mut self, frame: Frame) {
        self.0.push((NOW.get(), frame));
    }
}

/// The time as the tasks of this thread have moved it.
struct TaskTime;

impl Clock for TaskTime {
    fn now(&self) -> Duration {
        NOW.get()
    }
}
