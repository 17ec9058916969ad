//! Futures: their life, waiting with and without a limit, cancellation, callbacks, awaiting.

use super::gate::{Busy, Gate, pass};
use super::tasks::*;
use super::{LONG, Setting, promises};
use futures_mpi::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

promises![
    a_result_may_be_asked_for_again,
    a_wait_with_a_limit_ends_and_may_be_repeated,
    a_future_goes_from_pending_to_running_to_done,
    a_queued_task_can_be_cancelled,
    a_sent_task_cannot_be_cancelled,
    an_exception_is_the_error_or_none,
    a_callback_is_called_once_whenever_it_is_added,
    a_callback_may_submit_and_wait,
    a_callback_may_wait_whoever_cancels,
    a_callback_may_shut_its_executor_down,
    a_panicking_callback_harms_nobody,
    a_future_can_be_awaited,
    a_waker_that_panics_harms_nobody,
    a_waker_goes_with_its_handle,
    a_clone_is_the_same_future,
    a_dropped_future_does_not_stop_its_task,
];

pub(super) fn wait_until(condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "it takes too long");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn a_result_may_be_asked_for_again(setting: &Setting) {
    let future = setting.executor().submit(square::ID, 4);
    assert_eq!((future.result().ok(), future.result().ok()), (Some(16), Some(16)));
    let failed = setting.executor().submit(at_most_ten::ID, 11);
    assert_eq!(failed.result().map_err(|error| error.to_string()), failed.result().map_err(|error| error.to_string()));
}

fn a_wait_with_a_limit_ends_and_may_be_repeated(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let future = executor.submit(pass::ID, (gate.path(), 300));
    let error = future.result_timeout(Duration::from_millis(20)).expect_err("it stands at the gate");
    assert!(error.is_timeout() && !error.is_cancelled(), "{error}");
    assert!(future.exception_timeout(Duration::ZERO).expect_err("it stands at the gate").is_timeout());
    gate.open();
    assert_eq!(future.result_timeout(LONG).expect("it goes on"), 300);
    assert_eq!(future.result_timeout(Duration::ZERO).expect("it is done"), 300);
    assert_eq!(future.result_timeout(Duration::MAX).expect("it is done"), 300);
}

fn a_future_goes_from_pending_to_running_to_done(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let gate = Gate::new();
    let future = executor.submit(pass::ID, (gate.path(), 200));
    assert!(!future.running() && !future.done() && !future.cancelled());
    busy.release();
    wait_until(|| future.running());
    assert!(!future.done());
    gate.open();
    assert_eq!(future.result_timeout(LONG).expect("it succeeds"), 200);
    assert!(future.done() && !future.running() && !future.cancelled());
}

fn a_queued_task_can_be_cancelled(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let future = executor.submit(square::ID, 2);
    assert!(future.cancel() && future.cancel());
    assert!(future.cancelled() && future.done() && !future.running());
    assert!(future.result().expect_err("it was cancelled").is_cancelled());
    assert!(future.exception().expect("it was cancelled").is_cancelled());
    busy.release();
    assert!(busy.iter().all(|future| future.result_timeout(LONG).is_ok()));
    assert_eq!(executor.submit(square::ID, 3).result_timeout(LONG).expect("the pool goes on"), 9);
}

fn a_sent_task_cannot_be_cancelled(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    assert!(!busy.iter().any(Future::cancel));
    busy.release();
    for future in busy.iter() {
        assert!(future.result_timeout(LONG).is_ok(), "it goes on");
        assert!(!future.cancel() && !future.cancelled());
    }
}

fn an_exception_is_the_error_or_none(setting: &Setting) {
    let executor = setting.executor();
    assert!(executor.submit(square::ID, 1).exception().is_none());
    assert!(executor.submit(panic_at::ID, (1, 1)).exception().expect("it panics").is_panic());
    let timely = executor.submit(at_most_ten::ID, 99).exception_timeout(LONG);
    assert!(timely.expect("it is done in time").expect("it fails").is_task_error());
}

