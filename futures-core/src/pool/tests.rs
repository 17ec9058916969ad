//! A driver that panics, in whosever thread, breaks its pool and nothing else; one that is called need not look.

use crate::executor::Executor;
use crate::executor::options::{CommonOptions, PoolOptions};
use crate::future::as_completed;
use crate::pool::manager::{Manager, Notify, Plan};
use crate::task::TaskId;
use crate::wire::frame::Frame;
use crate::wire::message::{self, Ready};
use crate::wire::transport::{Arrival, Transport, WorkerNumber};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

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
    (executor_with(move |_| Box::new(bomb)).0, fuse)
}

fn executor_with(transport: impl FnOnce(&Notify) -> Box<dyn Transport> + Send + 'static) -> (Executor, Arc<Manager>) {
    let plan = Plan {
        recipe: Box::new(move |notify| Ok(transport(notify))),
        backoff: Some(Duration::from_millis(1)),
        crowded: true,
        only_driver: None,
        options: PoolOptions::default(),
    };
    let manager = Manager::new(plan).expect("the tasks agree");
    let options = CommonOptions::default().decide().expect("nothing is set");
    (Executor::owning(Arc::clone(&manager), options), manager)
}

#[test]
fn a_panic_in_a_waiting_thread_is_an_error_of_every_future() {
    let (executor, fuse) = executor();
    let futures = [executor.submit(NEVER, ()), executor.submit(NEVER, ())];
    thread::scope(|scope| {
        for future in &futures {
            scope.spawn(|| assert!(future.result().is_err()));
        }
        thread::sleep(Duration::from_millis(20));
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
        thread::sleep(Duration::from_millis(1));
    }
    assert!(future.result().is_err());
    assert!(executor.submit(NEVER, ()).result().is_err_and(|error| error.is_broken()));
}

/// A transport to a worker that is ready, which cannot send it any task, and takes its time to close.
struct Faulty {
    ready: Option<Frame>,
    sends: bool,
    closed: Arc<AtomicBool>,
}

impl Transport for Faulty {
    fn workers(&self) -> usize {
        1
    }

    fn send(&mut self, _worker: WorkerNumber, _frame: Frame) {
        // The first one is the greeting.
        assert!(self.sends || self.ready.is_some(), "this panic is meant to be");
    }

    fn poll(&mut self) -> Option<Arrival> {
        Some(Arrival::Frame(WorkerNumber(0), self.ready.take()?))
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        thread::sleep(Duration::from_millis(100));
        self.closed.store(true, Ordering::SeqCst);
        Ok(())
    }
}

fn faulty(sends: bool) -> (Executor, Arc<Manager>, Arc<AtomicBool>) {
    let ready = Some(message::ready(&Ready { host: "here".to_owned(), process: 1 }));
    let closed = Arc::new(AtomicBool::new(false));
    let transport = Faulty { ready, sends, closed: Arc::clone(&closed) };
    let (executor, manager) = executor_with(move |_| Box::new(transport));
    executor.bootup(true).expect("the worker is ready");
    (executor, manager, closed)
}

/// What is urgent is sent while the progress lock is being left.
#[test]
fn a_panic_while_the_seat_is_left_is_one_as_well() {
    let (executor, _, _) = faulty(false);
    let future = executor.submit(NEVER, ());
    assert!(future.result().is_err());
    assert!(executor.submit(NEVER, ()).result().is_err_and(|error| error.is_broken()));
}

#[test]
fn all_who_join_a_pool_wait_for_its_end() {
    let (executor, manager, closed) = faulty(true);
    manager.end();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                manager.join();
                assert!(closed.load(Ordering::SeqCst) && manager.is_over());
            });
        }
    });
    assert!(executor.submit(NEVER, ()).result().is_err_and(|error| error.is_shutdown()));
}

/// A transport to a worker that is ready and never answers, which counts the looks at it.
struct Counting {
    ready: Option<Frame>,
    looks: Arc<AtomicUsize>,
    wakes_from_deep_sleep: bool,
}

impl Transport for Counting {
    fn workers(&self) -> usize {
        1
    }

    fn send(&mut self, _worker: WorkerNumber, _frame: Frame) {}

