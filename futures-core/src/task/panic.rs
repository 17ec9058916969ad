//! Turns a panic of a task function into a failure, with its message, place and backtrace, and keeps it from standard
//! error as long as it can become one.
//!
//! The panic hook holds back what it sees of a panic in a task. If the panic arrives where the task was called, it is
//! the failure's. Else it is printed, as without this library: when the task has ended, because the task itself has
//! caught the panic; when another panic begins, by which the process may be about to abort; when the thread ends, or
//! the process by `exit`. A panic that cannot unwind, or a program that is built with `panic = "abort"`, is never kept
//! quiet. What is lost is the text of a panic after which a destructor or the task ends the process by `abort`, or a
//! signal does.

use crate::wire::failure::{Details, Failure, FailureKind};
use std::any::{Any, TypeId};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

/// So many panics of one task are remembered; of more, only the last.
const HELD_MAX: usize = 16;

/// What the panic hook saw.
struct Seen {
    /// The type of what the panic carries.
    payload: TypeId,
    message: String,
    thread: String,
    location: Option<String>,
    backtrace: Option<String>,
    printed: bool,
}

/// Panics that are held back; printed when their thread ends, or the process by `exit`.
struct HeldPanics(Vec<Seen>);

impl Drop for HeldPanics {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Seen::print);
    }
}

thread_local! {
    /// Whether this thread runs a task function.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    /// Whether a hook of ours that stands before the program's is at work.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
    /// How many panics are held back in this thread: cheaper to look at.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static HELD: RefCell<HeldPanics> = const { RefCell::new(HeldPanics(Vec::new())) };
}

/// Runs a task function; its panic becomes a failure instead of a message on standard error.
pub(crate) fn catch<T>(function: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    install_hook();
    // A task may itself run tasks, on executors of its own: what stood here before is put back.
    let (before, held) = (IN_TASK.replace(true), COUNT.get());
    let result = panic::catch_unwind(AssertUnwindSafe(function));
    IN_TASK.set(before);
    match result {
        Ok(result) if COUNT.get() == held => result,
        Ok(result) => {
            settle(held, None);
            result
        }
        Err(payload) => Err(failure(held, payload)),
    }
}

/// The failure of a task that has panicked; `held`: how many panics were held back before it.
#[cold]
fn failure(held: usize, payload: Box<dyn Any + Send>) -> Failure {
    let details = Details::new(FailureKind::Panicked, message(payload.as_ref()));
    let seen = settle(held, Some(((*payload).type_id(), &details.message)));
    discard(payload);
    let Some(Seen { location, backtrace, .. }) = seen else {
        look_after_hook();
        return Failure::of(details);
    };
    Failure::of(Details { location, backtrace, ..details })
}

/// Gives back what the hook saw of the panic that was caught, and prints the others of this task; `before`: how many
/// are not of this task.
#[cold]
fn settle(before: usize, caught: Option<(TypeId, &str)>) -> Option<Seen> {
    let taken = HELD.try_with(|held| held.try_borrow_mut().ok().map(|mut held| held.0.split_off(before)));
    COUNT.set(before);
    let mut seen = taken.ok().flatten()?;
    // Of several that look alike, the last: the others were caught by the task.
    let is_caught = |seen: &Seen| caught == Some((seen.payload, &seen.message));
    let found = seen.iter().rposition(is_caught).map(|place| seen.remove(place));
    seen.iter_mut().for_each(Seen::print);
    found
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

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Where the hook lies that was installed last.
static INSTALLED: AtomicUsize = AtomicUsize::new(0);

/// Puts a hook before the program's own that holds panics of task functions back.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| put_before(panic::take_hook(), false));
}

/// Puts a hook before `next`. `always`: `next` is called for the panics of tasks, too.
fn put_before(next: Hook, always: bool) {
    let hook: Hook = Box::new(move |info| {
        if !hold_back(info, always) || always {
            let outer = IN_HOOK.replace(true);
            next(info);
            IN_HOOK.set(outer);
        }
    });
    INSTALLED.store(address(&hook), Ordering::Release);
    panic::set_hook(hook);
}

fn address(hook: &Hook) -> usize {
    (&raw const **hook).cast::<()>().addr()
}

/// After a panic that our hook has not seen: it came from another thread, or the program has set a hook in the place of
/// ours. Such a hook wants to see every panic; from now on ours stands before it, and only takes notes.
fn look_after_hook() {
    static TURN: Mutex<()> = Mutex::new(());
    if thread::panicking() {
        // The hook may not be changed now.
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = panic::take_hook();
    if address(&hook) == INSTALLED.load(Ordering::Acquire) {
        panic::set_hook(hook);
    } else {
        put_before(hook, true);
    }
}

/// Remembers a panic if this thread runs a task function where it can be caught; whether it does. `printed`: the next
/// hook prints it nevertheless.
fn hold_back(info: &PanicHookInfo<'_>, printed: bool) -> bool {
    if cfg!(panic = "abort") || !IN_TASK.get() {
        return false;
    }
    if IN_HOOK.get() {
        // The hook of the program, which stands behind one of ours, calls another of ours.
        return true;
    }
    // Whatever came before: the process may be about to end by this one.
    let before = HELD.try_with(|held| held.try_borrow_mut().map(|mut held| held.0.iter_mut().for_each(Seen::print)));
    if !matches!(before, Ok(Ok(()))) || !can_unwind(info) {
        return false;
    }
    let seen = Seen {
        payload: info.payload().type_id(),
        message: message(info.payload()),
        thread: thread::current().name().unwrap_or("<unnamed>").to_owned(),
        location: info.location().map(ToString::to_string),
        backtrace: Some(Backtrace::capture())
            .filter(|backtrace| backtrace.status() == BacktraceStatus::Captured)
            .map(|backtrace| backtrace.to_string()),
        printed,
    };
    HELD.with_borrow_mut(|HeldPanics(held)| {
        if held.len() >= HELD_MAX {
            // It is printed by now; those before it may be of a task around this one.
            held.pop();
        }
        held.push(seen);
        COUNT.set(held.len());
    });
    true
}

/// Whether a panic unwinds; the standard library shows that in its debug form only.
fn can_unwind(info: &PanicHookInfo<'_>) -> bool {
    !format!("{info:?}").contains("can_unwind: false")
}

impl Seen {
    /// Prints what the standard library would have printed, unless that has been done.
    fn print(&mut self) {
        if std::mem::replace(&mut self.printed, true) {
            return;
        }
        let Seen { thread, message, .. } = self;
        let place = self.location.as_deref().unwrap_or("an unknown location");
        let backtrace = self.backtrace.as_deref().unwrap_or_default();
        let text = format!("\nthread '{thread}' panicked at {place}:\n{message}\n{backtrace}");
        // As for all messages: that it cannot be written is no reason for anything else.
        let _ = io::stderr().write_all(text.as_bytes());
    }
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