fn a_callback_is_called_once_whenever_it_is_added(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let finishes = executor.submit(square::ID, 6);
    let cancelled = executor.submit(square::ID, 7);
    let calls = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (sender, results) = mpsc::channel();
    let add = |which: usize, future: &Future<i64>| {
        let (calls, sender) = (Arc::clone(&calls), sender.clone());
        future.add_done_callback(move |future| {
            calls[which].fetch_add(1, Ordering::SeqCst);
            let _ = sender.send(future.result().ok());
        });
    };
    add(0, &finishes);
    add(1, &cancelled);
    assert!(cancelled.cancel());
    assert_eq!(results.recv_timeout(LONG), Ok(None));
    busy.release();
    assert_eq!(results.recv_timeout(LONG), Ok(Some(36)));
    add(0, &finishes);
    add(1, &cancelled);
    assert_eq!((results.recv_timeout(LONG), results.recv_timeout(LONG)), (Ok(Some(36)), Ok(None)));
    drop(executor);
    assert_eq!(calls.each_ref().map(|count| count.load(Ordering::SeqCst)), [2, 2]);
}

fn a_callback_may_submit_and_wait(setting: &Setting) {
    let executor = Arc::new(setting.executor());
    let (sender, results) = mpsc::channel();
    let shared = Arc::clone(&executor);
    executor.submit(sleep::ID, 20).add_done_callback(move |_| {
        let _ = sender.send(shared.submit(square::ID, 8).result_timeout(LONG).ok());
    });
    assert_eq!(results.recv_timeout(LONG), Ok(Some(64)));
}

fn a_callback_may_wait_whoever_cancels(setting: &Setting) {
    for by_shutdown in [false, true] {
        let executor = setting.executor();
        let busy = Busy::all(&executor);
        let future = executor.submit(square::ID, 7);
        let (sender, results) = mpsc::channel();
        future.add_done_callback(move |future| {
            busy.release();
            let _ = sender.send((future.cancelled(), busy[0].result_timeout(LONG).ok()));
        });
        if by_shutdown {
            executor.shutdown(false, true);
        } else {
            assert!(future.cancel());
        }
        assert_eq!(results.recv_timeout(LONG), Ok((true, Some(Busy::VALUE))));
    }
}

fn a_callback_may_shut_its_executor_down(setting: &Setting) {
    let executor = Arc::new(setting.executor());
    let (sender, results) = mpsc::channel();
    let shared = Arc::clone(&executor);
    let last = executor.submit(sleep::ID, 60);
    executor.submit(sleep::ID, 20).add_done_callback(move |_| {
        shared.shutdown(true, false);
        sender.send(last.done()).expect("the test waits");
    });
    assert_eq!(results.recv_timeout(LONG), Ok(true));
    assert!(executor.submit(square::ID, 1).result_timeout(LONG).expect_err("it is shut down").is_shutdown());
}

fn a_panicking_callback_harms_nobody(setting: &Setting) {
    /// What panics once more when the panic that carries it is dropped.
    struct Twice;
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("this panic is part of a test");
        }
    }
    let executor = setting.executor();
    let (sender, calls) = mpsc::channel();
    let watch = |future: &Future<u64>| {
        let sender = sender.clone();
        future.add_done_callback(|_| panic!("a callback has had enough"));
        future.add_done_callback(|_| std::panic::panic_any(Twice));
        future.add_done_callback(move |_| sender.send(()).expect("the test waits"));
    };
    let busy = Busy::all(&executor);
    let cancelled = executor.submit(sleep::ID, 1);
    watch(&cancelled);
    assert!(cancelled.cancel(), "in the thread that cancels");
    watch(&busy[0]);
    busy.release();
    busy[0].result_timeout(LONG).expect("in the thread for callbacks");
    for _ in 0..2 {
        assert_eq!(calls.recv_timeout(LONG), Ok(()));
    }
    watch(&busy[0]);
    assert_eq!(calls.try_recv(), Ok(()), "in the thread that adds it");
    assert_eq!(executor.submit(square::ID, 2).result_timeout(LONG).expect("the pool goes on"), 4);
}

