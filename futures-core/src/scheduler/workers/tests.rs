//! Workers, their order and what they hold.

use super::*;
use crate::base::ids::{ClientNumber, FunctionNumber};
use crate::scheduler::classes::{Prefetch, TaskClass, TaskClasses};

fn workers(count: u32) -> Workers {
    let mut workers = Workers::default();
    (0..count).for_each(|worker| workers.join(WorkerNumber(worker)));
    workers
}

fn held(task: u64) -> InFlight {
    let nanos = NonZeroU32::new(10).expect("it is not 0");
    let (client, function) = (ClientNumber(0), FunctionNumber(0));
    let class = TaskClasses::default().number(TaskClass { client, function, prefetch: Prefetch::default() });
    InFlight { task: TaskNumber(task), class, nanos }
}

#[test]
fn a_worker_takes_three_words() {
    assert_eq!(size_of::<Worker>(), 24);
}

#[test]
fn the_least_loaded_comes_first_and_equals_take_turns() {
    let mut workers = workers(3);
    let mut order = Vec::new();
    for task in 0..7 {
        let (number, _) = workers.first().expect("all have room");
        workers.hold(number, held(task));
        workers.check();
        order.push(number.0);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(workers.take(WorkerNumber(2), TaskNumber(2)).map(|held| held.task), Some(TaskNumber(2)));
    assert_eq!(workers.first().map(|(number, _)| number), Some(WorkerNumber(2)));
    workers.pause_worker(WorkerNumber(2));
    assert_eq!(workers.first().map(|(number, _)| number), Some(WorkerNumber(1)));
    assert_eq!(workers.lose(WorkerNumber(1)).iter().map(|held| held.task.0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(workers.first().map(|(number, _)| number), Some(WorkerNumber(0)));
    workers.check();
}

#[test]
fn tasks_are_taken_off_in_any_order() {
    let mut workers = workers(1);
    let number = WorkerNumber(0);
    (0..5).for_each(|task| workers.hold(number, held(task)));
    for task in [4, 1, 0, 3, 2] {
        assert_eq!(workers.take(number, TaskNumber(task)).map(|held| held.task.0), Some(task));
        assert!(workers.take(number, TaskNumber(task)).is_none());
        workers.check();
    }
    assert_eq!(workers.held(number).count(), 0);
}
