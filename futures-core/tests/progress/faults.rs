//! What a test leaves out of the protocol, and the time that passes in a run of the model.

use std::cell::Cell;
use std::time::Duration;

/// The looks that the protocol relies on, by their names in the table of `src/pool/progress.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    NotifiedBeforeSleep,
    NotifiedSinceLastTurn,
    InboxAfterUnlock,
    WaitersAfterUnlock,
    NotifiedAfterUnlock,
    InterestAfterUnlock,
    SuccessionAfterUnlock,
    FreeBeforePark,
    HandOn,
    NotifiedBeforeRest,
    DrivenBeforeRest,
    LeftBeforeRest,
    AheadBeforeRest,
}

/// What is wrong with the protocol in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A look is left out.
    Without(Look),
    /// As it once was: a notification counts if it is there at the end of a sleep, and not if the turn after it is the
    /// first to see it.
    TakenInByATurn,
    /// As it once was: a worker believes that a master whose message it has just found is awake.
    FoundLate,
}

// All threads of a run are one thread of the system, and every test has its own.
std::thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static MEETING: Cell<Option<Duration>> = const { Cell::new(None) };
}

shuttle::thread_local! {
    /// Whether this thread has slept since its last turn, and nobody has ended that.
    static SLEPT_OUT: Cell<bool> = Cell::new(false);
}

/// Begins a run.
pub(crate) fn begin(fault: Option<Fault>) {
    FAULT.set(fault);
    NOW.set(Duration::ZERO);
    MEETING.set(None);
}

pub(crate) fn is(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

/// How much the threads of this run have slept, together: no less than the time that has passed for any of them.
pub(crate) fn now() -> Duration {
    NOW.get()
}

/// When everybody who lets time pass goes on, if they all do at once.
pub(crate) fn meeting() -> Option<Duration> {
    MEETING.get()
}

/// Lets everybody go on at the same time.
pub(crate) fn meet_at(time: Duration) {
    MEETING.set(Some(time));
}

/// A thread has slept for so long.
pub(crate) fn slept(duration: Duration) {
    NOW.set(NOW.get() + duration);
    SLEPT_OUT.with(|slept_out| slept_out.set(true));
}

/// The outcome of a look, unless it is left out.
pub(crate) fn look(look: Look, outcome: impl FnOnce() -> bool) -> bool {
    if is(Fault::Without(look)) {
        return false;
    }
    if look == Look::NotifiedSinceLastTurn && is(Fault::TakenInByATurn) {
        let slept_out = SLEPT_OUT.with(|slept_out| slept_out.replace(false));
        return outcome() && !slept_out;
    }
    outcome()
}
