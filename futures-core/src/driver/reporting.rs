//! The driver's report for a watchdog: whether any task has finished, and which worker has which task.

use super::Driver;
use super::worker::WorkerState;
use crate::base::ids::WorkerNumber;
use std::fmt::Write;
use std::time::Duration;

/// How many workers a report lists.
const LISTED_MAX: usize = 20;

impl Driver {
    /// Returns a report if tasks are pending at the time `now` and none has finished for `interval`, once in each
    /// interval.
    pub(crate) fn watch(&mut self, now: Duration, interval: Duration) -> Option<String> {
        self.look_at_workers(now);
        let watched = &mut self.watched;
        if self.tasks.len() == 0 || watched.replies != watched.seen {
            (watched.seen, watched.since) = (watched.replies, now);
            return None;
        }
        if now - watched.since < interval || now.saturating_sub(watched.reported) < interval {
            return None;
        }
        watched.reported = now;
        Some(self.report(now))
    }

    fn look_at_workers(&mut self, now: Duration) {
        self.watched.current.resize(self.workers.len(), None);
        for (number, current) in (0..).map(WorkerNumber).zip(&mut self.watched.current) {
            let task = self.scheduler.held(number).next();
            if current.map(|(known, _)| known) != task {
                *current = task.map(|task| (task, now));
            }
        }
    }

    fn report(&self, now: Duration) -> String {
        let held: usize = (0..self.workers.len() as u32).map(|n| self.scheduler.held(WorkerNumber(n)).count()).sum();
        let (pending, waited) = (self.tasks.len(), seconds(now - self.watched.since));
        let mut text = format!("no task has finished for {waited}: {pending} tasks pending, {held} of them on workers");
        let mut listed = 0;
        let mut idle = 0;
        for (number, worker) in (0..).map(WorkerNumber).zip(&self.workers) {
            let line = match (worker.phase, self.watched.current.get(number.index()).copied().flatten()) {
                (WorkerState::Gone, _) => continue,
                (WorkerState::Greeted, _) => "has not answered yet".to_owned(),
                (WorkerState::Ready, None) => match self.preparing(number) {
                    None => {
                        idle += 1;
                        continue;
                    }
                    Some((title, since)) => {
                        let doing = match since {
                            Some(since) => {
                                format!("has been running {title} for {}", seconds(now.saturating_sub(since)))
                            }
                            None => format!("has yet to start {title}"),
                        };
                        format!("on {} (pid {}) {doing}", worker.host, worker.process)
                    }
                },
                (WorkerState::Ready, Some((task, since))) => {
                    let more = self.scheduler.held(number).count().saturating_sub(1);
                    let name = self.tasks.get(task.0).map_or("unknown", |task| self.task_name(task.function));
                    let behind = if more > 0 { format!(", and {more} more behind it") } else { String::new() };
                    format!(
                        "on {} (pid {}) has held {name} for {}{behind}",
                        worker.host,
                        worker.process,
                        seconds(now - since)
                    )
                }
            };
            listed += 1;
            if listed <= LISTED_MAX {
                let _ = write!(text, "\n  worker {number} {line}");
            }
        }
        if listed > LISTED_MAX {
            let _ = write!(text, "\n  and {} more workers", listed - LISTED_MAX);
        }
        if idle > 0 {
            let _ = write!(text, "\n  idle workers: {idle}");
        }
        if self.replacements.under_way() > 0 {
            let _ = write!(text, "\n  replacements on their way: {}", self.replacements.under_way());
        }
        text
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
