//! The methods of builders that set common options: written once, documented once.

/// The methods that the builders of all executors have, for a builder with a field `common` of the type
/// [`CommonOptions`](crate::executor::options::CommonOptions).
#[doc(hidden)]
#[macro_export]
macro_rules! __executor_options {
    () => {
        /// A task function that every worker calls, with these arguments, before it executes the executor's first task;
        /// its result is dropped.
        ///
        /// It is called when the executor is first used, once on each worker, also on those of a pool that several
        /// executors share. It may read values that [`global`](Self::global) has set. If it panics or returns `Err` on
        /// any worker, the executor is broken: every pending and every later call fails with an error for which
        /// [`Error::is_broken`]($crate::Error::is_broken) holds and which carries the initializer's own message, its
        /// place, the worker and the host. Tasks that other workers are executing at that moment go on, and so do other
        /// executors of the pool. If it takes longer than the [`boot_limit`](Self::boot_limit) the executor is broken
        /// likewise.
        ///
        /// The arguments are encoded here; if they cannot be encoded, `build` returns the error.
        pub fn initializer<F, A>(mut self, function: F, args: A) -> Self
        where
            F: $crate::TaskFunction,
            A: $crate::IntoArgs<F::Args>,
        {
            self.common.initializer(function.id(), args);
            self
        }

        /// A function that makes a state on every worker, with these arguments, before it executes the executor's first
        /// task: marked [`#[remote_state]`]($crate::remote_state), its tasks borrow what it returns.
        ///
        /// An executor has one state: a second call of this method replaces the first. A state stays on its worker and is
        /// never sent. It belongs to this executor: other executors have states of
        /// their own, also where they share the workers. A worker that comes later, or replaces a lost one, makes its
        /// own before its first task. The state is dropped when the executor has ended.
        ///
        /// The function is called after the [`initializer`](Self::initializer), and may read values that
        /// [`global`](Self::global) has set. If it panics, returns `Err` or takes longer than the
        /// [`boot_limit`](Self::boot_limit), the executor is broken, as by an initializer.
        ///
        /// The arguments are encoded here; if they cannot be encoded, `build` returns the error.
        pub fn state<F, A>(mut self, function: F, args: A) -> Self
        where
            F: $crate::StateFunction,
            A: $crate::IntoArgs<F::Args>,
        {
            self.common.state(function.id(), args);
            self
        }

        /// A task function without arguments that every worker calls last;
        /// [`finish`]($crate::Executor::finish) returns what it returns.
        ///
        /// It may borrow the [`state`](Self::state) of its worker, by a `#[state]` parameter: to return what the worker
        /// has gathered, or to close a file and say whether that went well. If a panic has spoiled the state, it gets a
        /// new one. Each worker that is ready when the last task of the executor is done calls it once, also one that
        /// has come in the place of a lost one. It is also called if the executor ends without `finish`, when it is
        /// dropped or shut down; then what it returns is dropped. No `shutdown` cancels it, and no panic that the
        /// program catches.
        ///
        /// It is not called if the executor was never used, or is broken, nor in a program that ends without dropping
        /// the executor; and perhaps not if `main` itself panics, because the program then gives its pools up. A worker
        /// does not call it while it is in a task, or in the initializer of another executor, that has timed out. Like
        /// a task it may take as long as it likes. The end of the executor waits for it, and for all tasks that its
        /// worker was given before, also by other executors that share the worker.
        pub fn exit<F>(mut self, function: F) -> Self
        where
            F: $crate::TaskFunction<Args = ()>,
        {
            self.common.exit(function.id());
            self
        }

        /// A named value that the executor's tasks, and its initializer, read with [`global`]($crate::global()).
        ///
        /// It is encoded here, sent to each worker once, before the first task, and dropped there when the executor has
        /// ended. Other executors do not see it, also on a pool that they share. A second value of one name replaces
        /// the first. If a value cannot be encoded, `build` returns the error.
        pub fn global<V>(mut self, name: impl Into<String>, value: &V) -> Self
        where
            V: ?Sized + $crate::GlobalValue,
        {
            self.common.global(name.into(), value);
            self
        }

        /// Whether the elements of large buffers travel as messages of their own, from memory to memory, and not
        /// through the codec; if not set the variable `FUTURES_MPI_OUT_OF_BAND`, else they do.
        ///
        /// The variable is 0 or 1, or a boolean of YAML (`yes`, `no`, `true`, `false`, `on`, `off`, `y`, `n`) in any
        /// case.
        pub fn out_of_band(mut self, out_of_band: bool) -> Self {
            self.common.out_of_band = Some(out_of_band);
            self
        }

        /// The time limit of the start: first of the workers, then of what this executor has them do first, such as its
        /// initializer; if not set the variable `FUTURES_MPI_BOOT_LIMIT` in seconds, else 60 s.
        ///
        /// When it passes the executor is broken, and its error names the workers that were awaited, and for how long.
        /// An initializer that hangs cannot be interrupted: its worker is given no more tasks. In command line mode the
        /// variable decides how long the workers may take, and this option is for the initializer.
        ///
        /// On each worker the limit of the initializer counts from when it could start there, because everything that
        /// the worker was given before, by any executor of a shared pool, has finished or timed out. The executor does
        /// not wait for a worker that another executor's task or initializer occupies for longer; if no other worker is
        /// left, the executor is broken, and the error names the obstacle.
        pub fn boot_limit(mut self, limit: std::time::Duration) -> Self {
            self.common.boot_limit = Some(limit);
            self
        }

        /// The time limit of the workers' disconnection when the pool ends; if not set the variable
        /// `FUTURES_MPI_SHUTDOWN_LIMIT` in seconds, else 10 s.
        ///
        /// It begins when the last future is done and the exit function has been called, and does not limit how long
        /// these take. When it passes, because a worker hangs in an initializer or in a task that has timed out, the pool
        /// ends without that worker and prints its number on standard error. In command line mode the variable decides,
        /// this option has no effect, and a job whose workers hang is ended with a status that is not 0.
        pub fn shutdown_limit(mut self, limit: std::time::Duration) -> Self {
            self.common.shutdown_limit = Some(limit);
            self
        }

        /// Whether tasks may be sent ahead, to workers that still have others to do; if not set the variable
        /// `FUTURES_MPI_PREFETCH` decides, else they may where the pool can take them back.
        ///
        /// This makes short tasks much quicker, because a worker need not wait for its next one. A task that was sent
        /// ahead counts as [`running`]($crate::Future::running). If its worker does not come to it, because a task
        /// before it takes longer than was to be expected, and another worker has nothing to do, it comes back within
        /// milliseconds, is pending again, and goes there. So as many calls in a row as there are workers run at once,
        /// and may wait for one another.
        ///
        /// Nothing comes back from a worker without a liveness connection; there nothing is sent ahead, unless this
        /// option is `true`. Then calls that wait for one another may wait forever. With `false` nothing is sent ahead
        /// anywhere: every task begins as soon as it is sent, in the order of submission, and a map without a chunk size
        /// sends each call alone.
        ///
        /// Single calls and maps have [the same option]($crate::Call::prefetch). The variable is 0 or 1, or a boolean
        /// of YAML as for [`out_of_band`](Self::out_of_band).
        pub fn prefetch(mut self, prefetch: bool) -> Self {
            self.common.prefetch = Some(prefetch);
            self
        }

        /// Reports on standard error when tasks are pending and none has finished for `interval`: which worker has
        /// which task, and for how long. The report is repeated in each further interval. If not set the variable
        /// `FUTURES_MPI_WATCHDOG` in seconds decides, else nothing is reported; zero reports nothing.
        ///
        /// Long tasks are not a fault, so the watchdog is off by default; choose an interval that is longer than a task
        /// may take. In command line mode the variable decides, and this option has no effect.
        pub fn watchdog(mut self, interval: std::time::Duration) -> Self {
            self.common.watchdog = Some(interval);
            self
        }
    };
}

