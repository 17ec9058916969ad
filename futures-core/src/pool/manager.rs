//! The thread of a pool: waits for commands and frames, and lets the driver deal with them.

use crate::base::latch::Latch;
use crate::base::parker::{self, Awaited};
use crate::base::say::say;
use crate::driver::boot::Boot;
use crate::driver::command::{Command, shut_down};
use crate::driver::options::PoolOptions;
use crate::error::{Error, Kind, Result};
use crate::pool::callbacks;
use crate::pool::progress::WaitPolicy;
use crate::pool::progress_thread::ProgressThread;
use crate::pool::shared::Pool;
use crate::pool::stepper::Stepper;
use crate::pool::watchdog::Watchdog;
use crate::task::registry::Registry;
use crate::wire::transport::Transport;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// How a pool comes to its workers: run once, in the manager's thread, when the pool is first used.
pub type Recipe = Box<dyn FnOnce(&Notify) -> Result<Box<dyn Transport>> + Send>;

/// What a manager has to know to start.
pub struct Plan {
    /// Makes the transport.
    pub recipe: Recipe,
    /// The longest sleep between two looks at a transport that cannot wake the manager; `None` for one that can, by
    /// the [`Notify`] that its recipe is given.
    pub backoff: Option<Duration>,
    /// Whether there are more processes, or threads, than cores, so that waiting ones give way early.
    pub crowded: bool,
    /// The only thread that may drive the pool while it waits, beside the pool's own; any if there is none.
    pub only_driver: Option<ThreadId>,
    /// Limits, and what the workers are told.
    pub options: PoolOptions,
}

/// Wakes a manager: for transports to which something has come.
#[derive(Clone)]
pub struct Notify(Arc<Pool>);

impl Notify {
    /// Makes the manager look at its transport.
    pub fn notify(&self) {
        self.0.progress().notify();
    }
}

/// The handle of a pool, shared by its executors.
pub struct Manager {
    pool: Arc<Pool>,
    boot: Arc<Boot>,
    registry: &'static Registry,
    options: PoolOptions,
    /// The process that has made it: in one that was forked from it there is none of its threads.
    process: u32,
    phase: Mutex<Phase>,
    /// Whether there is nothing left to start, for a look without the lock.
    started: AtomicBool,
    /// Opened when the pool's thread has ended, or will never begin.
    ended: Arc<Latch>,
}

enum Phase {
    Planned(Plan),
    /// The thread, until somebody joins it.
    Running(ThreadId, Option<JoinHandle<()>>),
    /// It was never started, and will not be.
    Over,
}

impl Manager {
    /// A pool that starts when it is first used.
    ///
    /// # Errors
    ///
    /// If the program's task functions contradict one another.
    pub fn new(plan: Plan) -> Result<Arc<Self>> {
        let options = plan.options;
        Self::in_phase(Phase::Planned(plan), options)
    }

    /// The handle of a pool that has no thread, see [`Stepper::detached`].
    pub(crate) fn detached(options: PoolOptions) -> Result<Arc<Self>> {
        Self::in_phase(Phase::Over, options)
    }

    fn in_phase(phase: Phase, options: PoolOptions) -> Result<Arc<Self>> {
        let registry = Registry::global()?;
        let (started, ended) = (AtomicBool::new(!matches!(phase, Phase::Planned(_))), Arc::<Latch>::default());
        if matches!(phase, Phase::Over) {
            ended.open();
        }
        let (pool, boot, phase) = (Pool::new(), Arc::new(Boot::default()), Mutex::new(phase));
        let process = std::process::id();
        Ok(Arc::new(Manager { pool, boot, registry, options, process, phase, started, ended }))
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Whether this is a process that was forked from the pool's own, where nobody can work for it or end it.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.process != std::process::id()
    }

    pub(crate) fn boot(&self) -> &Boot {
        &self.boot
    }

    /// What drives the pool.
    fn new_stepper(&self) -> Stepper {
        let (inbox, numbers) = (Arc::clone(self.pool.inbox()), self.pool.task_numbers().clone());
        Stepper::new(inbox, numbers, self.registry, Arc::clone(&self.boot), self.options, self.pool.teller())
    }

