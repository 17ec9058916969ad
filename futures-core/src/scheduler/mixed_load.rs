//! A load in which one task in a hundred takes a thousand times as long: played in numbers, without a clock.

use super::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const SHORT_NANOS: u64 = 10_000;
const LONG_NANOS: u64 = 10_000_000;
const TASKS: u64 = 20_000;

/// Pseudo-random and always the same: whether a task is one of the long ones.
fn nanos(task: u64) -> u64 {
    let mixed = (task + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    if mixed.is_multiple_of(100) { LONG_NANOS } else { SHORT_NANOS }
}

/// When the last task ends, if every worker takes its tasks in the order in which they were dispatched to it.
fn play(workers: u32) -> u64 {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    let mut held: Vec<VecDeque<u64>> = vec![VecDeque::new(); workers as usize];
    let mut ends = BinaryHeap::new();
    let mut now = 0;
    scheduler.handle(Event::Open(ClientNumber(0)), &mut actions);
    (0..workers).for_each(|worker| scheduler.handle(Event::Join(WorkerNumber(worker)), &mut actions));
    for task in 0..TASKS {
        let event = Event::Submit(ClientNumber(0), TaskNumber(task), FunctionNumber(0));
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
    let total: u64 = (0..TASKS).map(nanos).sum();
    assert!((100..400).contains(&(0..TASKS).filter(|task| nanos(*task) == LONG_NANOS).count()));
    for workers in [1, 2, 4, 8] {
        let best = (total / u64::from(workers)).max(LONG_NANOS);
        let taken = play(workers);
        assert!(taken <= best + best / 10, "{workers} workers take {taken} ns where {best} ns would do");
    }
}