/// The methods that the builders of executors have whose workers are processes of their own, beside
/// [`__executor_options`](crate::__executor_options).
#[doc(hidden)]
#[macro_export]
macro_rules! __process_options {
    () => {
        /// An environment variable that every worker sets before the executor's first task, and before its initializer.
        ///
        /// It changes the process of the worker for as long as it lives: in command line mode, where all executors
        /// share the workers, tasks of the others see it too. MPI itself has started by then; what it is to see has to
        /// be in the environment of `mpiexec`. If an earlier task left a thread running on a shared worker, that thread
        /// must read environment variables only through the standard library. A name that is empty, or a name or value
        /// with a byte that the system does not allow there, is an error of `build`.
        pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.common.variable(name.into(), value.into());
            self
        }

        /// Several environment variables, each as [`env`](Self::env) sets it.
        pub fn envs<K: Into<String>, V: Into<String>>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
            for (name, value) in variables {
                self.common.variable(name.into(), value.into());
            }
            self
        }

        /// The working directory that every worker enters before the executor's first task, and before its initializer.
        ///
        /// A relative path starts at the directory in which MPI started the worker. Like [`env`](Self::env) it changes
        /// the worker for as long as it lives. A worker that cannot enter it breaks the executor.
        pub fn wdir(mut self, path: impl AsRef<std::path::Path>) -> Self {
            self.common.directory(path.as_ref());
            self
        }
    };
}

/// The method of builders whose executors look for messages again and again.
#[doc(hidden)]
#[macro_export]
macro_rules! __backoff_option {
    () => {
        /// The longest sleep of an idle process between two looks for messages; if not set the variable
        /// `FUTURES_MPI_BACKOFF` in seconds, else 0.001 s. Zero never sleeps.
        ///
        /// Lower values make short tasks faster and cost processor time while nothing is to be done. A process that has
        /// waited for a quarter of a second sleeps deeply for longer where it is called when there is something, by its
        /// liveness connection; unless it is to look more often than every 0.1 ms. In command line mode the variable
        /// decides, and this option has no effect.
        pub fn backoff(mut self, longest: std::time::Duration) -> Self {
            self.common.backoff = Some(longest);
            self
        }
    };
}
