//! A driver that panics, in whosever thread, breaks its pool and nothing else.

use crate::executor::Executor;
use crate::manager::{Manager, Plan};
use crate::options::{CommonOptions, PoolOptions};
use crate::task::TaskId;
use crate::transport::{Arrival, Frame, Transport, WorkerNumber};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A transport to a worker that never answers, which panics when it is told so.
struct Bomb(Arc<AtomicBool>);

impl Transport for Bomb {
    fn workers(&self) -> usize {
        1
    }

    fn send(&mut self, _worker: WorkerNumber, _frame: Frame) {}

    fn poll(&mut self) -> Option<Arrival> {
        assert!(!self.0.load(Ordering::Relaxed), "this panic is meant to be");
        None
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        Ok(())
    }
}

#[futures_mpi_macros::remote_task(crate = crate)]
fn never() {}

const NEVER: TaskId<(), ()> = never::ID;

fn executor() -> (Executor, Arc<AtomicBool>) {
    let fuse = Arc::new(AtomicBool::new(false));
    let bomb = Bomb(Arc::clone(&fuse));
    let manager = Manager::new(Plan {
        recipe: Box::new(move |_| Ok(Box::new(bomb))),
        backoff: Some(Duration::from_millis(1)),
        crowded: true,
        only_driver: None,
        options: PoolOptions::default(),
    });
    let options = CommonOptions::default().decide().expect("nothing is set");
    (Executor::owning(manager.expect("the tasks agree"), options), fuse)
}

#[test]
fn a_panic_in_a_waiting_thread_is_an_error_of_every_future() {
    let (executor, fuse) = executor();
    let futures = [executor.submit(NEVER, ()), executor.submit(NEVER, ())];
    std::thread::scope(|scope| {
        for future in &futures {
            scope.spawn(|| assert!(future.result().is_err()));
        }
        std::thread::sleep(Duration::from_millis(20));
        fuse.store(true, Ordering::Relaxed);
    });
    assert!(executor.submit(NEVER, ()).result().is_err_and(|error| error.is_broken()));
}

#[test]
fn a_panic_in_the_pools_own_thread_is_one_as_well() {
    let (executor, fuse) = executor();
    let future = executor.submit(NEVER, ());
    fuse.store(true, Ordering::Relaxed);
    while !future.done() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(future.result().is_err());
    assert!(executor.submit(NEVER, ()).result().is_err_and(|error| error.is_broken()));
}
