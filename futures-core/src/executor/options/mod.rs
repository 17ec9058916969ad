//! The options that the builders of all executors have in common: collected, checked, decided in one place.
//!
//! What a program says comes first, then the environment variable, then the default. What was wrong is kept until the
//! executor is built, so that builders can be written as chains.

mod methods;
mod read;

pub use crate::base::cores::{is_crowded, is_crowded_by_threads, own_cores};
pub use crate::driver::options::{DEFAULT_BOOT_LIMIT, DEFAULT_SHUTDOWN_LIMIT, PoolOptions};
pub(crate) use read::stack_size;
pub use read::{
    BACKOFF, BOOT_LIMIT, DEFAULT_BACKOFF, MAX_WORKERS, OUT_OF_BAND, PREFETCH, REPLACE_LOST_WORKERS, SHUTDOWN_LIMIT,
    WATCHDOG, backoff, max_workers, refuse, seconds,
};

use crate::error::{Error, Kind, Result};
use crate::task::registry::Registry;
use crate::task::{IntoArgs, TaskId, encode};
use crate::wire::attachments::Encoded;
use crate::wire::codec::{Limits, PAYLOAD_LIMIT_BYTES};
use crate::wire::setup::{Global, GlobalValue, Initializer, Setup};
use std::path::Path;
use std::time::Duration;

/// The options that all builders have, as they were given. The methods of the builders are made by
/// [`__executor_options`](crate::__executor_options) and [`__process_options`](crate::__process_options).
#[derive(Debug, Clone, Default)]
pub struct CommonOptions {
    setup: Setup,
    out_of_band: Option<bool>,
    backoff: Option<Duration>,
    boot_limit: Option<Duration>,
    shutdown_limit: Option<Duration>,
    watchdog: Option<Duration>,
    replace_lost_workers: Option<bool>,
    prefetch: Option<bool>,
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
}

impl Decided {
    /// For executors whose workers need not be prepared, on pools of these options.
    pub fn without_setup(pool: PoolOptions) -> Self {
        Decided { pool, setup: Setup::default(), prefetch: None }
    }
}

impl CommonOptions {
    /// Sets the task function that every worker calls first.
    pub fn initializer<Args, T, A: IntoArgs<Args>>(&mut self, function: TaskId<Args, T>, args: A) {
        match Self::initial_call(function, args) {
            Ok(call) => self.setup.initializer = Some(call),
            Err(error) => self.refuse(error),
        }
    }

    fn initial_call<Args, T, A: IntoArgs<Args>>(function: TaskId<Args, T>, args: A) -> Result<Initializer> {
        let registry = Registry::global()?;
        let name = function.name();
        if registry.get(function.key()).is_none() {
            return Err(Error::new(Kind::Registry, format!("initializer: {}", registry.unknown(&format!("`{name}`")))));
        }
        let mut encoded = Encoded::default();
        encode::append_arguments(name, &args.into_args(), &mut encoded, &Limits::of(false))
            .map_err(|error| Error::new(Kind::Codec, format!("initializer: {}", error.message())))?;
        Ok(Initializer { name: name.to_owned(), arguments: encoded.bytes })
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

    /// Sets whether buffers travel as messages of their own.
    pub fn out_of_band(&mut self, out_of_band: bool) {
        self.out_of_band = Some(out_of_band);
    }

    /// Sets the longest sleep of an idle process.
    pub fn set_backoff(&mut self, longest: Duration) {
        self.backoff = Some(longest);
    }

    /// Sets how long the workers may take until they are ready.
    pub fn boot_limit(&mut self, limit: Duration) {
        self.boot_limit = Some(limit);
    }

    /// Sets how long the workers may take to disconnect.
    pub fn shutdown_limit(&mut self, limit: Duration) {
        self.shutdown_limit = Some(limit);
    }

    /// Sets after how long without movement the pool is reported.
    pub fn watchdog(&mut self, interval: Duration) {
        self.watchdog = Some(interval);
    }

    /// Sets whether lost workers are replaced.
    pub fn replace_lost_workers(&mut self, wanted: bool) {
        self.replace_lost_workers = Some(wanted);
    }

    /// Sets whether tasks may be sent to workers that have others to do before.
    pub fn prefetch(&mut self, prefetch: bool) {
        self.prefetch = Some(prefetch);
    }

    /// The longest sleep of an idle process: as given, else by the variable, else the default.
    ///
    /// # Errors
    ///
    /// If the variable cannot be read.
    pub fn backoff(&self) -> Result<Duration> {
        backoff(self.backoff)
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
        let pool = PoolOptions {
            boot_limit: read::boot_limit(self.boot_limit)?,
            shutdown_limit: read::shutdown_limit(self.shutdown_limit)?,
            watchdog: read::watchdog(self.watchdog)?,
            replace_lost_workers: read::replace_lost_workers(self.replace_lost_workers)?,
            payload_limit_bytes: PAYLOAD_LIMIT_BYTES,
        };
        let setup = Setup { in_band: !read::out_of_band(self.out_of_band)?, ..self.setup };
        Ok(Decided { pool, setup, prefetch: read::prefetch(self.prefetch)? })
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
            (with(&|options| options.boot_limit(Duration::ZERO)), "boot_limit is \"0 s\", which is not accepted"),
            (with(&|options| options.shutdown_limit(Duration::ZERO)), "shutdown_limit is \"0 s\""),
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
