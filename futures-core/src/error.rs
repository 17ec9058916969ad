//! The one public error type: opaque, cheap to clone, asked by predicates.

use crate::wire::codec;
use crate::wire::failure::{Failure, FailureKind, Typed, messages};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// The reason why a future failed, an executor refused a call, or an option was not accepted.
///
/// When the error is displayed, its message comes first, then the place of a panic, the worker, its host and the task.
/// [`Debug`](fmt::Debug) adds the causes and, where one was recorded, the backtrace, so that a `main` that returns this
/// error prints all that is known.
///
/// Predicates tell the kinds of errors apart, so that new kinds can be added without breaking programs.
///
/// # Examples
///
/// ```
/// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
/// use futures_mpi::{ThreadPoolExecutor, remote_task};
///
/// #[remote_task]
/// fn halve(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
/// let error = executor.submit(halve::ID, 3).result().unwrap_err();
/// assert!(error.is_task_error());
/// assert_eq!(error.message(), "3 is odd");
/// assert_eq!(error.downcast::<String>().as_deref(), Some("3 is odd"));
/// # Ok::<(), futures_mpi::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// The result of this library's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

struct Inner {
    kind: Kind,
    message: String,
    location: Option<String>,
    origin: Option<Origin>,
    source: Option<Cause>,
    typed: Option<Typed>,
    backtrace: Option<String>,
}

/// The kinds of errors; private, so that a new one breaks nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The future was cancelled before its task was started.
    Cancelled,
    /// A wait ended before what it waited for.
    Timeout,
    /// The pool can run nothing any more.
    Broken,
    /// The executor was shut down before the call.
    Shutdown,
    /// The task function returned `Err`.
    TaskError,
    /// The task function panicked, or a hook of a derived future.
    Panic,
    /// An argument, a result or an error could not be encoded or decoded, or was too large.
    Codec,
    /// No such task function, two of one id, or a task of another signature.
    Registry,
    /// An option or a variable has a value that is not accepted.
    Configuration,
    /// The worker that held the task is gone.
    WorkerLost,
    /// MPI could not do what was asked of it.
    Mpi,
    /// A derived future would have to wait for itself.
    Cycle,
    /// The program made the error itself.
    Other,
}

/// Which worker ran which task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The number of the worker in its pool, from 0.
    pub(crate) worker: usize,
    /// The host on which the worker runs.
    pub(crate) host: String,
    /// The id of the task function.
    pub(crate) task: String,
}

