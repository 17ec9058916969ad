//! One executor's part in a pool: submits its tasks, and shuts it down.

use crate::base::ids::{ClientNumber, WorkerNumber};
use crate::base::latch::Latch;
use crate::driver::boot::Boot;
use crate::driver::command::{Command, LastCalls, Preparations, Roll, Special, Task, shut_down};
use crate::driver::outcome::Outcome;
use crate::driver::policy::{Attempt, TaskPolicy};
use crate::driver::promise::Promise;
use crate::error::{Error, Kind, Result};
use crate::executor::options::{Decided, ExitFunction};
use crate::future::{Future, Handle};
use crate::pool::manager::Manager;
use crate::scheduler::Prefetch;
use crate::task::{IntoArgs, TaskId, encode};
use crate::wire::codec::Limits;
use crate::wire::payload::Payload;
use crate::wire::setup::Setup;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

/// One executor's part in a pool.
pub(crate) struct Client {
    manager: Arc<Manager>,
    number: ClientNumber,
    drained: Arc<Latch>,
    closed: AtomicBool,
    /// Whether the pool is this executor's own and ends with it.
    owns_pool: bool,
    /// What arguments have to keep to.
    limits: Limits,
    /// Whether its tasks may be sent ahead, to workers that still have others to do, if the program has set it.
    prefetch: Option<bool>,
    /// None if the workers need not be prepared.
    preparation: Option<Preparation>,
    exit: Option<Exit>,
}

/// What each worker is to call last.
struct Exit {
    function: ExitFunction,
    /// The promises of these calls, once they are made.
    promises: Arc<OnceLock<Vec<Arc<Promise>>>>,
}

/// The preparations that the workers get at the executor's first use.
struct Preparation {
    first_use: Once,
    /// Taken at the first use.
    setup: Mutex<Setup>,
    limit: Duration,
    boot: Arc<Boot>,
}

impl Client {
    /// A client of this pool.
    pub(super) fn new(manager: Arc<Manager>, options: Decided, owns_pool: bool) -> Self {
        let Decided { pool, setup, prefetch, exit } = options;
        let limits = Limits { payload_bytes: pool.payload_limit_bytes, ..Limits::of(!setup.in_band) };
        // What comes last does so on workers that were prepared.
        let preparation = (!setup.is_empty() || exit.is_some()).then(|| Preparation {
            first_use: Once::new(),
            setup: Mutex::new(setup),
            limit: pool.boot_limit,
            boot: Arc::default(),
        });
        let drained = Arc::new(Latch::default());
        let number = manager.pool().open(Arc::clone(&drained));
        let closed = AtomicBool::new(false);
        let exit = exit.map(|function| Exit { function, promises: Arc::default() });
        Client { manager, number, drained, closed, owns_pool, limits, prefetch, preparation, exit }
    }

    /// Starts the pool and has the workers prepared, unless that has been done; an error if this client is closed.
    pub(super) fn begin(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(shut_down());
        }
        self.start();
        Ok(())
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether its tasks may be sent ahead, if the program has set it.
    pub(super) fn prefetch(&self) -> Option<bool> {
        self.prefetch
    }

    pub(crate) fn number(&self) -> ClientNumber {
        self.number
    }

    /// Starts the pool and has the workers prepared, unless that has been done.
    fn start(&self) {
        self.manager.start();
        if let Some(preparation) = &self.preparation {
            // Another submitting thread waits here until this command has been sent, before its own.
            preparation.first_use.call_once(|| {
                let setup = std::mem::take(&mut *preparation.setup.lock().unwrap_or_else(PoisonError::into_inner));
                let preparations =
                    Preparations { setup, limit: preparation.limit, boot: Arc::clone(&preparation.boot) };
                self.manager.pool().push(Command::Prepare(self.number, preparations));
            });
        }
    }

    /// The outcome of the start, as far as this executor is concerned.
    fn boot(&self) -> &Boot {
        self.preparation.as_ref().map_or(self.manager.boot(), |preparation| &preparation.boot)
    }

    pub(super) fn wait_for_boot(&self) -> Result<usize> {
        let pool = self.manager.pool();
        pool.wait_for(self.boot().decided(), None);
        // A worker may be lost whose loss has not been noticed yet.
        pool.serve_inbox();
        let (own, pool) = (self.boot(), self.manager.boot());
        match own.breakage().or_else(|| pool.breakage()) {
            Some(reason) => Err(reason),
            None => Ok(pool.ready() - own.stuck().min(pool.ready())),
        }
    }

    /// Schedules a call.
    pub(crate) fn submit<Args, T, A>(
        &self,
        function: TaskId<Args, T>,
        args: A,
        policy: Option<&Arc<TaskPolicy>>,
    ) -> Future<T>
    where
        A: IntoArgs<Args>,
        T: DeserializeOwned + 'static,
    {
        let pool = self.manager.pool();
        let promise = pool.new_promise(self.number);
        match encode::encode_arguments(function.name(), args.as_args(), &self.limits) {
            Ok(arguments) => {
                let special = policy.and_then(Attempt::of).map(|attempt| Box::new(Special::Attempt(attempt)));
                let (client, function) = (self.number, function.key());
                let task = Task { promise: Arc::clone(&promise), client, function, count: 1, arguments, special };
                self.submit_all([task], policy, shut_down);
            }
            Err(error) => pool.finish(&promise, Outcome::Failed(error)),
        }
        Future::new(Handle::new(promise, Arc::clone(pool)), Outcome::value)
    }

