//! How long messages to a worker and back take, measured by its tasks.
//!
//! The time from the sending of a task to its reply, less the time that the worker was in it, and in those that it had to
//! do before, is a round trip. There are sleeps of both processes in it, and the time of others on their cores, which
//! make it longer. So one that is short shows that the worker is near, if it was idle; and only if several in a row are
//! long is the shortest of them believed.
//!
//! A worker that has other tasks to do may be busy while the message travels; then there is less left than a round trip.
//! So such a sample only shows that a worker is far away, and only if most of the time has passed with waiting. And a
//! long one counts only if its reply was found as the first after a look in vain: it may have lain there otherwise.
//!
//! Of a worker that is near next to nothing is measured: the clock is looked at twice in some hundreds of its tasks.

use crate::base::ids::TaskNumber;
use crate::wire::memory::Attachment;
use std::time::Duration;

/// A worker is near if a round trip takes less: then the least of all windows is longer than two of them.
const NEAR_NANOS: u64 = 250_000;

/// So many long round trips in a row are needed before the shortest of them is believed.
const SAMPLES: u8 = 8;

/// One in so many tasks for idle workers is measured, if its worker is near.
const NEAR_TASKS_PER_SAMPLE: u32 = 256;

/// Tasks with more bytes of arguments, or of results, say more about the bandwidth of the link than about its latency.
const SAMPLE_BYTES: usize = 1 << 14;

/// The number of classes of round trips: near ones, and two for each doubling up to 64 ms.
const CLASSES: usize = 17;

/// What is known about the round trips of one worker.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    sample: Option<Sample>,
    /// The shortest of the long ones since one was believed, and how many there were.
    least_nanos: u64,
    seen: u8,
    /// That of the last one that was believed; the first is that of workers that are near, or that nobody knows.
    class: u8,
    /// Whether the last one was short.
    near: bool,
}

/// A task that is being measured.
#[derive(Debug)]
struct Sample {
    task: TaskNumber,
    /// None until it is sent.
    sent: Option<Duration>,
    /// How long the worker was in the tasks that it has answered since.
    executed_nanos: u64,
    /// Whether its worker was idle.
    alone: bool,
}

/// What is known about the round trips of all workers that are ready.
#[derive(Debug)]
pub(super) struct RoundTrips {
    /// How many workers there are of each class.
    workers: [u32; CLASSES],
    /// How many of them are not known to be near.
    unproven: usize,
    /// How many samples are under way.
    under_way: usize,
    /// So many more tasks for idle workers that are near are not measured.
    skipped: u32,
    /// How many arrivals there were since there was none; 0 while nothing is being received.
    arrivals: u32,
    /// The length of the longest round trips, by their class.
    pub(super) longest: Duration,
}

impl RoundTrips {
    /// Counts a worker that has become ready.
    pub(super) fn add(&mut self) {
        self.workers[0] += 1;
        self.unproven += 1;
    }

    /// Counts a ready worker no more; whether the longest round trips are others now.
    pub(super) fn remove(&mut self, worker: &mut RoundTrip) -> bool {
        self.under_way -= usize::from(worker.sample.take().is_some());
        self.workers[usize::from(worker.class)] -= 1;
        self.unproven -= usize::from(!worker.near);
        self.find_longest()
    }

    /// Whether the time has to be known when the next task goes to an idle worker.
    pub(super) fn wants_sample(&self) -> bool {
        self.unproven > 0 || self.skipped == 0
    }

    /// Something has arrived, or nothing; whether the time has to be known.
    pub(super) fn note_arrival(&mut self, any: bool) -> bool {
        self.arrivals = if any { self.arrivals.saturating_add(1) } else { 0 };
        any && (self.under_way > 0 || self.wants_sample())
    }

    /// Whether a sample is under way.
    pub(super) fn is_measuring(&self) -> bool {
        self.under_way > 0
    }

    /// Whether a task that is dispatched to this worker is to be measured. `alone`: the worker is idle.
    pub(super) fn take_turn(&mut self, worker: &RoundTrip, alone: bool) -> bool {
        if !worker.near {
            // If it does not come of an arrival nobody may have looked at the clock.
            return alone || worker.sample.is_none() && self.arrivals > 0;
        }
        if !alone {
            return false;
        }
        let skips = self.skipped > 0;
        self.skipped = if skips { self.skipped - 1 } else { NEAR_TASKS_PER_SAMPLE };
        !skips
    }

    /// A task that is dispatched to this worker is measured.
    pub(super) fn begin(&mut self, worker: &mut RoundTrip, task: TaskNumber, alone: bool) {
        let sample = Sample { task, sent: None, executed_nanos: 0, alone };
        self.under_way += usize::from(worker.sample.replace(sample).is_none());
    }