    fn poll(&mut self) -> Option<Arrival> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        Some(Arrival::Frame(WorkerNumber(0), self.ready.take()?))
    }

    fn wakes_from_deep_sleep(&self) -> bool {
        self.wakes_from_deep_sleep
    }

    fn close(self: Box<Self>, _limit: Duration) -> Result<(), String> {
        Ok(())
    }
}

/// A pool that nobody has used for a second, and has begun to sleep deeply if it may.
struct Idle {
    executor: Executor,
    manager: Arc<Manager>,
    looks: Arc<AtomicUsize>,
    notify: Notify,
}

fn idle(wakes_from_deep_sleep: bool) -> Idle {
    let looks = Arc::new(AtomicUsize::new(0));
    let ready = Some(message::ready(&Ready { host: "here".to_owned(), process: 1 }));
    let transport = Counting { ready, looks: Arc::clone(&looks), wakes_from_deep_sleep };
    let made = Arc::new(OnceLock::new());
    let given = Arc::clone(&made);
    let (executor, manager) = executor_with(move |notify| {
        let _ = given.set(notify.clone());
        Box::new(transport)
    });
    executor.bootup(true).expect("the worker is ready");
    thread::sleep(Duration::from_secs(1));
    let notify = made.get().expect("the transport has been made").clone();
    Idle { executor, manager, looks, notify }
}

/// Waits until there have been so many more looks; whether there were, in more time than they take.
fn grows(looks: &AtomicUsize, count: usize) -> bool {
    let (begin, before) = (Instant::now(), looks.load(Ordering::Relaxed));
    while looks.load(Ordering::Relaxed) < before + count && begin.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(1));
    }
    looks.load(Ordering::Relaxed) >= before + count
}

/// So many looks would take more than ten seconds of sleeping deeply.
const MANY: usize = 100;

#[test]
fn who_is_called_looks_seldom_until_it_is() {
    let pool = idle(true);
    let before = pool.looks.load(Ordering::Relaxed);
    thread::sleep(Duration::from_secs(1));
    assert!(pool.looks.load(Ordering::Relaxed) - before < MANY);
    pool.notify.notify();
    assert!(grows(&pool.looks, MANY), "who was called looks in earnest");
    assert!(grows(&idle(false).looks, MANY), "who is not called goes on looking");
}

#[test]
fn who_submits_has_the_pools_own_thread_look() {
    let pool = idle(true);
    let future = pool.executor.submit(NEVER, ());
    assert!(grows(&pool.looks, MANY), "an answer may come soon");
    // The same when it is relied on.
    future.add_done_callback(|_| ());
    thread::sleep(Duration::from_secs(1));
    let _other = pool.executor.submit(NEVER, ());
    assert!(grows(&pool.looks, MANY), "an answer may come soon");
    pool.manager.abandon();
    assert!(future.result().is_err());
}

#[test]
fn who_loses_interest_relies_on_nobody_any_more() {
    let ((executor, fuse), (other, other_fuse)) = (executor(), executor());
    let futures = [executor.submit(NEVER, ()), other.submit(NEVER, ()), executor.submit(NEVER, ())];
    let relied = |nth: usize| futures[nth].pool().progress().interested.load(Ordering::SeqCst);
    let poll = |future: crate::future::Future<()>| {
        assert!(pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending())
    };
    poll(futures[0].clone());
    assert_eq!(relied(0), 0, "the handle that was polled is gone");
    let mut kept = pin!(futures[0].clone());
    assert!(kept.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let several = as_completed(&futures);
    assert_eq!((relied(0), relied(1)), (2, 1), "whoever waits for both pools drives neither");
    assert!(several.timeout(Duration::ZERO).next().is_some_and(|late| late.is_err()));
    assert_eq!((relied(0), relied(1)), (1, 0));
    fuse.store(true, Ordering::Relaxed);
    other_fuse.store(true, Ordering::Relaxed);
    assert!(futures.iter().all(|future| future.result().is_err()));
    // The pool takes note of it after it has woken those who wait for the future.
    let begin = Instant::now();
    while relied(0) > 0 && begin.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(relied(0), 0);
}
