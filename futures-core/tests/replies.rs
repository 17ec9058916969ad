//! When a worker answers: replies of short tasks travel together, and do not wait for a task that may take long.

mod network;

use futures_mpi_core::engine::{Arrival, Claims, Frame, Stepper, Worker, WorkerNumber};
use futures_mpi_core::options::CommonOptions;
use futures_mpi_core::{Executor, Future};
use futures_mpi_macros::remote_task;
use network::{Answers, ManualClock, Network, new_worker, pass};
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    /// By what somebody could ask for what the worker holds back, and what has been got in this way.
    static CLAIMS: RefCell<Claims> = RefCell::default();
    static TAKEN: RefCell<Vec<Frame>> = RefCell::default();
}

const LONG: Duration = Duration::from_secs(1);

#[remote_task]
fn take(time: Duration) {
    pass(time);
}

/// Is quick, and while it runs somebody may ask for replies, and for no tasks.
#[remote_task]
fn be_asked(asked: bool) {
    if asked {
        let (_, replies) = CLAIMS.with_borrow(|claims| claims.recall(u64::MAX, u64::MAX));
        TAKEN.with_borrow_mut(|taken| taken.push(replies));
    }
}

#[test]
fn what_is_held_back_can_be_had_while_the_next_task_runs() {
    let mut pool = Pool::new();
    let is_asked = |call: &usize| call % 50 == 49;
    let futures: Vec<_> = (0..400).map(|call| pool.executor.submit(be_asked::ID, is_asked(&call))).collect();
    pool.stepper.step(Duration::ZERO);
    let (mut asked, mut taken_along) = ((0..400).filter(is_asked), 0);
    while !futures.iter().all(Future::done) {
        let frames = pool.work();
        for taken in TAKEN.take() {
            let call = asked.next().expect("one more was to be asked");
            if taken.is_empty() {
                // It was the first of its frame.
                continue;
            }
            pool.arrive([(Duration::ZERO, taken)]);
            assert!(futures[call - 1].done() && futures[call].running(), "call {call} may wait for the one before it");
            taken_along += 1;
        }
        pool.arrive(frames);
    }
    assert!(taken_along > 2, "replies were taken along {taken_along} times");
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

/// The task that follows may wait for something that the manager does only when it has the reply.
#[test]
fn where_nobody_can_ask_for_replies_each_is_sent_before_the_next_task_begins() {
    let mut pool = Pool::new();
    pool.reachable = false;
    let futures = pool.submit(&[Duration::ZERO; 400]);
    while !futures.iter().all(Future::done) {
        let before = futures.iter().filter(|future| future.done()).count();
        let frames = pool.work();
        let messages = frames.len();
        pool.arrive(frames);
        assert_eq!(futures.iter().filter(|future| future.done()).count() - before, messages);
    }
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

/// A worker whose replies take long to hand over holds as many tasks as one whose replies do not: it says how long the
/// tasks took, and the manager estimates by that.
#[test]
fn the_time_of_a_task_does_not_include_the_handing_over_of_replies() {
    let held = |handing_over: Duration| {
        let mut pool = Pool::new();
        pool.handing_over = handing_over;
        // Replies of the shorter ones travel together, those of the longer ones alone.
        [50, 200].map(|micros| {
            let futures = pool.submit(&[Duration::from_micros(micros); 400]);
            for _ in 0..20 {
                let frames = pool.work();
                pool.arrive(frames);
            }
            let held = futures.iter().filter(|future| future.running()).count();
            while !futures.iter().all(Future::done) {
                let frames = pool.work();
                pool.arrive(frames);
            }
            held
        })
    };
    let at_once = held(Duration::ZERO);
    assert!(at_once.iter().all(|held| *held > 1), "{at_once:?} tasks are sent ahead");
    assert_eq!(held(Duration::from_millis(10)), at_once);
}

/// A manager and its only worker, in this thread.
struct Pool {
    executor: Executor,
    stepper: Stepper,
    network: Network,
    worker: Worker<'static, ManualClock>,
    /// How long the worker takes to send a frame.
    handing_over: Duration,
    /// Whether somebody can ask for what the worker holds back.
    reachable: bool,
}

impl Pool {
    fn new() -> Self {
        let network = Network::new(1);
        let (executor, stepper) = network.pool(CommonOptions::default());
        let worker = new_worker(ManualClock::default());
        let mut pool = Pool { executor, stepper, network, worker, handing_over: Duration::ZERO, reachable: true };
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
        let mut answers = Answers::new(CLAIMS.with_borrow(Claims::clone), self.reachable);
        answers.handing_over = self.handing_over;
        for frame in self.network.take_all() {
            self.worker.take(frame, &mut answers);
        }
        answers.sent
    }

    fn arrive(&mut self, frames: impl IntoIterator<Item = (Duration, Frame)>) {
        frames.into_iter().for_each(|(_, frame)| self.network.answer(WorkerNumber(0), frame));
        self.stepper.step(Duration::ZERO);
    }
}

impl Drop for Pool {
    /// An executor waits for its tasks when it is dropped, and nobody would bring them to their end.
    fn drop(&mut self) {
        self.executor.shutdown(false, true);
        self.network.arrive(Arrival::Lost(WorkerNumber(0), "the test is over".to_owned()));
        self.stepper.step(Duration::ZERO);
    }
}
