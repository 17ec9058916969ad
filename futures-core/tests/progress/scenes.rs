//! What happens in a pool of the model: threads that submit, wait, drive, and are called back.

use crate::base::deep_sleep::Rule;
use crate::base::ids::ClientNumber;
use crate::base::latch::Latch;
use crate::base::parker::{self, Awaited};
use crate::base::sync::thread::{self, JoinHandle, ThreadId};
use crate::driver::command::{Command, Task};
use crate::driver::completions::CompletionQueue;
use crate::driver::outcome::Outcome;
use crate::faults;
use crate::future::handle::Handle;
use crate::pool::progress::WaitPolicy;
use crate::pool::progress_thread::ProgressThread;
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use crate::pool::waiting::next_report;
use crate::workers::{self, Arrivals, Wire};
use shuttle::rand::{Rng, thread_rng};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

/// All scenes.
pub(crate) const SCENES: [fn(Arrivals); 10] = [
    waiting,
    waiting_for_one,
    waiting_unattended,
    submitting,
    calling_back,
    waking,
    delayed,
    interrupting,
    cancelling,
    collecting,
];

const CLIENT: ClientNumber = ClientNumber(0);

/// A pool with a progress thread and a worker.
struct World {
    pool: Arc<Pool>,
    wire: Arc<Wire>,
    progress_thread: JoinHandle<()>,
    worker: JoinHandle<()>,
    /// Opened when the progress thread has opened the pool, and when it is to go on.
    opened: Arc<Latch>,
    attended: Arc<Latch>,
}

impl World {
    fn start(arrivals: Arrivals) -> Self {
        let world = Self::with(arrivals, None);
        world.attended.open();
        world
    }

    /// A pool that only the calling thread may drive, beside the progress thread.
    fn driven_here(arrivals: Arrivals) -> Self {
        let world = Self::with(arrivals, Some(thread::current().id()));
        world.attended.open();
        world
    }

    /// A pool whose progress thread has opened it and does nothing more before the end.
    fn unattended(arrivals: Arrivals) -> Self {
        let world = Self::with(arrivals, None);
        see(&*world.opened);
        world
    }

    fn with(arrivals: Arrivals, only: Option<ThreadId>) -> Self {
        let (pool, wire) = (Pool::new(), Wire::new(arrivals));
        let [opened, attended] = [(); 2].map(|()| Arc::<Latch>::default());
        let backoff = (arrivals == Arrivals::LookedFor).then_some(Duration::from_micros(100));
        let wait_policy = WaitPolicy { backoff, crowded: true, only };
        let stepper = Stepper::new(Arc::clone(pool.inbox()), Arc::clone(&wire), pool.teller());
        let (of_thread, opens, goes_on) = (Arc::clone(&pool), Arc::clone(&opened), Arc::clone(&attended));
        let progress_thread = thread::spawn(move || {
            let mut progress_thread = ProgressThread::open(&of_thread, stepper, Instant::now(), wait_policy);
            opens.open();
            see(&*goes_on);
            progress_thread.serve().expect("no driver has panicked").finish();
        });
        let (of_worker, far_end) = (Arc::clone(&pool), Arc::clone(&wire));
        let worker = thread::spawn(move || workers::work(&of_worker, &far_end));
        World { pool, wire, progress_thread, worker, opened, attended }
    }

    fn submit(&self) -> Handle {
        submit(&self.pool)
    }

    /// Ends the pool as its manager does.
    fn end(self) {
        self.attended.open();
        self.pool.push(Command::End);
        self.pool.progress().wake_progress_thread();
        self.progress_thread.join().expect("the progress thread ends");
        self.wire.end();
        self.worker.join().expect("the worker ends");
        assert!(!self.pool.progress().is_open() && !self.pool.inbox().has_commands());
    }
}

fn submit(pool: &Arc<Pool>) -> Handle {
    let promise = pool.new_promise(CLIENT);
    pool.push(Command::Submit(Task { promise: Arc::clone(&promise), client: CLIENT }, ()));
    Handle::new(promise, Arc::clone(pool))
}

/// Sleeps until something has happened, and does nothing for it: neither drives nor says that it is interested.
fn see(target: &dyn Awaited) {
    assert!(parker::wait_for(target, None));
}

fn waits(handle: &Handle) {
    assert!(matches!(handle.wait(None), Ok(Outcome::Done)));
}