    /// The reply of the task that is being measured has come; whether the longest round trips are others now. `counts`:
    /// it says something about the link.
    pub(super) fn end(&mut self, worker: &mut RoundTrip, now: Duration, counts: bool) -> bool {
        let Some(Sample { sent, executed_nanos, alone, .. }) = worker.sample.take() else { return false };
        self.under_way -= 1;
        let elapsed = sent.and_then(|sent| u64::try_from(now.saturating_sub(sent).as_nanos()).ok());
        // A task that must have its worker for itself says that it has taken longer than it has.
        let nanos = elapsed.filter(|_| counts).and_then(|elapsed| elapsed.checked_sub(executed_nanos));
        let Some(nanos) = nanos else { return false };
        if nanos < NEAR_NANOS {
            worker.seen = 0;
            return alone && self.believe(worker, nanos);
        }
        if self.arrivals > 1 || !alone && nanos < executed_nanos / 2 {
            return false;
        }
        worker.least_nanos = if worker.seen == 0 { nanos } else { worker.least_nanos.min(nanos) };
        worker.seen += 1;
        worker.seen >= SAMPLES && self.believe(worker, worker.least_nanos)
    }

    /// A worker's round trip is known; whether the longest are others now.
    fn believe(&mut self, worker: &mut RoundTrip, nanos: u64) -> bool {
        let was_near = std::mem::replace(&mut worker.near, nanos < NEAR_NANOS);
        self.unproven += usize::from(was_near);
        self.unproven -= usize::from(worker.near);
        worker.seen = 0;
        self.workers[usize::from(worker.class)] -= 1;
        worker.class = class(nanos);
        self.workers[usize::from(worker.class)] += 1;
        self.find_longest()
    }

    fn find_longest(&mut self) -> bool {
        let highest = self.workers.iter().rposition(|count| *count > 0).unwrap_or(0);
        let before = std::mem::replace(&mut self.longest, Duration::from_nanos(longest_nanos(highest)));
        self.longest != before
    }

    /// Derives from the workers what is known of them.
    ///
    /// # Panics
    ///
    /// If it is not right.
    pub(super) fn check<'a>(&self, ready: impl Iterator<Item = &'a RoundTrip>) {
        let (mut workers, mut unproven, mut under_way) = ([0; CLASSES], 0, 0);
        for worker in ready {
            workers[usize::from(worker.class)] += 1;
            unproven += usize::from(!worker.near);
            under_way += usize::from(worker.sample.is_some());
        }
        let counted = (self.workers, self.unproven, self.under_way);
        assert_eq!(counted, (workers, unproven, under_way), "the round trips are counted");
    }
}

impl Default for RoundTrips {
    fn default() -> Self {
        RoundTrips {
            workers: [0; CLASSES],
            unproven: 0,
            under_way: 0,
            skipped: 0,
            arrivals: 0,
            longest: Duration::ZERO,
        }
    }
}

impl RoundTrip {
    /// A task of the worker is answered, in which it was for so long; whether this one is measured.
    pub(super) fn note_answered(&mut self, task: TaskNumber, nanos: u64) -> bool {
        let Some(sample) = &mut self.sample else { return false };
        sample.executed_nanos = sample.executed_nanos.saturating_add(nanos);
        sample.task == task
    }

    /// What was dispatched to the worker is sent.
    pub(super) fn note_sent(&mut self, now: Duration) {
        if let Some(sample) = &mut self.sample {
            sample.sent.get_or_insert(now);
        }
    }
}

/// Whether something travels about as fast as an empty message.
pub(super) fn is_small(bytes: &[u8], attachments: &[Attachment]) -> bool {
    len_bytes(bytes, attachments) <= SAMPLE_BYTES
}

/// The length of both together.
pub(super) fn len_bytes(bytes: &[u8], attachments: &[Attachment]) -> usize {
    bytes.len() + attachments.iter().map(Attachment::len_bytes).sum::<usize>()
}

/// The class of a round trip.
fn class(nanos: u64) -> u8 {
    let nanos = nanos.min(NEAR_NANOS << CLASSES);
    let Some(doublings) = (nanos / NEAR_NANOS).checked_ilog2() else { return 0 };
    let is_upper = nanos >= (NEAR_NANOS << doublings) / 2 * 3;
    (1 + 2 * doublings as usize + usize::from(is_upper)).min(CLASSES - 1) as u8
}

