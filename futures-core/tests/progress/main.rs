//! The progress protocol under a model checker: no wake-up gets lost, and the model notices if one would.
//!
//! The files of the protocol are compiled once more here, as they are, with the checker's locks, atomics and threads in
//! the place of the standard library's (`base/sync.rs`). Around them stand a driver and a worker that know no more than
//! the protocol asks of them. A short sleep ends whenever the checker likes, a long one by a wake-up only. So each run
//! ends with all threads done, or with a deadlock if a wake-up was lost.
//!
//! The checker tries many orders of steps, not all, and every atomic is sequentially consistent to it: which of them
//! may be weaker stands in `src/pool/progress.rs`. `MODEL_RUNS` sets the number of orders for each scene, way of
//! arrival, and kind of schedule; `MODEL_SEED` chooses others.

// The files have more than the model uses.
#![allow(dead_code, unreachable_pub)]

mod base;
mod driver;
mod error;
mod faults;
mod future;
mod pool;
mod scenes;
mod task;
mod workers;

use faults::{Fault, Look};
use scenes::SCENES;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use std::any::Any;
use std::env;
use std::panic;
use workers::Arrivals;

/// How many orders of steps are tried where nothing else is said.
const RUNS: usize = 1000;

/// The same for a fault, in rounds that grow: most are found at once.
const RUNS_FOR_A_FAULT: [usize; 3] = [30, 300, 3000];
const RUNS_FOR_A_RARE_FAULT: usize = 40_000;

/// How often a thread is held up in schedules that let one thread after the other run as far as it can.
const HOLDUPS: usize = 8;

const ARRIVALS: [Arrivals; 3] = [Arrivals::Announced, Arrivals::HeldBack, Arrivals::LookedFor];

fn run(scheduler: impl Scheduler + 'static, scene: fn(Arrivals), arrivals: Arrivals, fault: Option<Fault>) {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    Runner::new(scheduler, config).run(move || {
        faults::begin(fault);
        scene(arrivals);
    });
}

/// Runs a scene in so many orders of both kinds.
fn run_all(scene: fn(Arrivals), arrivals: Arrivals, fault: Option<Fault>, runs: usize) {
    let seed = number("MODEL_SEED").unwrap_or(1);
    run(RandomScheduler::new_from_seed(seed, runs), scene, arrivals, fault);
    run(PctScheduler::new_from_seed(seed, HOLDUPS, runs), scene, arrivals, fault);
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// Runs a scene with every way of arrival.
fn holds(scene: fn(Arrivals)) {
    let runs = number("MODEL_RUNS").map_or(RUNS, |runs| runs as usize);
    ARRIVALS.into_iter().for_each(|arrivals| run_all(scene, arrivals, None, runs));
}

/// Some scene shows the fault.
fn shows(fault: Fault) {
    assert!(RUNS_FOR_A_FAULT.iter().any(|&runs| is_shown(fault, &SCENES, &ARRIVALS, runs)), "no scene shows {fault:?}");
}

/// Whether one of these scenes shows the fault: by a deadlock, because only a wake-up that is lost counts.
fn is_shown(fault: Fault, scenes: &[fn(Arrivals)], arrivals: &[Arrivals], runs: usize) -> bool {
    scenes.iter().any(|&scene| {
        arrivals.iter().any(|&arrivals| {
            let Err(panic) = panic::catch_unwind(|| run_all(scene, arrivals, Some(fault), runs)) else { return false };
            let text = text_of(&*panic);
            assert!(text.contains("deadlock"), "{fault:?} shows itself otherwise: {text}");
            true
        })
    })
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or_default()
}

/// Each promise is a test of its own.
macro_rules! promises {
    ($($name:ident: $scene:path;)*) => {
        $(
            #[test]
            fn $name() {
                holds($scene);
            }
        )*
    };
}

promises! {
    every_waiting_thread_ends: scenes::waiting;
    every_waiting_thread_ends_where_one_of_them_may_drive: scenes::waiting_for_one;
    every_waiting_thread_ends_without_the_progress_thread: scenes::waiting_unattended;
    what_is_submitted_is_carried_out_though_nobody_waits: scenes::submitting;
    callbacks_are_called_though_nobody_waits: scenes::calling_back;
    wakers_are_woken_while_another_thread_waits: scenes::waking;
    what_is_submitted_after_a_long_silence_is_carried_out: scenes::delayed;
    a_reply_is_found_though_something_is_submitted_just_then: scenes::interrupting;
    a_cancellation_of_everything_returns: scenes::cancelling;
    whoever_collects_futures_sees_each_of_them: scenes::collecting;
}

/// A lost wake-up is noticed: without the looks that are needed, and with the two faults that were once mended.
macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        $(
            #[test]
            fn $name() {
                shows($fault);
            }
        )*
    };
}

faults! {
    without_a_look_before_sleep_on_the_lock: Fault::Without(Look::NotifiedBeforeSleep);
    without_a_look_at_notifications_in_a_turn: Fault::Without(Look::NotifiedSinceLastTurn);
    without_a_look_at_waiters_after_unlock: Fault::Without(Look::WaitersAfterUnlock);
    without_a_look_at_notifications_after_unlock: Fault::Without(Look::NotifiedAfterUnlock);
    without_a_look_at_the_succession_after_unlock: Fault::Without(Look::SuccessionAfterUnlock);
    without_a_look_at_the_lock_before_park: Fault::Without(Look::FreeBeforePark);
    without_a_look_at_notifications_before_rest: Fault::Without(Look::NotifiedBeforeRest);
    without_a_look_at_tasks_ahead_before_rest: Fault::Without(Look::AheadBeforeRest);
    a_notification_that_a_turn_has_taken_in: Fault::TakenInByATurn;
    a_message_that_a_worker_has_found_late: Fault::FoundLate;
}

/// These looks save time. Without them another wake-up comes, a little later.
#[test]
fn without_the_looks_that_save_time_nothing_is_lost() {
    for look in [Look::InboxAfterUnlock, Look::InterestAfterUnlock, Look::DrivenBeforeRest, Look::HandOn] {
        for scene in SCENES {
            ARRIVALS.into_iter().for_each(|arrivals| run_all(scene, arrivals, Some(Fault::Without(look)), 100));
        }
    }
}

#[test]
fn the_table_names_every_look() {
    let table = include_str!("../../src/pool/progress.rs");
    let files = [
        include_str!("../../src/pool/driving.rs"),
        include_str!("../../src/pool/progress_thread.rs"),
        include_str!("../../src/pool/waiting.rs"),
    ];
    let used =
        files.iter().flat_map(|text| text.split("look!(").skip(1)).filter_map(|rest| rest.trim().split(',').next());
    let mut used: Vec<&str> = used.collect();
    let rows = table.lines().skip_while(|line| *line != "//! # Looks").filter_map(|line| line.strip_prefix("//! | `"));
    let mut rows: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    used.sort_unstable();
    rows.sort_unstable();
    assert_eq!(used, rows);
}

/// It takes a driver that is held up while it unlocks, and a progress thread that looks twice meanwhile.
#[test]
fn without_a_look_whether_the_driver_has_left() {
    let fault = Fault::Without(Look::LeftBeforeRest);
    assert!(is_shown(fault, &[scenes::interrupting], &[Arrivals::LookedFor], RUNS_FOR_A_RARE_FAULT));
}
