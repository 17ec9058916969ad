//! Which of the tasks that were sent to a worker are begun, and which were taken back before.
//!
//! A worker that is in a task looks for no message, so that a message could not take back what waits behind that task.
//! A number that both sides share can: the worker counts on before it begins a task, and a recall counts on past all
//! tasks that it takes back. Each of these is one atomic operation, so that a task is begun or taken back, and never
//! both.
//!
//! A recall also takes the replies that the worker [holds back](Held).

use super::frame::Frame;
use super::held::Held;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many tasks of a worker are begun or were taken back. Tasks have no numbers on the wire: both sides count them,
/// in the order in which they are sent.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    begun: AtomicU64,
    held: Held,
}

impl Claims {
    /// Takes back the tasks from the number `from` on and before `until`, if all before `from` are begun; those that
    /// are begun by then are left alone. Returns how many tasks are begun, with those that were taken back before, and
    /// the replies that the worker holds back: if it is in a task, those of all before it.
    pub fn recall(&self, from: u64, until: u64) -> (u64, Frame) {
        let claim = |begun| (begun >= from).then_some(until.max(begun));
        let begun = self.0.begun.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim);
        // After the exchange: a worker has put each held reply there before it began the next task.
        (begun.unwrap_or_else(|begun| begun), self.0.held.take())
    }

    /// The replies that the worker holds back.
    pub fn held(&self) -> &Held {
        &self.0.held
    }
}

/// The worker's side of [`Claims`].
#[derive(Debug, Default)]
pub struct Claimer {
    claims: Claims,
    /// The number of the task that comes next.
    next: u64,
}

impl Claimer {
    /// The side of a worker whose tasks these claims can take back.
    pub fn new(claims: Claims) -> Self {
        Claimer { claims, next: 0 }
    }

    /// Claims the task that comes next; `false` if it was taken back, and must not be begun.
    pub fn begin(&mut self) -> bool {
        let number = self.next;
        self.next += 1;
        // The number never goes down, so the only other one is higher.
        self.claims.0.begun.compare_exchange(number, self.next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The replies that the worker holds back.
    pub fn held(&self) -> &Held {
        self.claims.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_not_begun_is_taken_back_once() {
        let claims = Claims::default();
        let mut claimer = Claimer::new(claims.clone());
        assert!(claimer.begin());
        let recall = |from, until| claims.recall(from, until).0;
        assert_eq!(recall(2, 5), 1, "the task before the first of these is not begun");
        assert!(claimer.begin());
        assert_eq!(recall(2, 5), 2, "three are taken back");
        assert_eq!([(); 4].map(|()| claimer.begin()), [false, false, false, true]);
        assert_eq!(recall(1, 6), 6, "all are begun");
        assert!(claimer.begin());
    }

    /// A worker holds the reply of each task back while it is in the next one, and asks for none: each comes to the
    /// manager once, from the worker or from a recall.
    #[test]
    fn a_reply_is_taken_along_or_sent() {
        const TASKS: u32 = 20_000;
        let claims = Claims::default();
        let claimer = Claimer::new(claims.clone());
        let numbers = |frame: Frame| -> Vec<u32> {
            let chunks = frame.bytes.chunks_exact(4).map(|bytes| bytes.try_into().map(u32::from_le_bytes));
            chunks.map(|number| number.expect("there are four bytes")).collect()
        };
        let (sent, mut all) = thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let mut sent = Vec::new();
                for task in 0..TASKS {
                    claimer.held().add(Vec::new(), |frame| frame.bytes.extend(task.to_le_bytes()));
                    if task % 3 == 0 {
                        sent.extend(numbers(claimer.held().take()));
                    }
                }
                sent.extend(numbers(claimer.held().take()));
                sent
            });
            let mut taken = Vec::new();
            while !worker.is_finished() {
                taken.extend(numbers(claims.recall(0, 0).1));
                thread::yield_now();
            }
            (worker.join().expect("it does not panic"), taken)
        });
        all.extend(sent);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..TASKS));
    }

    /// A thread begins tasks while another takes them back: each is begun or taken back.
    #[test]
    fn a_task_is_begun_or_taken_back() {
        const TASKS: u64 = 20_000;
        let claims = Claims::default();
        let mut claimer = Claimer::new(claims.clone());
        let (begun, taken) = thread::scope(|scope| {
            let begun = scope.spawn(move || (0..TASKS).filter(|_| claimer.begin()).collect::<Vec<u64>>());
            let taken = scope.spawn(move || {
                let mut taken = Vec::new();
                let mut known = 0;
                while known < TASKS {
                    let until = (known + 7).min(TASKS);
                    let (begun, _) = claims.recall(known, until);
                    if begun >= known {
                        taken.extend(begun..until);
                        known = until.max(begun);
                    }
                    thread::yield_now();
                }
                taken
            });
            (begun.join().expect("it does not panic"), taken.join().expect("it does not panic"))
        });
        let mut all: Vec<u64> = begun.into_iter().chain(taken).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..TASKS));
    }
}
