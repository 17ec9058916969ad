//! Queues the calls anew that a worker has given back because its lease was over, in smaller tasks.

use super::Driver;
use super::lease::{Divided, Lease, picos};
use crate::base::ids::{TaskNumber, WorkerNumber};
use crate::driver::command::{Special, Task};
use crate::driver::outcome::Outcome;
use crate::driver::promise::Promise;
use crate::error::Error;
use crate::scheduler::Event;
use crate::wire::attachments::Encoded;
use crate::wire::codec::DecodeFailure;
use crate::wire::message::LEASE_RESULT_BYTES;
use crate::wire::parts::{self, Part};
use crate::wire::payload::Payload;
use std::sync::Arc;
use std::time::Duration;

/// What is given back is divided into tasks that are expected to take so long.
const PART: Duration = Duration::from_millis(1);

/// Each worker can have so many of them, unless there are fewer calls.
const PARTS_FOR_EACH: u32 = 2;

/// What was sent ahead of a task that took longer than expected comes back, if it is so many tasks: they may take as long,
/// and what was divided comes before them.
const MANY_AHEAD: usize = 3;

impl Driver {
    /// A worker has executed the first calls of a task, with these results, and gives back the others. It took so many
    /// nanoseconds for all, and for the last one.
    pub(super) fn divide(
        &mut self,
        worker: WorkerNumber,
        number: TaskNumber,
        results: Vec<Result<Payload, Error>>,
        (nanos, last_nanos): (u64, u64),
    ) -> Result<(), DecodeFailure> {
        let done = results.len() as u32;
        let workers = self.boot.ready().max(1) as u32;
        let Some(task) = self.tasks.get(number.0) else { return Ok(()) };
        let Some(lease) = task.lease() else {
            return Err(DecodeFailure("it gave calls back that it was not lent".to_owned()));
        };
        let size = calls_of_a_part(lease, (done, last_nanos), task.count - done, workers);
        let parts = divided(&task.arguments, done, task.count, size)?;
        let (client, function) = (task.client, task.function);
        let (limit_micros, pace) = (lease.limit_micros, Arc::clone(&lease.pace));
        let count = parts.len() as u32;
        let first = self.numbers.next_in_a_row(count.into());
        let mut divided = Divided { results, parts: Vec::with_capacity(parts.len()) };
        for (part, (arguments, count)) in (first.0..).map(TaskNumber).zip(parts) {
            let lease = Lease { limit_micros: limit_micros.filter(|_| count > 1), pace: Arc::clone(&pace) };
            let (promise, special) = (Promise::new(part, client), Some(Box::new(Special::Lease(lease))));
            divided.parts.push((Arc::clone(&promise), count));
            self.tasks.insert(part.0, Task { promise, client, function, count, arguments, special });
        }
        if self.workers[worker.index()].ahead.tasks.len() >= MANY_AHEAD {
            self.recall(worker);
        }
        self.handle(Event::Divide(worker, number, first, count));
        self.resolve(number, Outcome::Local(Box::new(divided)));
        self.handle(Event::Finish(worker, number, nanos));
        Ok(())
    }
}

/// How many of the calls that are left travel together, of a task of which some are done; the last of these took so many
/// nanoseconds, and those behind it may take as long.
fn calls_of_a_part(lease: &Lease, (done, last_nanos): (u32, u64), left: u32, workers: u32) -> u32 {
    let fits = |most: u64, each: u64| u32::try_from(most / each.max(1)).unwrap_or(u32::MAX);
    let by_time = fits(picos(PART), lease.pace.picos().max(last_nanos.saturating_mul(1000)));
    let by_bytes = fits(LEASE_RESULT_BYTES as u64, lease.pace.result_bytes());
    let share = left.div_ceil(PARTS_FOR_EACH.saturating_mul(workers));
    by_time.min(by_bytes).min(share).min(done.saturating_mul(2)).max(1)
}

/// The arguments of the calls from this one on, as tasks of so many calls each.
fn divided(arguments: &Payload, done: u32, count: u32, size: u32) -> Result<Vec<(Payload, u32)>, DecodeFailure> {
    let (mut bytes, mut attachments) = (arguments.bytes(), arguments.attachments().iter().cloned());
    let mut next = || match parts::take(&mut bytes, &mut attachments)? {
        Part::Value(value, attachments) => Ok((value, Vec::from(attachments))),
        Part::Failure(failure) => Err(DecodeFailure(failure.message.clone())),
    };
    for _ in 0..done {
        next()?;
    }
    let mut left = count - done;
    let mut all = Vec::with_capacity(left.div_ceil(size) as usize);
    while left > 0 {
        let calls = left.min(size);
        let mut encoded = Encoded::default();
        for _ in 0..calls {
            let (value, attachments) = next()?;
            let append = |encoded: &mut Encoded| {
                encoded.bytes.extend_from_slice(value);
                encoded.attachments.extend(attachments);
                Ok::<_, DecodeFailure>(())
            };
            if calls == 1 { append(&mut encoded)? } else { parts::append(&mut encoded, append)? }
        }
        all.push((encoded.pack(), calls));
        left -= calls;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::lease::Pace;
    use super::*;

    /// Ten calls, each with its number.
    fn ten() -> Payload {
        let mut encoded = Encoded::default();
        for n in 0..10 {
            let append = |encoded: &mut Encoded| {
                encoded.bytes.push(n);
                Ok::<(), ()>(())
            };
            parts::append(&mut encoded, append).expect("nothing is wrong with it");
        }
        encoded.pack()
    }

    #[test]
    fn what_is_left_is_divided_in_its_order() {
        let numbers = |done, size| -> Vec<Vec<u8>> {
            let parts = divided(&ten(), done, 10, size).expect("it is sound");
            let numbers = |(payload, count): (Payload, u32)| {
                if count == 1 {
                    return payload.bytes().to_vec();
                }
                let mut bytes = payload.bytes();
                let mut numbers = Vec::new();
                while let Ok(Part::Value(value, _)) = parts::take(&mut bytes, &mut Vec::new().into_iter()) {
                    numbers.extend_from_slice(value);
                }
                numbers
            };
            parts.into_iter().map(numbers).collect()
        };
        assert_eq!(numbers(3, 3), [vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
        assert_eq!(numbers(9, 100), [vec![9]]);
        assert_eq!(numbers(1, 100), [(1..10).collect::<Vec<u8>>()]);
        assert!(divided(&ten(), 3, 11, 2).is_err(), "it has only ten");
    }

    #[test]
    fn long_calls_are_divided_one_by_one_and_short_ones_among_the_workers() {
        let part = |(nanos, last_nanos), done, left, workers| {
            let pace = Arc::new(Pace::default());
            pace.see(1, nanos, 8, true);
            calls_of_a_part(&Lease { limit_micros: None, pace }, (done, last_nanos), left, workers)
        };
        assert_eq!(part((2_000_000, 0), 50, 1000, 2), 1);
        assert_eq!(part((1_000, 2_000_000), 50, 1000, 2), 1, "the last one was long");
        assert_eq!(part((100_000, 0), 50, 1000, 2), 10);
        assert_eq!(part((1, 0), 50, 1000, 2), 100, "growth is at most twofold");
        assert_eq!(part((1, 0), 5000, 1000, 2), 250);
        assert_eq!(part((1, 0), 5000, 3, 8), 1);
    }
}
