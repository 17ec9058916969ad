//! The options that the builders of all executors have in common: collected, checked, decided in one place.
//!
//! What a program says comes first, then the environment variable, then the default. What was wrong is kept until the
//! executor is built, so that builders can be written as chains.

mod methods;
mod read;

pub use crate::base::cores::{is_crowded, is_crowded_by_threads, own_cores};
pub use crate::driver::options::{DEFAULT_BOOT_LIMIT, DEFAULT_SHUTDOWN_LIMIT, PoolOptions};
pub(crate) use read::stack_size;
pub use read::{Variable, refuse};

use crate::base::ids::TaskKey;
use crate::error::{Error, Kind, Result};
use crate::task::registry::Registry;
use crate::task::{IntoArgs, StateId, TaskId, encode};
use crate::wire::attachments::Encoded;
use crate::wire::codec::Limits;
use crate::wire::setup::{Global, GlobalValue, Setup, SetupCall};
use std::any::type_name;
use std::path::Path;
use std::time::Duration;

/// The most workers that can be asked for.
const MOST_WORKERS: usize = 1 << 24;

/// The number of workers.
pub const MAX_WORKERS: Variable<usize> = Variable {
    name: "FUTURES_MPI_MAX_WORKERS",
    option: "max_workers",
    accepted: "a whole number from 1 to 16777216",
    accept: |count| (1..=MOST_WORKERS).contains(&count).then_some(count),
};

const OUT_OF_BAND: Variable<bool> = Variable::choice("out_of_band", "FUTURES_MPI_OUT_OF_BAND");

const BACKOFF: Variable<Duration> = Variable::duration(
    "backoff",
    "FUTURES_MPI_BACKOFF",
    "a number of seconds that is not negative, such as 0.001; 0 never sleeps",
);

const BOOT_LIMIT: Variable<Duration> = Variable::limit("boot_limit", "FUTURES_MPI_BOOT_LIMIT");

const SHUTDOWN_LIMIT: Variable<Duration> = Variable::limit("shutdown_limit", "FUTURES_MPI_SHUTDOWN_LIMIT");

const WATCHDOG: Variable<Duration> = Variable::duration(
    "watchdog",
    "FUTURES_MPI_WATCHDOG",
    "a number of seconds that is not negative; 0 reports nothing",
);

/// Whether lost workers are replaced.
pub const REPLACE_LOST_WORKERS: Variable<bool> =
    Variable::choice("replace_lost_workers", "FUTURES_MPI_REPLACE_LOST_WORKERS");

const PREFETCH: Variable<bool> = Variable::choice("prefetch", "FUTURES_MPI_PREFETCH");

/// The default of the longest sleep of an idle process: 0.001 s.
pub const DEFAULT_BACKOFF: Duration = Duration::from_millis(1);

/// The options that all builders have, as they were given. The methods of the builders are made by
/// [`__executor_options`](crate::__executor_options) and [`__process_options`](crate::__process_options).
#[derive(Debug, Clone, Default)]
pub struct CommonOptions {
    /// Whether buffers travel as messages of their own.
    pub out_of_band: Option<bool>,
    /// The longest sleep of an idle process.
    pub backoff: Option<Duration>,
    /// How long the workers may take to become ready.
    pub boot_limit: Option<Duration>,
    /// How long the workers may take to disconnect.
    pub shutdown_limit: Option<Duration>,
    /// After how long without movement the pool is reported.
    pub watchdog: Option<Duration>,
    /// Whether lost workers are replaced.
    pub replace_lost_workers: Option<bool>,
    /// Whether tasks may be sent to workers that have others to do before.
    pub prefetch: Option<bool>,
    setup: Setup,
    exit: Option<ExitFunction>,
    /// The first error.
    refusal: Option<Error>,
}

/// The options of an executor, checked.
#[derive(Debug, Clone)]
pub struct Decided {
    /// For its pool, if it has one of its own; its boot limit is also that of its setup.
    pub pool: PoolOptions,
    pub(crate) setup: Setup,
    /// Whether its tasks may be sent ahead, to workers that still have others to do, if that was set.
    pub(crate) prefetch: Option<bool>,
    pub(crate) exit: Option<ExitFunction>,
}

/// A task function without arguments that every worker calls last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExitFunction {
    pub(crate) name: &'static str,
    pub(crate) key: TaskKey,
    /// The type of its value.
    pub(crate) output: &'static str,
}

impl Decided {
    /// For executors whose workers need not be prepared, on pools of these options.
    pub fn without_setup(pool: PoolOptions) -> Self {
        Decided { pool, setup: Setup::default(), prefetch: None, exit: None }
    }
}

impl CommonOptions {
    /// Sets the task function that every worker calls first.
    pub fn initializer<Args, T, A: IntoArgs<Args>>(&mut self, function: TaskId<Args, T>, args: A) {
        match Self::setup_call("initializer", function.name(), function.key(), args) {
            Ok(call) => self.setup.initializer = Some(call),
            Err(error) => self.refuse(error),
        }
    }

    /// Sets the function that makes the state on every worker.
    pub fn state<Args, S, A: IntoArgs<Args>>(&mut self, function: StateId<Args, S>, args: A) {
        match Self::setup_call("state", function.name(), function.key(), args) {
            Ok(call) => self.setup.state = Some(call),
            Err(error) => self.refuse(error),
        }
    }

    /// An error that names the option if the program has no such function.
    fn look_up(option: &str, name: &str, key: TaskKey) -> Result<()> {
        let registry = Registry::global()?;
        if registry.get(key).is_none() {
            return Err(Error::new(Kind::Registry, format!("{option}: {}", registry.unknown(&format!("`{name}`")))));
        }
        Ok(())
    }