    /// Schedules one call on each worker that there is.
    pub(super) fn everywhere<Args, T, A>(&self, function: TaskId<Args, T>, args: A) -> Result<Vec<Future<T>>>
    where
        A: IntoArgs<Args>,
        T: DeserializeOwned + 'static,
    {
        self.begin()?;
        let arguments = encode::encode_arguments(function.name(), args.as_args(), &self.limits)?;
        self.wait_for_boot()?;
        let (pool, roll) = (self.manager.pool(), Arc::<Roll>::default());
        pool.push(Command::Roll(self.number, Arc::clone(&roll)));
        pool.wait_for(roll.answered(), None);
        let Some(workers) = roll.workers().filter(|_| !self.closed.load(Ordering::Acquire)) else {
            return Err(self.manager.boot().breakage().unwrap_or_else(shut_down));
        };
        let promises: Vec<_> = workers.iter().map(|_| pool.new_promise(self.number)).collect();
        let tasks = promises.iter().zip(workers);
        pool.push_all(tasks.map(|(promise, worker)| {
            let arguments = arguments.clone();
            Command::SubmitTo(self.task(function, promise, arguments), *worker)
        }));
        let future = |promise| Future::new(Handle::new(promise, Arc::clone(pool)), Outcome::value);
        Ok(promises.into_iter().map(future).collect())
    }

    /// Schedules a call on one worker.
    pub(super) fn submit_to<Args, T, A>(&self, worker: WorkerNumber, function: TaskId<Args, T>, args: A) -> Future<T>
    where
        A: IntoArgs<Args>,
        T: DeserializeOwned + 'static,
    {
        let pool = self.manager.pool();
        let promise = pool.new_promise(self.number);
        let arguments = encode::encode_arguments(function.name(), args.as_args(), &self.limits);
        match arguments.and_then(|arguments| self.begin().map(|()| arguments)) {
            Ok(arguments) => pool.push(Command::SubmitTo(self.task(function, &promise, arguments), worker)),
            Err(error) => pool.finish(&promise, Outcome::Failed(error)),
        }
        Future::new(Handle::new(promise, Arc::clone(pool)), Outcome::value)
    }

    /// A call without terms.
    fn task<Args, T>(&self, function: TaskId<Args, T>, promise: &Arc<Promise>, arguments: Payload) -> Task {
        let (promise, client, function) = (Arc::clone(promise), self.number, function.key());
        Task { promise, client, function, count: 1, arguments, special: None }
    }

    /// Submits tasks, or fails their futures by `refusal` if the executor has been shut down.
    pub(crate) fn submit_all(
        &self,
        tasks: impl IntoIterator<Item = Task>,
        policy: Option<&Arc<TaskPolicy>>,
        refusal: fn() -> Error,
    ) {
        if self.closed.load(Ordering::Acquire) {
            let pool = self.manager.pool();
            tasks.into_iter().for_each(|task| pool.finish(&task.promise, Outcome::Failed(refusal())));
            return;
        }
        self.start();
        let prefetch = Prefetch::from(policy.and_then(|policy| policy.prefetch).or(self.prefetch));
        self.manager.pool().push_all(tasks.into_iter().map(|task| Command::Submit(task, prefetch)));
    }

    /// Shuts down and returns what the workers have returned last.
    pub(super) fn finish<T: DeserializeOwned + 'static>(&self) -> Result<Vec<Result<T>>> {
        let wrong = |message: String| Err(Error::new(Kind::Configuration, message));
        let Some(Exit { function, promises }) = &self.exit else {
            return wrong(
                "the executor has no exit function: give it one by the method `exit` of its builder".to_owned(),
            );
        };
        if function.output != type_name::<T>() {
            let (name, output, wanted) = (function.name, function.output, type_name::<T>());
            return wrong(format!("the exit function {name} returns {output}, and `finish` is to return {wanted}"));
        }
        self.shutdown(true, false);
        let pool = self.manager.pool();
        if let Some(promises) = promises.get().filter(|promises| !promises.is_empty()) {
            let future = |promise| Future::<T>::new(Handle::new(promise, Arc::clone(pool)), Outcome::value);
            return Ok(promises.iter().map(|promise| future(Arc::clone(promise)).result()).collect());
        }
        let mut breakages = [self.boot(), self.manager.boot()].into_iter().filter_map(Boot::breakage);
        // Without one it was never used, or has no worker while replacements are on their way.
        breakages.find(|reason| !reason.is_shutdown()).map_or_else(|| Ok(Vec::new()), Err)
    }

    /// By which the pool learns that nothing more comes.
    fn last_command(&self) -> Command {
        let used = self.preparation.as_ref().is_some_and(|preparation| preparation.first_use.is_completed());
        match self.exit.as_ref().filter(|_| used) {
            None => Command::Close(self.number),
            Some(Exit { function, promises }) => {
                let (pool, number) = (Arc::downgrade(self.manager.pool()), self.number);
                let promise = Box::new(move || pool.upgrade().map(|pool| pool.new_promise(number)));
                let last = LastCalls { function: function.key, promise, promises: Arc::clone(promises) };
                Command::Retire(number, last)
            }
        }
    }

    pub(super) fn shutdown(&self, wait: bool, cancel_futures: bool) {
        if self.manager.is_elsewhere() {
            return;
        }
        let first = !self.closed.swap(true, Ordering::AcqRel);
        let pool = self.manager.pool();
        if cancel_futures {
            pool.cancel_all(self.number);
        }
        if first {
            pool.push(self.last_command());
            if self.owns_pool {
                self.manager.end();
            }
        }
        if wait {
            pool.wait_for(&*self.drained, None);
            if self.owns_pool {
                self.manager.join();
            } else {
                pool.finish_callbacks(self.number);
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let closed = if self.closed.load(Ordering::Acquire) { "shut down" } else { "open" };
        write!(f, "client {} of its pool, {closed}", self.number)
    }
}
