//! Keeps panics of other people's code to themselves, and turns one of a task function into a failure, with its message,
//! place and backtrace.

use super::failure::Details;
use super::{Failure, FailureKind};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// What the panic hook saw.
#[derive(Default)]
struct Seen {
    location: Option<String>,
    backtrace: Option<String>,
}

/// What this thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Anything,
    /// It runs a task function.
    Task,
    /// It runs a task function that has panicked; `SEEN` tells where.
    Panicked,
}

thread_local! {
    static DOING: Cell<Doing> = const { Cell::new(Doing::Anything) };
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// Runs a task function; its panic becomes a failure instead of a message on standard error.
pub(crate) fn catch<T>(function: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    install_hook();
    // A task may itself run tasks, on executors of its own: what stood here before is put back.
    let before = DOING.replace(Doing::Task);
    let result = panic::catch_unwind(AssertUnwindSafe(function));
    let noted = DOING.replace(before) == Doing::Panicked;
    result.unwrap_or_else(|payload| {
        let Seen { location, backtrace } = SEEN.take().filter(|_| noted).unwrap_or_default();
        let details = Details::new(FailureKind::Panicked, message(payload.as_ref()));
        discard(payload);
        Err(Failure::of(Details { location, backtrace, ..details }))
    })
}

/// Calls a function that is not ours; its panic is reported by the panic hook and goes no further.
pub(crate) fn contain<T>(function: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(function)).map_err(discard).ok()
}

/// Drops what a panic carries. It may itself panic then; what that panic carries is kept for ever.
fn discard(payload: Box<dyn Any + Send>) {
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    dropped.unwrap_or_else(std::mem::forget);
}

/// Puts a hook before the program's own that keeps quiet about panics of task functions, which are reported by their
/// futures.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !note(info) {
                next(info);
            }
        }));
    });
}

/// Remembers a panic if this thread runs a task function.
fn note(info: &PanicHookInfo<'_>) -> bool {
    if DOING.get() == Doing::Anything {
        return false;
    }
    let seen = Seen {
        location: info.location().map(ToString::to_string),
        backtrace: Some(Backtrace::capture())
            .filter(|backtrace| backtrace.status() == BacktraceStatus::Captured)
            .map(|backtrace| backtrace.to_string()),
    };
    SEEN.set(Some(seen));
    DOING.set(Doing::Panicked);
    true
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the panic carries no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure_with_message_and_place() {
        let failure = catch::<()>(|| panic!("no {}", "way")).expect_err("it panics");
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panicked, "no way"));
        assert!(failure.location.as_ref().is_some_and(|place| place.contains("panic.rs")));
        let failure = catch::<()>(|| panic::panic_any(7)).expect_err("it panics");
        assert_eq!(failure.message, "the panic carries no message");
        assert_eq!(catch(|| Ok(3)).ok(), Some(3));
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic::panic_any(Bomb);
        }
    }

    #[test]
    fn what_a_panic_carries_may_panic_itself() {
        let failure = catch::<()>(|| panic::panic_any(Bomb)).expect_err("it panics");
        assert_eq!(failure.message, "the panic carries no message");
        assert!(failure.location.as_ref().is_some_and(|place| place.contains("panic.rs")));
        assert_eq!(contain(|| panic::panic_any(Bomb)), None::<()>);
        assert_eq!(contain(|| 3), Some(3));
    }

    #[test]
    fn a_task_within_a_task_keeps_its_panics_apart() {
        let outer = catch::<()>(|| {
            assert!(catch::<()>(|| panic!("inner")).is_err());
            panic!("outer")
        });
        assert_eq!(outer.expect_err("it panics").message, "outer");
    }
}
