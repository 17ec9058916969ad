//! A load in which one task in a hundred takes a thousand times as long: played in numbers, without a clock.

use super::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// So long are the short ones: such that stream, such that are sent one ahead, and such that are sent alone.
const SHORT_NANOS: [u64; 4] = [10_000, 100_000, 2_000_000, 50_000_000];
const TIMES: u64 = 1000;
const TASKS: u64 = 20_000;

/// Pseudo-random and always the same: whether a task is one of the long ones.
fn is_long(task: u64) -> bool {
    let mixed = (task + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    mixed.is_multiple_of(100)
}

/// When the last task ends, if every worker takes its tasks in the order in which they were dispatched to it.
fn play(workers: u32, short_nanos: u64) -> u64 {
    let nanos = |task: u64| if is_long(task) { short_nanos * TIMES } else { short_nanos };
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    let mut held: Vec<VecDeque<u64>> = vec![VecDeque::new(); workers as usize];
    let mut ends = BinaryHeap::new();
    let mut now = 0;
    scheduler.handle(Event::Open(ClientNumber(0)), &mut actions);
    (0..workers).for_each(|worker| scheduler.handle(Event::Join(WorkerNumber(worker)), &mut actions));
    for task in 0..TASKS {
        let event = Event::Submit(ClientNumber(0), TaskNumber(task), FunctionNumber(0), Prefetch::default());
        scheduler.handle(event, &mut actions);
    }
    loop {
        for action in actions.drain(..) {
            let Action::Dispatch(worker, task) = action else { continue };
            let queue = &mut held[worker.index()];
            queue.push_back(task.0);
            if queue.len() == 1 {
                ends.push(Reverse((now + nanos(task.0), worker)));
            }
        }
        let Some(Reverse((end, worker))) = ends.pop() else { return now };
        now = end;
        let queue = &mut held[worker.index()];
        let task = queue.pop_front().expect("a worker that ends a task has it");
        if let Some(next) = queue.front() {
            ends.push(Reverse((now + nanos(*next), worker)));
        }
        scheduler.handle(Event::Finish(worker, TaskNumber(task), nanos(task)), &mut actions);
    }
}

#[test]
fn a_mixed_load_ends_within_a_tenth_of_the_best_schedule() {
    let long = (0..TASKS).filter(|task| is_long(*task)).count() as u64;
    assert!((100..400).contains(&long));
    for short_nanos in SHORT_NANOS {
        let total = (TASKS - long + long * TIMES) * short_nanos;
        for workers in [1, 2, 4, 8] {
            let best = (total / u64::from(workers)).max(TIMES * short_nanos);
            let taken = play(workers, short_nanos);
            assert!(taken <= best + best / 10, "{workers} workers take {taken} ns where {best} ns would do");
        }
    }
}