impl Error {
    /// An error of `kind` that says `message`.
    #[doc(hidden)]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error::of(kind, message.into(), None)
    }

    /// The same for an error that has to do with a task on a worker.
    pub(crate) fn with_origin(kind: Kind, message: String, origin: Origin) -> Self {
        Error::of(kind, message, Some(origin))
    }

    fn of(kind: Kind, message: String, origin: Option<Origin>) -> Self {
        Error(Arc::new(Inner { origin, ..Inner::new(kind, message) }))
    }

    /// What a worker reported of a failed task.
    pub(crate) fn from_failure(failure: Failure, origin: Origin) -> Self {
        Error(Arc::new(Inner { origin: Some(origin), ..Inner::from_failure(failure) }))
    }

    /// An error of the program's own, for hooks to return, with its message and its causes.
    ///
    /// An error of this library keeps its kind.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{Error, Future};
    ///
    /// let text: Future<String> = Future::from(Ok("ten".to_owned()));
    /// let number = text.then(|text| text.parse::<u32>().map_err(Error::other));
    /// assert_eq!(number.result().unwrap_err().message(), "invalid digit found in string");
    /// let refused: Result<(), Error> = Err("it is too late".into());
    /// assert!(refused.unwrap_err().is_other());
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        match error.into().downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => Error(Arc::new(Inner {
                source: Cause::chain(messages(error.source())),
                ..Inner::new(Kind::Other, error.to_string())
            })),
        }
    }

    /// What a panic of a hook is reported as.
    pub(crate) fn from_hook(failure: Failure) -> Self {
        Error(Arc::new(Inner::from_failure(failure)))
    }

    /// What a worker reported of a preparation that failed, and `what` that means: its executor is broken.
    pub(crate) fn from_setup(failure: Failure, what: &str, origin: Origin) -> Self {
        let mut details = failure.into_details();
        if details.kind != FailureKind::Setup {
            details.message = format!("{what}: {}", details.message);
        }
        details.kind = FailureKind::Setup;
        Error::from_failure(Failure::of(details), origin)
    }

    /// The message of the error alone, without place, worker and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the future, or one from which it is derived, was cancelled before its task was started.
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == Kind::Cancelled
    }

    /// Whether a time limit has passed: either a wait timed out (the future is not done yet), or the task exceeded its
    /// [`task_timeout`](crate::Call::task_timeout) (the future has failed). [`Future::done`](crate::Future::done) tells
    /// them apart. A map has no future to ask: there [`task`](Self::task) is `None` if the map itself timed out.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// Whether the executor is broken: it runs nothing any more, and every further call fails for the same reason.
    ///
    /// Either its pool is, with all executors that share it, or its preparation has failed: its initializer, its state,
    /// or a directory that a worker cannot enter.
    pub fn is_broken(&self) -> bool {
        self.0.kind == Kind::Broken
    }

    /// Whether the executor had been shut down before the call.
    pub fn is_shutdown(&self) -> bool {
        self.0.kind == Kind::Shutdown
    }

    /// Whether the task function returned `Err`; [`downcast`](Self::downcast) may give its value back.
    pub fn is_task_error(&self) -> bool {
        self.0.kind == Kind::TaskError
    }

    /// Whether the task function panicked, or a hook of a derived future.
    pub fn is_panic(&self) -> bool {
        self.0.kind == Kind::Panic
    }

    /// Whether an argument, a result or an error could not be encoded or decoded, or was larger than the limit.
    pub fn is_codec(&self) -> bool {
        self.0.kind == Kind::Codec
    }

    /// Whether the registered task functions caused the error: an unknown id, or two functions with one id. A
    /// difference between the functions of master and workers breaks the executor, see [`is_broken`](Self::is_broken).
    pub fn is_registry(&self) -> bool {
        self.0.kind == Kind::Registry
    }

    /// Whether an option or an environment variable has a value that is not accepted, or a task needs a
    /// [state](crate::StateFunction) that its executor does not have.
    pub fn is_configuration(&self) -> bool {
        self.0.kind == Kind::Configuration
    }

    /// Whether the worker that held the task is gone.
    pub fn is_worker_lost(&self) -> bool {
        self.0.kind == Kind::WorkerLost
    }

    /// Whether MPI could not do what was asked of it.
    pub fn is_mpi(&self) -> bool {
        self.0.kind == Kind::Mpi
    }

    /// Whether the future would have had to wait for itself, see [`then`](crate::then).
    pub fn is_cycle(&self) -> bool {
        self.0.kind == Kind::Cycle
    }

    /// Whether the program made the error itself, by [`Error::other`].
    pub fn is_other(&self) -> bool {
        self.0.kind == Kind::Other
    }

    /// The number of the worker on which the task failed, from 0.
    pub fn worker(&self) -> Option<usize> {
        self.0.origin.as_ref().map(|origin| origin.worker)
    }

    /// The host on which the task failed.
    pub fn host(&self) -> Option<&str> {
        self.0.origin.as_ref().map(|origin| origin.host.as_str())
    }

    /// The id of the task function that failed.
    pub fn task(&self) -> Option<&str> {
        self.0.origin.as_ref().map(|origin| origin.task.as_str())
    }

    /// The place of a panic, as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The backtrace of a panic, recorded when `RUST_BACKTRACE` is set for the worker.
    pub fn backtrace(&self) -> Option<&str> {
        self.0.backtrace.as_deref()
    }

    /// The value that the task function returned as `Err`, if it was an `E` that serde can carry.
    ///
    /// `None` if the error is of another type or kind, if its type does not implement serde's traits, or if the value
    /// could not travel; [`try_downcast`](Self::try_downcast) says which it is.
    pub fn downcast<E: DeserializeOwned + 'static>(&self) -> Option<E> {
        self.try_downcast().ok()
    }

    /// The value that the task function returned as `Err`, or why there is none.
    ///
    /// # Errors
    ///
    /// [`is_codec`](Self::is_codec) holds for the new error, and its message says what is the matter: the value could
    /// not be encoded, for a reason that [`Debug`](fmt::Debug) of this error names, too; it cannot be decoded; it is of
    /// another type; or there is none, because no task has returned it or because its type does not implement serde's
    /// traits.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod futures_mpi { pub use futures_mpi_core::*; pub use futures_mpi_macros::remote_task; }
    /// use futures_mpi::{ThreadPoolExecutor, remote_task};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, Serialize, Deserialize)]
    /// struct Refusal {
    ///     #[serde(default, skip_serializing_if = "Option::is_none")]
    ///     limit: Option<u32>,
    /// }
    ///
    /// impl std::fmt::Display for Refusal {
    ///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         f.write_str("refused")
    ///     }
    /// }
    ///
    /// #[remote_task]
    /// fn refuse() -> Result<(), Refusal> {
    ///     Err(Refusal { limit: None })
    /// }
    ///
    /// let executor = ThreadPoolExecutor::builder().max_workers(1).build()?;
    /// let error = executor.submit(refuse::ID, ()).result().unwrap_err();
    /// assert_eq!(error.message(), "refused");
    /// let reason = error.try_downcast::<Refusal>().unwrap_err();
    /// assert!(reason.is_codec() && reason.message().contains("the field `limit` of `Refusal` is left out"));
    /// # Ok::<(), futures_mpi::Error>(())
    /// ```
    pub fn try_downcast<E: DeserializeOwned + 'static>(&self) -> Result<E> {
        let wanted = std::any::type_name::<E>();
        let Some(Typed { type_name, value }) = &self.0.typed else {
            let message = format!(
                "the error has no value of type {wanted}: {}",
                match self.0.kind {
                    Kind::TaskError => "the type that the task returned does not implement serde's `Serialize`",
                    _ => "no task has returned it",
                }
            );
            return Err(Error::new(Kind::Codec, message));
        };
        if type_name != wanted {
            let message = format!("the value of the error is of type {type_name} and not of type {wanted}");
            return Err(Error::new(Kind::Codec, message));
        }
        let bytes = value.as_ref().map_err(|reason| Error::new(Kind::Codec, cannot_travel(type_name, reason)))?;
        codec::decode(bytes).map_err(|failure| {
            let message = format!("the value of the error, of type {type_name}, cannot be decoded: {}", failure.0);
            Error::new(Kind::Codec, message)
        })
    }
}

