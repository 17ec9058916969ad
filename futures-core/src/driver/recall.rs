//! Takes tasks back that were sent ahead of others, when their workers do not come to them.
//!
//! How long a task takes is a guess, and a wrong one would leave those behind it where nobody executes them, perhaps
//! for ever: the task may wait for one of them. So whoever drives looks now and then at the workers that have tasks
//! ahead. One that has answered nothing since some looks gives back what it has not begun, soon if another worker is
//! idle, and after a while in any case. Then it is given nothing before it has answered what it has begun. What comes
//! back is pending again, as if it had never been sent: this counts as no try.
//!
//! With them come the replies that the worker holds back: the task that it has begun may wait for something that the
//! program does only when it has one of these results. A worker that holds replies back is always among those that are
//! looked at, because the task that it is in was sent when these were not answered.

use super::Driver;
use super::ahead::Recall;
use super::worker::WorkerState;
use crate::base::ids::{TaskNumber, WorkerNumber};
use crate::scheduler::Event;
use crate::wire::codec::DecodeFailure;
use crate::wire::frame::Frame;
use std::time::Duration;

/// A worker that has answered nothing for so long, and a round trip more, gives tasks back while another one is idle. It
/// is longer than a worker holds replies back, so that the end of a quick map brings nothing back.
const GRACE: Duration = Duration::from_millis(2);

/// The same while none is idle: no task is sent ahead of another that is expected to take half as long.
const PATIENCE: Duration = Duration::from_millis(50);

/// With more workers there is more time between two looks, so that looking takes little of a master's time.
const LOOK_FOR_EACH: Duration = Duration::from_micros(5);

impl Driver {
    /// Whether workers have tasks ahead.
    pub(crate) fn has_ahead(&self) -> bool {
        !self.recalls.is_empty()
    }

    /// Whether a worker may have to give tasks back soon, because another one is idle.
    pub(crate) fn may_recall(&self) -> bool {
        !self.recalls.is_empty() && self.scheduler.has_idle()
    }

    /// A worker has answered one of the tasks that it was sent.
    pub(super) fn note_answered(&mut self, number: WorkerNumber, task: TaskNumber) {
        let tasks = &mut self.workers[number.index()].ahead.tasks;
        // Mostly it is the first, or the one before all of these.
        if let Some(at) = tasks.iter().position(|(_, ahead)| *ahead == task) {
            tasks.remove(at);
            self.recalls.count -= usize::from(tasks.is_empty());
        }
    }

    /// A worker may have answered the last of what it had begun when it gave others back: it takes tasks again.
    pub(super) fn refill(&mut self, number: WorkerNumber) {
        let worker = &mut self.workers[number.index()];
        if worker.ahead.recall == Recall::Emptied && worker.unanswered == 0 {
            worker.ahead.recall = Recall::None;
            self.handle(Event::ResumeWorker(number));
        }
    }

    /// A worker is gone, and with it all that it was sent.
    pub(super) fn forget_ahead(&mut self, number: WorkerNumber) {
        let ahead = &mut self.workers[number.index()].ahead;
        self.recalls.count -= usize::from(!ahead.tasks.is_empty());
        ahead.tasks.clear();
        ahead.recall = Recall::None;
    }

    /// Nothing is executed any more.
    pub(super) fn forget_all_ahead(&mut self) {
        self.workers.iter_mut().for_each(|worker| worker.ahead.tasks.clear());
        self.recalls.count = 0;
    }

    /// Looks at the workers that have tasks ahead, if it is time, and asks for the tasks of those that do not come to
    /// them.
    pub(super) fn check_recalls(&mut self) {
        if self.recalls.is_empty() || self.now < self.recalls.next_look {
            return;
        }
        let patience = self.round_trips.longest + if self.scheduler.has_idle() { GRACE } else { PATIENCE };
        let mut listed = std::mem::take(&mut self.recalls.listed);
        let mut stuck = Vec::new();
        listed.retain(|number| {
            let worker = &mut self.workers[number.index()];
            let answered = worker.ahead.given - u64::from(worker.unsent) - u64::from(worker.unanswered);
            let ahead = &mut worker.ahead;
            ahead.listed = !ahead.tasks.is_empty();
            if ahead.answered != answered {
                (ahead.answered, ahead.since) = (answered, self.now);
            } else if self.now.saturating_sub(ahead.since) >= patience {
                stuck.push(*number);
            }
            ahead.listed
        });
        self.recalls.next_look = self.now.saturating_add(GRACE.max(LOOK_FOR_EACH * listed.len() as u32));
        self.recalls.listed = listed;
        stuck.into_iter().for_each(|number| self.recall(number));
    }

    /// Asks a worker for the tasks that it has not begun, unless it has been asked.
    pub(super) fn recall(&mut self, number: WorkerNumber) {
        // The worker must know of all that is to come back.
        self.send(number);
        let worker = &mut self.workers[number.index()];
        let ahead = &mut worker.ahead;
        let (Some((from, _)), Recall::None) = (ahead.tasks.front().copied(), ahead.recall) else { return };
        let Some(transport) = &mut self.transport else { return };
        if transport.recall(number, from, ahead.given) {
            ahead.recall = Recall::Asked(from);
            self.handle(Event::PauseWorker(number));
        } else {
            self.handle(Event::Isolate(number));
        }
    }

    /// A worker has begun so many of all tasks that it was sent, and gives back the others, if it was to; before that
    /// it answers by these replies, if there are any.
    pub(super) fn take_back(&mut self, number: WorkerNumber, begun: u64, replies: Frame) -> Result<(), DecodeFailure> {
        if !replies.is_empty() {
            self.read(number, replies)?;
        }
        if self.workers[number.index()].phase == WorkerState::Gone {
            return Ok(());
        }
        let ahead = &mut self.workers[number.index()].ahead;
        let Recall::Asked(from) = ahead.recall else {
            return Err(DecodeFailure("it returned tasks that the master did not ask for".to_owned()));
        };
        if begun > ahead.given {
            let given = ahead.given;
            return Err(DecodeFailure(format!("it reported {begun} started tasks, but was sent only {given}")));
        }
        ahead.recall = Recall::None;
        if begun >= from {
            self.take_back_from(number, begun);
        }
        self.handle(Event::ResumeWorker(number));
        Ok(())
    }

    /// Queues the tasks anew that a worker has not begun: those from this number on.
    fn take_back_from(&mut self, number: WorkerNumber, begun: u64) {
        let worker = &mut self.workers[number.index()];
        // What is begun does not come back any more.
        let mut tasks = std::mem::take(&mut worker.ahead.tasks);
        self.recalls.count -= usize::from(!tasks.is_empty());
        tasks.retain(|(place, _)| *place >= begun);
        worker.unanswered = worker.unanswered.saturating_sub(tasks.len() as u32);
        if worker.unanswered > 0 {
            worker.ahead.recall = Recall::Emptied;
            self.handle(Event::PauseWorker(number));
        }
        for (_, task) in tasks {
            if self.late.remove(&(number, task)) {
                // It was given up before it was begun.
                self.handle(Event::ResumeWorker(number));
            } else {
                self.handle(Event::TakeBack(number, task));
            }
        }
        self.handle(Event::GiveOut);
        if self.pending > 0 {
            self.start_clock(number);
        }
    }

    /// A task that was taken back is queued again.
    pub(super) fn note_returned(&mut self, number: TaskNumber) {
        self.stop_timer(number);
        if let Some(task) = self.tasks.get(number.0) {
            task.promise.rest();
        }
    }
}
