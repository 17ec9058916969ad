//! A pool without threads and without waiting: the real executor, driver and worker code over a transport in memory.

#[path = "../../tests/network/mod.rs"]
mod network;

use fastrand::Rng;
use futures_mpi_core::Executor;
use futures_mpi_core::engine::{Claims, Stepper, Worker};
use futures_mpi_core::options::CommonOptions;
use network::{Answers, ManualClock, Network, new_worker, now};
use std::time::Duration;

/// A pool whose master looks when it is told to, and whose workers work when they are.
pub(super) struct Pool {
    pub(super) executor: Executor,
    /// None at the end.
    stepper: Option<Stepper>,
    network: Network,
    /// All workers in one: they keep nothing between two frames.
    worker: Worker<'static, ManualClock>,
    random: Rng,
    /// How long each task takes, by the clock that began at this time.
    #[allow(dead_code, reason = "not every bench asks")]
    task: Duration,
    #[allow(dead_code, reason = "not every bench asks")]
    begin: Duration,
}

impl Pool {
    /// A pool of so many workers, which say of each task that it has taken so long.
    pub(super) fn new(workers: u32, task: Duration) -> Self {
        let network = Network::new(workers);
        let (executor, stepper) = network.pool(CommonOptions::default());
        let worker = new_worker(ManualClock { tick: task });
        Pool { executor, stepper: Some(stepper), network, worker, random: Rng::with_seed(1), task, begin: now() }
    }

    /// The master deals with all that has come.
    pub(super) fn step(&mut self) {
        self.stepper.as_mut().expect("it has not ended").step(Duration::ZERO);
    }

    /// Some workers, any, execute what they were sent; at most so many frames.
    pub(super) fn work(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some((number, frame)) = self.network.take(|count| self.random.usize(..count)) else { return };
            let mut answers = Answers::new(Claims::default(), true);
            self.worker.take(frame, &mut answers);
            answers.sent.into_iter().for_each(|(_, answer)| self.network.answer(number, answer));
        }
    }

    /// About how many tasks have been executed.
    #[allow(dead_code, reason = "not every bench asks")]
    pub(super) fn executed(&self) -> u64 {
        ((now() - self.begin).as_nanos() / self.task.as_nanos()) as u64
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