fn cannot_travel(type_name: &str, reason: &str) -> String {
    format!("the value of the error, of type {type_name}, cannot be encoded: {reason}")
}

impl Inner {
    fn new(kind: Kind, message: String) -> Self {
        Inner { kind, message, location: None, origin: None, source: None, typed: None, backtrace: None }
    }

    fn from_failure(failure: Failure) -> Self {
        let failure = failure.into_details();
        Inner {
            location: failure.location,
            source: Cause::chain(failure.causes),
            typed: failure.typed,
            backtrace: failure.backtrace,
            ..Inner::new(failure.kind.into(), failure.message)
        }
    }
}

impl From<FailureKind> for Kind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Returned => Kind::TaskError,
            FailureKind::Panicked => Kind::Panic,
            FailureKind::Codec => Kind::Codec,
            FailureKind::Unknown => Kind::Registry,
            FailureKind::Setup => Kind::Broken,
            FailureKind::Configuration => Kind::Configuration,
        }
    }
}

/// The same as [`Error::other`].
impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Error::other(error)
    }
}

/// The same as [`Error::other`].
impl From<String> for Error {
    fn from(message: String) -> Self {
        Error::other(message)
    }
}

/// The same as [`Error::other`].
impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Error::other(message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(location) = &self.0.location {
            write!(f, ", panicked at {location}")?;
        }
        if let Some(Origin { worker, host, task }) = &self.0.origin {
            write!(f, " (worker {worker} on {host}, task {task})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = self.0.source.as_ref();
        while let Some(Cause { message, source }) = cause {
            write!(f, "\n  caused by: {message}")?;
            cause = source.as_deref();
        }
        if let Some(Typed { type_name, value: Err(reason) }) = &self.0.typed {
            write!(f, "\n  {}", cannot_travel(type_name, reason))?;
        }
        if let Some(backtrace) = &self.0.backtrace {
            write!(f, "\nbacktrace on the worker:\n{backtrace}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|cause| cause as _)
    }
}

/// One link of the chain of causes, of which only the messages travel.
#[derive(Debug)]
struct Cause {
    message: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    fn chain(messages: Vec<String>) -> Option<Cause> {
        messages.into_iter().rev().fold(None, |source, message| Some(Cause { message, source: source.map(Box::new) }))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|cause| cause as _)
    }
}