/// Wakes a thread that runs a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest runtime.
pub(super) fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let limit = Instant::now() + LONG;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(Instant::now() < limit, "it is never woken");
        std::thread::park_timeout(LONG);
    }
}

fn a_future_can_be_awaited(setting: &Setting) {
    let executor = setting.executor();
    let slow = executor.submit(sleep::ID, 50);
    let quick = executor.submit(square::ID, 9);
    let sum = block_on(async { Ok::<_, futures_mpi::Error>(slow.await? + quick.await?.unsigned_abs()) });
    assert_eq!(sum.expect("both succeed"), 131);
}

/// A waker that panics, with something that panics when it is dropped.
struct Hostile;

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        std::panic::panic_any(Bomb);
    }
}

fn a_waker_that_panics_harms_nobody(setting: &Setting) {
    let executor = setting.executor();
    let gate = Gate::new();
    let slow = executor.submit(pass::ID, (gate.path(), 50));
    let mut awaited = slow.clone();
    let waker = Arc::new(Hostile).into();
    let polled = std::pin::Pin::new(&mut awaited).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    gate.open();
    // Only polling: the pool's own thread has to bring them forward, and must have survived the first.
    wait_until(|| slow.done());
    let next = executor.submit(sleep::ID, 1);
    wait_until(|| next.done());
    assert_eq!(next.result().expect("it succeeds"), 1);
}

/// Counts the calls of its wakers.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn a_waker_goes_with_its_handle(setting: &Setting) {
    let executor = setting.executor();
    let busy = Busy::all(&executor);
    let future = executor.submit(square::ID, 3);
    let poll = |future: &mut Future<i64>, counting: &Arc<Counting>| {
        let waker = Waker::from(Arc::clone(counting));
        std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker))
    };
    let [given_up, replaced, kept, beside] = [(); 4].map(|()| Arc::<Counting>::default());
    let (mut first, mut second, mut third) = (future.clone(), future.clone(), future.clone());
    assert!(poll(&mut first, &given_up).is_pending());
    assert_eq!(Arc::strong_count(&given_up), 2);
    drop(first);
    assert_eq!(Arc::strong_count(&given_up), 1, "it goes with its handle");
    for counting in [&replaced, &kept, &kept] {
        assert!(poll(&mut second, counting).is_pending());
    }
    assert_eq!((Arc::strong_count(&replaced), Arc::strong_count(&kept)), (1, 2), "a handle has its last waker");
    let mut moved = Box::new(second);
    assert!(poll(&mut moved, &kept).is_pending() && poll(&mut third, &beside).is_pending());
    let clone = moved.clone();
    assert_eq!(Arc::strong_count(&kept), 2, "a clone has none before it is polled");
    busy.release();
    wait_until(|| [&kept, &beside].iter().all(|counting| counting.0.load(Ordering::SeqCst) == 1));
    wait_until(|| [&kept, &beside].iter().all(|counting| Arc::strong_count(counting) == 1));
    assert!(clone.done() && poll(&mut moved, &replaced).is_ready() && poll(&mut third, &replaced).is_ready());
    assert_eq!([&given_up, &replaced].map(|counting| counting.0.load(Ordering::SeqCst)), [0, 0]);
}

fn a_clone_is_the_same_future(setting: &Setting) {
    let executor = setting.executor();
    let _busy = Busy::all(&executor);
    let future = executor.submit(square::ID, 2);
    let clone = future.clone();
    assert!(clone.cancel() && future.cancelled());
}

fn a_dropped_future_does_not_stop_its_task(setting: &Setting) {
    let executor = setting.executor();
    let (sender, done) = mpsc::channel();
    let future = executor.submit(sleep::ID, 20);
    future.add_done_callback(move |future| sender.send(future.result().ok()).expect("the test waits"));
    drop(future);
    assert_eq!(done.recv_timeout(LONG), Ok(Some(20)));
}
