//! Reports on standard error when a pool has work and nothing moves: who has which task, and for how long.
//!
//! A thread of its own tells the driver the time, by a command, and prints what it answers. So the driver needs no
//! clock, whoever drives the pool needs no second look at one, and a pool that does not even answer is noticed too.

use crate::base::say::say;
use crate::driver::command::{Command, Question};
use crate::pool::shared::Pool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How many looks there are in each interval: a task is known to run for so long, less the time between two looks.
const LOOKS: u32 = 4;

/// A watchdog at work; dropped, it rests.
pub(crate) struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Lets a watchdog loose on a pool.
    pub(crate) fn start(interval: Duration, pool: &Arc<Pool>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let pool = Arc::downgrade(pool);
        let body = move || watch(interval, &pool, &stopped);
        if let Err(error) = thread::Builder::new().name("futures-mpi-watchdog".to_owned()).spawn(body) {
            say(&format!("the watchdog's thread cannot be started: {error}"));
        }
        Watchdog { _stop: stop }
    }
}

fn watch(interval: Duration, pool: &Weak<Pool>, stopped: &Receiver<()>) {
    let begin = Instant::now();
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval / LOOKS) {
        let Some(pool) = pool.upgrade() else { return };
        let (answer, answered) = mpsc::channel();
        pool.push(Command::Watch(Question { now: begin.elapsed(), interval, answer }));
        pool.progress().wake_progress_thread();
        drop(pool);
        match answered.recv_timeout(interval) {
            Ok(Some(report)) => say(&report),
            Ok(None) => {}
            // The pool has ended.
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = interval.as_secs_f64();
                say(&format!(
                    "a pool has not responded to its watchdog for {seconds:.0} s: its workers are still starting, or a \
                     transport call is blocked"
                ));
            }
        }
    }
}