/// Threads submit and wait, all of them.
pub(crate) fn waiting(arrivals: Arrivals) {
    wait_in(World::start(arrivals));
}

/// The same where MPI lets only one of them drive, beside the progress thread.
pub(crate) fn waiting_for_one(arrivals: Arrivals) {
    wait_in(World::driven_here(arrivals));
}

/// The same without help: whoever waits drives, and hands the lock on.
pub(crate) fn waiting_unattended(arrivals: Arrivals) {
    wait_in(World::unattended(arrivals));
}

fn wait_in(world: World) {
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let pool = Arc::clone(&world.pool);
            thread::spawn(move || waits(&submit(&pool)))
        })
        .collect();
    waits(&world.submit());
    threads.into_iter().for_each(|thread| thread.join().expect("every waiting thread ends"));
    world.end();
}

/// Threads submit and go; nobody drives for what they leave but the progress thread.
pub(crate) fn submitting(arrivals: Arrivals) {
    let world = World::start(arrivals);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let pool = Arc::clone(&world.pool);
            thread::spawn(move || submit(&pool).promise())
        })
        .collect();
    threads.into_iter().for_each(|thread| see(&*thread.join().expect("a thread that submits ends")));
    world.end();
}

/// A callback is all that listens to a future.
pub(crate) fn calling_back(arrivals: Arrivals) {
    let world = World::start(arrivals);
    let called = Arc::new(Latch::default());
    let opener = Arc::clone(&called);
    world.submit().call(move || opener.open());
    see(&*called);
    world.end();
}

/// Opens when it is woken.
struct Opening(Latch);

impl Wake for Opening {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

/// A waker listens to a future, and another thread drives for a future of its own.
pub(crate) fn waking(arrivals: Arrivals) {
    let world = World::start(arrivals);
    let woken = Arc::new(Opening(Latch::default()));
    let pool = Arc::clone(&world.pool);
    let waiting = thread::spawn(move || waits(&submit(&pool)));
    let handle = world.submit();
    if let Some(_listening) = handle.wake(&Waker::from(Arc::clone(&woken))) {
        see(&woken.0);
    }
    assert!(handle.is_done());
    waiting.join().expect("every waiting thread ends");
    world.end();
}

/// A pool is left alone until everybody who looks for messages may have fallen into deep sleep; then it is used again.
pub(crate) fn delayed(arrivals: Arrivals) {
    let world = World::start(arrivals);
    for _ in 0..2 {
        see(&*world.submit().promise());
        workers::take_time();
    }
    world.end();
}

/// A reply comes after a long silence, and something else is submitted at the same time.
pub(crate) fn interrupting(arrivals: Arrivals) {
    // About when those who look for messages fall into deep sleep.
    faults::meet_at(Rule::get().after.mul_f64(thread_rng().gen_range(0.5..1.2)));
    let world = World::start(arrivals);
    let first = world.submit().promise();
    while world.wire.taken() == 0 {
        thread::yield_now();
    }
    let (pool, wire, before) = (Arc::clone(&world.pool), Arc::clone(&world.wire), Arc::clone(&first));
    let other_worker = thread::spawn(move || workers::work_after(&before, &pool, &wire));
    workers::take_time();
    // Nobody answers this one before the first is done.
    let second = world.submit().promise();
    see(&*first);
    see(&*second);
    world.end();
    other_worker.join().expect("the other worker ends");
}

/// A thread cancels everything, and another submits meanwhile.
pub(crate) fn cancelling(arrivals: Arrivals) {
    let world = World::start(arrivals);
    let pool = Arc::clone(&world.pool);
    let submitting = thread::spawn(move || submit(&pool).promise());
    world.pool.cancel_all(CLIENT);
    see(&*submitting.join().expect("a thread that submits ends"));
    world.end();
}

/// A thread waits for the next of several futures to be done.
pub(crate) fn collecting(arrivals: Arrivals) {
    let world = World::start(arrivals);
    let completions = Arc::new(CompletionQueue::default());
    let handles = [world.submit(), world.submit()];
    let _listening: Vec<_> =
        handles.iter().enumerate().map(|(token, handle)| handle.report_to(&completions, token, false)).collect();
    let mut seen: Vec<_> = handles.iter().map_while(|_| next_report(&completions, Some(&*world.pool), None)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1]);
    world.end();
}