/// The longest round trip of a class, but the last, which has no end; 0 of those that are near.
fn longest_nanos(class: usize) -> u64 {
    match class.checked_sub(1) {
        None => 0,
        Some(halves) => (NEAR_NANOS << (halves / 2)) / 2 * (3 + halves as u64 % 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    /// One worker of a pool.
    struct Measured {
        all: RoundTrips,
        worker: RoundTrip,
    }

    impl Measured {
        fn new() -> Self {
            let mut all = RoundTrips::default();
            all.add();
            Measured { all, worker: RoundTrip::default() }
        }

        /// A task that is answered after so long, all but some of which its worker was in it and others; in which
        /// arrival since there was none.
        fn sample(&mut self, elapsed: u64, executed: u64, alone: bool, arrival: u32) -> bool {
            let sent = Duration::from_secs(1);
            (0..2).for_each(|_| _ = self.all.note_arrival(false));
            (0..arrival).for_each(|_| _ = self.all.note_arrival(true));
            self.all.begin(&mut self.worker, TaskNumber(1), alone);
            self.worker.note_sent(sent);
            // It is sent once.
            self.worker.note_sent(Duration::ZERO);
            self.worker.sample.as_mut().expect("it has begun").executed_nanos = executed;
            let changed = self.all.end(&mut self.worker, sent + Duration::from_nanos(elapsed), true);
            self.all.check([&self.worker].into_iter());
            changed
        }

        /// A task of another worker, which was idle.
        fn sample_of(&mut self, worker: &mut RoundTrip, elapsed: u64) -> bool {
            self.all.begin(worker, TaskNumber(2), true);
            worker.note_sent(Duration::ZERO);
            self.all.end(worker, Duration::from_nanos(elapsed), true)
        }

        fn sample_near(&mut self) {
            self.all.begin(&mut self.worker, TaskNumber(1), true);
            self.worker.note_sent(Duration::ZERO);
            self.all.end(&mut self.worker, Duration::from_nanos(1), true);
        }

        fn longest_nanos(&self) -> u128 {
            self.all.longest.as_nanos()
        }
    }

    #[test]
    fn several_long_round_trips_in_a_row_are_believed_and_one_short_one() {
        let mut measured = Measured::new();
        for _ in 0..2 {
            assert!((1..SAMPLES).all(|more| !measured.sample((10 + u64::from(more)) * MILLI, MILLI, true, 1)));
            assert!(measured.sample(11 * MILLI, MILLI, true, 1));
            assert_eq!(measured.longest_nanos(), 12_000_000, "the shortest of them, as its class");
            assert!(measured.sample(11 * MILLI, 11 * MILLI - NEAR_NANOS + 1, true, 1));
            assert_eq!(measured.longest_nanos(), 0);
        }
        assert!((1..SAMPLES).all(|_| !measured.sample(10 * MILLI, 0, true, 1)));
        assert!(!measured.sample(10, 0, true, 1), "nothing changes");
        assert!(!measured.sample(10 * MILLI, 0, true, 1), "and they are no more in a row");
    }

    #[test]
    fn a_worker_that_is_not_idle_shows_that_it_is_far_away_only_while_it_waits() {
        let mut measured = Measured::new();
        assert!((0..100).all(|_| !measured.sample(10, 0, false, 1)));
        assert!(!measured.worker.near, "it may have been busy");
        assert!((0..100).all(|_| !measured.sample(6 * MILLI, 5 * MILLI, false, 1)), "it was busy for most of the time");
        assert!((0..100).all(|_| !measured.sample(9 * MILLI, 5 * MILLI, false, 2)), "the reply may have lain there");
        assert!((1..SAMPLES).all(|_| !measured.sample(9 * MILLI, 5 * MILLI, false, 1)));
        assert!(measured.sample(9 * MILLI, 5 * MILLI, false, 1));
        assert!(
            (0..100).all(|_| !measured.sample(5 * MILLI, 5 * MILLI, false, 1)),
            "with enough to do it says nothing"
        );
        assert_eq!(measured.longest_nanos(), 6_000_000);
    }

    #[test]
    fn a_worker_that_is_near_is_measured_now_and_then() {
        let mut measured = Measured::new();
        assert!(measured.all.take_turn(&measured.worker, true), "nothing is known");
        measured.sample(10, 0, true, 1);
        let turns = (0..10 * (NEAR_TASKS_PER_SAMPLE + 1)).filter(|_| measured.all.take_turn(&measured.worker, true));
        assert_eq!(turns.count(), 10);
        assert!((0..1000).all(|_| !measured.all.take_turn(&measured.worker, false)));
    }

    #[test]
    fn the_farthest_worker_counts_until_it_is_gone() {
        let mut measured = Measured::new();
        let mut other = RoundTrip::default();
        measured.all.add();
        (0..SAMPLES).for_each(|_| _ = measured.sample_of(&mut other, 20 * MILLI));
        assert_eq!(measured.longest_nanos(), 24_000_000);
        measured.sample_near();
        assert_eq!(measured.longest_nanos(), 24_000_000);
        assert!(measured.all.remove(&mut other));
        assert_eq!(measured.longest_nanos(), 0);
    }

    #[test]
    fn a_class_ends_where_the_next_begins() {
        assert_eq!((class(0), class(NEAR_NANOS - 1), longest_nanos(0)), (0, 0, 0));
        for number in 1..CLASSES - 1 {
            let end = longest_nanos(number);
            assert_eq!((class(end - 1), class(end)), (number as u8, number as u8 + 1));
        }
        assert_eq!(class(u64::MAX), CLASSES as u8 - 1);
        assert_eq!(longest_nanos(CLASSES - 1), 64 * MILLI);
    }
}