    /// Starts the pool, unless it has been started or ended before.
    pub fn start(&self) {
        if self.started.load(Ordering::Acquire) {
            return;
        }
        let mut phase = self.lock();
        self.started.store(true, Ordering::Release);
        if !matches!(*phase, Phase::Planned(_)) {
            return;
        }
        let Phase::Planned(plan) = std::mem::replace(&mut *phase, Phase::Over) else {
            return;
        };
        let (pool, boot, registry) = (Arc::clone(&self.pool), Arc::clone(&self.boot), self.registry);
        let opener = Opener(Arc::clone(&self.ended));
        let body = move || {
            let _opener = opener;
            run(plan, &pool, boot, registry);
        };
        match thread::Builder::new().name("futures-mpi-manager".to_owned()).spawn(body) {
            Ok(handle) => *phase = Phase::Running(handle.thread().id(), Some(handle)),
            Err(error) => {
                let reason = Error::new(Kind::Broken, format!("the pool's thread cannot be started: {error}"));
                self.boot.fail(&reason);
                self.pool.end(reason);
            }
        }
    }

    /// Ends a pool that was never started; one that was has its thread to do it.
    fn end_unstarted(&self) {
        let mut phase = self.lock();
        if matches!(*phase, Phase::Planned(_)) {
            *phase = Phase::Over;
            self.boot.fail(&shut_down());
            self.pool.end(shut_down());
            self.ended.open();
        }
    }

    /// Lets a pool end when its futures are done; its executors take no more tasks.
    pub fn end(&self) {
        self.pool.push(Command::End);
        self.pool.progress().wake_progress_thread();
        self.end_unstarted();
    }

    /// Ends a pool whatever is still to be done: its futures fail, and tasks that are running are not waited for.
    pub fn abandon(&self) {
        self.pool.push(Command::Abandon);
        self.pool.progress().wake_progress_thread();
        self.end_unstarted();
    }

    /// Waits until the pool, which was told to, has ended and its callbacks have been called; the pool's own thread
    /// does not wait for itself.
    pub fn join(&self) {
        // What is to be called before the end may stand behind a callback that joins.
        callbacks::may_block();
        if !self.ends_by(None) {
            return;
        }
        let handle = match &mut *self.lock() {
            Phase::Running(_, handle) => handle.take(),
            Phase::Planned(_) | Phase::Over => None,
        };
        if let Some(handle) = handle {
            let _ = handle.join();
        }
        self.pool.finish_all_callbacks();
    }

    /// Waits until the thread of the pool, which was told to, has ended, but not for callbacks; whether it has by the
    /// deadline, which it has not for itself.
    pub fn ends_by(&self, deadline: Option<Instant>) -> bool {
        let is_own = matches!(&*self.lock(), Phase::Running(id, _) if *id == thread::current().id());
        !is_own && parker::wait_for(&*self.ended, deadline)
    }

    /// Whether the pool has ended.
    pub fn is_over(&self) -> bool {
        self.ended.is_done()
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the manager's thread has ended, however it has.
struct Opener(Arc<Latch>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Stepper {
    /// A pool without a thread, whose executors are made with the manager that is returned beside it.
    ///
    /// Until somebody steps it nothing happens: its futures must be polled, not waited for, and its executors shut
    /// down without waiting.
    ///
    /// # Errors
    ///
    /// If the program's task functions contradict one another.
    pub fn detached(options: PoolOptions) -> Result<(Arc<Manager>, Self)> {
        let manager = Manager::detached(options)?;
        let stepper = manager.new_stepper();
        Ok((manager, stepper))
    }
}

/// The manager's thread: starts the pool, attends to it, and ends it.
fn run(plan: Plan, pool: &Arc<Pool>, boot: Arc<Boot>, registry: &'static Registry) {
    let _guard = EndOnPanic(pool);
    let begin = Instant::now();
    let _watchdog = plan.options.watchdog.map(|interval| Watchdog::start(interval, pool));
    let (inbox, numbers) = (Arc::clone(pool.inbox()), pool.task_numbers().clone());
    let mut stepper = Stepper::new(inbox, numbers, registry, boot, plan.options, pool.teller());
    stepper.attach((plan.recipe)(&Notify(Arc::clone(pool))));
    let wait_policy = WaitPolicy { backoff: plan.backoff, crowded: plan.crowded, only: plan.only_driver };
    let stepper = ProgressThread::open(pool, stepper, begin, wait_policy).serve();
    if let Some(Err(missing)) = stepper.map(Stepper::finish) {
        say(&format!("a pool did not end cleanly: {missing}"));
    }
}

/// Closes the inbox of the pool if the manager's thread panics, so that no thread waits for what will never come.
struct EndOnPanic<'a>(&'a Pool);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(Error::new(Kind::Broken, "the pool's thread panicked; this is a bug in futures-mpi"));
        }
    }
}