    fn setup_call<Args, A: IntoArgs<Args>>(option: &str, name: &str, key: TaskKey, args: A) -> Result<SetupCall> {
        Self::look_up(option, name, key)?;
        let mut encoded = Encoded::default();
        encode::append_arguments(name, args.as_args(), &mut encoded, &Limits::of(false))
            .map_err(|error| Error::new(Kind::Codec, format!("{option}: {}", error.message())))?;
        Ok(SetupCall { name: name.to_owned(), arguments: encoded.bytes })
    }

    /// Sets the task function that every worker calls last.
    pub fn exit<T>(&mut self, function: TaskId<(), T>) {
        let (name, key) = (function.name(), function.key());
        match Self::look_up("exit", name, key) {
            Ok(()) => self.exit = Some(ExitFunction { name, key, output: type_name::<T>() }),
            Err(error) => self.refuse(error),
        }
    }

    /// Adds a named value, or replaces the one of this name.
    pub fn global<V: GlobalValue + ?Sized>(&mut self, name: String, value: &V) {
        match Global::new(value) {
            Ok(global) => drop(self.setup.globals.insert(name, global)),
            Err(reason) => {
                let message = format!("the global {name:?} of type {} cannot be encoded: {reason}", V::type_name());
                self.refuse(Error::new(Kind::Codec, message));
            }
        }
    }

    /// Adds an environment variable, or replaces the one of this name.
    pub fn variable(&mut self, name: String, value: String) {
        if name.is_empty() || name.contains(['=', '\0']) {
            self.refuse(refuse("env", &name, "a non-empty name with neither `=` nor a zero byte"));
        } else if value.contains('\0') {
            self.refuse(refuse(&format!("env {name}"), &value, "text without a zero byte"));
        } else {
            self.setup.variables.insert(name, value);
        }
    }

    /// Sets the working directory.
    pub fn directory(&mut self, path: &Path) {
        match path.to_str().filter(|path| !path.is_empty() && !path.contains('\0')) {
            Some(path) => self.setup.directory = Some(path.to_owned()),
            None => self.refuse(refuse("wdir", &path.to_string_lossy(), "the path of a directory, in UTF-8")),
        }
    }

    /// The longest sleep of an idle process: as given, else by the variable, else the default.
    ///
    /// # Errors
    ///
    /// If the variable cannot be read.
    pub fn backoff(&self) -> Result<Duration> {
        Ok(BACKOFF.decide(self.backoff)?.unwrap_or(DEFAULT_BACKOFF))
    }

    /// Checks everything, and fills in what was not given.
    ///
    /// # Errors
    ///
    /// What was wrong first: the option or variable, its value, and what is accepted.
    pub fn decide(self) -> Result<Decided> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let defaults = PoolOptions::default();
        let pool = PoolOptions {
            boot_limit: BOOT_LIMIT.decide(self.boot_limit)?.unwrap_or(defaults.boot_limit),
            shutdown_limit: SHUTDOWN_LIMIT.decide(self.shutdown_limit)?.unwrap_or(defaults.shutdown_limit),
            watchdog: WATCHDOG.decide(self.watchdog)?.filter(|interval| !interval.is_zero()),
            replace_lost_workers: REPLACE_LOST_WORKERS
                .decide(self.replace_lost_workers)?
                .unwrap_or(defaults.replace_lost_workers),
            ..defaults
        };
        let setup = Setup { in_band: !OUT_OF_BAND.decide(self.out_of_band)?.unwrap_or(true), ..self.setup };
        Ok(Decided { pool, setup, prefetch: PREFETCH.decide(self.prefetch)?, exit: self.exit })
    }

    fn refuse(&mut self, error: Error) {
        self.refusal.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(options: CommonOptions) -> String {
        options.decide().expect_err("it is not accepted").to_string()
    }

    #[test]
    fn bad_values_are_named() {
        let with = |change: &dyn Fn(&mut CommonOptions)| {
            let mut options = CommonOptions::default();
            change(&mut options);
            refusal(options)
        };
        let unknown: TaskId<(), ()> = TaskId::new("no/such");
        let table = [
            (
                with(&|options| options.variable("A=B".to_owned(), String::new())),
                "env is \"A=B\", which is not accepted",
            ),
            (with(&|options| options.variable("A".to_owned(), "\0".to_owned())), "env A is \"\\0\""),
            (with(&|options| options.directory(Path::new(""))), "wdir is \"\", which is not accepted"),
            (
                with(&|options| options.boot_limit = Some(Duration::ZERO)),
                "boot_limit is \"0 s\", which is not accepted",
            ),
            (with(&|options| options.shutdown_limit = Some(Duration::ZERO)), "shutdown_limit is \"0 s\""),
            (
                with(&|options| options.initializer(unknown, ())),
                "initializer: no task function `no/such` is registered",
            ),
        ];
        for (message, expected) in table {
            assert!(message.contains(expected), "{expected} is not in: {message}");
        }
    }

    #[test]
    fn the_first_mistake_is_reported_and_the_last_value_counts() {
        let mut options = CommonOptions::default();
        options.global("n".to_owned(), &1u32);
        options.global("n".to_owned(), "text");
        options.variable("A".to_owned(), "1".to_owned());
        options.variable("A".to_owned(), "2".to_owned());
        let decided = options.clone().decide().expect("all is well");
        assert_eq!(decided.setup.globals["n"].type_name, "alloc::string::String");
        assert_eq!(decided.setup.variables["A"], "2");
        options.variable(String::new(), String::new());
        options.directory(Path::new(""));
        assert!(refusal(options).contains("env is \"\""));
    }
}
