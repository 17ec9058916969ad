//! The workers: what each of them holds, and those that can take more, ordered by how much they hold.

use super::window::{HELD_NANOS, HELD_TASKS};
use crate::ids::{ClientNumber, FunctionNumber, TaskNumber, WorkerNumber};
use std::collections::VecDeque;
use std::num::NonZeroU32;

/// No worker: the end of a list.
const NONE: u32 = u32::MAX;

/// All workers, and lists of those that have room by their load, the number of tasks that they hold. No operation takes
/// longer with more workers.
///
/// Invariants: a worker is in the list of its load if it has room, and in no list otherwise. Within a list the worker that
/// came first is taken first.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// By worker number.
    all: Vec<Worker>,
    /// The list of the workers of each load.
    lists: Vec<List>,
    /// No list below this load has a worker.
    lowest: usize,
}

/// A dispatched task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) task: TaskNumber,
    pub(super) client: ClientNumber,
    pub(super) function: FunctionNumber,
    /// How long it was expected to take when it was dispatched.
    pub(super) nanos: NonZeroU32,
}

/// A worker, in one line of a processor's cache: with very many workers each event meets another one, and finds nothing of
/// it at hand.
#[derive(Debug)]
#[repr(align(64))]
struct Worker {
    /// The tasks that it holds, oldest first; most have one at most.
    oldest: Option<Held>,
    /// Boxed, so that it takes little room where it is not needed; there only if there is an oldest one.
    #[expect(clippy::box_collection, reason = "the worker is to be small")]
    later: Option<Box<VecDeque<Held>>>,
    /// How long they are expected to take together.
    held_nanos: u32,
    /// How many other things it has to do.
    engaged: u32,
    present: bool,
    /// The load of the list that it is in, and its neighbours there.
    list: u32,
    previous: u32,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

impl Workers {
    /// A worker has come.
    pub(super) fn join(&mut self, number: WorkerNumber) {
        let worker = self.make(number);
        assert!(!worker.present, "a worker joins once");
        worker.present = true;
        self.place(number);
    }

    /// A worker, which may not have come yet, has something else to do.
    pub(super) fn engage(&mut self, number: WorkerNumber) {
        self.make(number).engaged += 1;
        self.place(number);
    }

    /// A worker has done something else.
    pub(super) fn release(&mut self, number: WorkerNumber) {
        self.make(number).engaged -= 1;
        self.place(number);
    }

    /// A worker is gone; returns what it held, oldest first.
    pub(super) fn lose(&mut self, number: WorkerNumber) -> Vec<Held> {
        let Some(worker) = self.all.get_mut(number.index()).filter(|worker| worker.present) else {
            return Vec::new();
        };
        worker.present = false;
        worker.held_nanos = 0;
        let held = worker.oldest.take().into_iter().chain(worker.later.take().into_iter().flat_map(|later| *later));
        let held = held.collect();
        self.place(number);
        held
    }

    /// The worker with the least load among those that have room, and whether it is idle; among equals the one that has
    /// had its load for the longest time.
    pub(super) fn first(&mut self) -> Option<(WorkerNumber, Room)> {
        while self.lowest < self.lists.len() {
            let first = self.lists[self.lowest].first;
            if first != NONE {
                let worker = &self.all[first as usize];
                let room = Room { idle: worker.oldest.is_none(), nanos: HELD_NANOS - worker.held_nanos };
                return Some((WorkerNumber(first), room));
            }
            self.lowest += 1;
        }
        None
    }

    /// Gives a task to a worker.
    pub(super) fn hold(&mut self, number: WorkerNumber, held: Held) {
        let worker = &mut self.all[number.index()];
        worker.held_nanos += held.nanos.get();
        match worker.oldest {
            None => worker.oldest = Some(held),
            Some(_) => worker.later.get_or_insert_default().push_back(held),
        }
        self.place(number);
    }

    /// Takes a task off a worker that holds it.
    pub(super) fn take(&mut self, number: WorkerNumber, task: TaskNumber) -> Option<Held> {
        let worker = self.all.get_mut(number.index())?;
        let held = worker.take(task)?;
        worker.held_nanos -= held.nanos.get();
        self.place(number);
        Some(held)
    }

    /// What a worker holds, oldest first.
    pub(super) fn held(&self, number: WorkerNumber) -> impl Iterator<Item = &Held> {
        self.all.get(number.index()).into_iter().flat_map(Worker::held)
    }

    /// What all workers hold.
    pub(super) fn all_held(&self) -> impl Iterator<Item = &Held> {
        self.all.iter().flat_map(Worker::held)
    }

    /// A worker, which may be new.
    fn make(&mut self, number: WorkerNumber) -> &mut Worker {
        if self.all.len() <= number.index() {
            self.all.resize_with(number.index() + 1, Worker::default);
        }
        &mut self.all[number.index()]
    }

    /// Puts a worker at the end of the list of its load if it has room, wherever it was before.
    fn place(&mut self, number: WorkerNumber) {
        self.unlink(number);
        let worker = &mut self.all[number.index()];
        if !worker.has_room() {
            return;
        }
        let load = worker.load();
        if self.lists.len() <= load {
            self.lists.resize(load + 1, List { first: NONE, last: NONE });
        }
        let previous = std::mem::replace(&mut self.lists[load].last, number.0);
        (worker.list, worker.previous, worker.next) = (load as u32, previous, NONE);
        match self.all.get_mut(previous as usize) {
            Some(neighbour) => neighbour.next = number.0,
            None => self.lists[load].first = number.0,
        }
        self.lowest = self.lowest.min(load);
    }

    /// Takes a worker out of its list, if it is in one.
    fn unlink(&mut self, number: WorkerNumber) {
        let worker = &mut self.all[number.index()];
        let list = std::mem::replace(&mut worker.list, NONE) as usize;
        let (previous, next) = (worker.previous, worker.next);
        if list == NONE as usize {
            return;
        }
        match self.all.get_mut(previous as usize) {
            Some(neighbour) => neighbour.next = next,
            None => self.lists[list].first = next,
        }
        match self.all.get_mut(next as usize) {
            Some(neighbour) => neighbour.previous = previous,
            None => self.lists[list].last = previous,
        }
    }

    /// Derives the invariants of all workers from scratch; returns whether one with room is idle.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(super) fn check(&self) -> bool {
        for (number, worker) in self.all.iter().enumerate() {
            assert!(worker.present || worker.oldest.is_none(), "worker {number} is gone and holds nothing");
            let later = worker.later.as_ref().is_some_and(|later| !later.is_empty());
            assert!(!later || worker.oldest.is_some(), "worker {number} has an oldest task if it has any");
            let nanos: u32 = worker.held().map(|held| held.nanos.get()).sum();
            assert_eq!(nanos, worker.held_nanos, "worker {number} counts what it holds");
        }
        let mut listed = 0;
        for (load, list) in self.lists.iter().enumerate() {
            let mut previous = NONE;
            let mut at = list.first;
            while let Some(worker) = self.all.get(at as usize) {
                assert_eq!((worker.list as usize, worker.load()), (load, load), "worker {at} is listed by its load");
                assert!(worker.has_room() && worker.previous == previous, "worker {at} has room and its place");
                assert!(self.lowest <= load, "the lowest load is not above that of worker {at}");
                listed += 1;
                (previous, at) = (at, worker.next);
            }
            assert_eq!(list.last, previous, "the list of load {load} ends with its last worker");
        }
        let with_room = self.all.iter().filter(|worker| worker.has_room()).count();
        assert_eq!(listed, with_room, "every worker with room is listed once");
        self.all.iter().any(|worker| worker.has_room() && worker.oldest.is_none())
    }
}

/// How much more a worker may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    idle: bool,
    nanos: u32,
}

impl Room {
    /// Whether a task that is expected to take so long has room: any has, on an idle worker.
    pub(super) fn admits(self, nanos: NonZeroU32) -> bool {
        self.idle || nanos.get() <= self.nanos
    }
}

impl Default for Worker {
    fn default() -> Self {
        let (oldest, later) = (None, None);
        Worker { oldest, later, held_nanos: 0, engaged: 0, present: false, list: NONE, previous: NONE, next: NONE }
    }
}

impl Worker {
    /// Whether it may be given more, if it is short enough.
    fn has_room(&self) -> bool {
        self.present && self.engaged == 0 && self.held_nanos < HELD_NANOS && self.load() < HELD_TASKS
    }

    fn load(&self) -> usize {
        usize::from(self.oldest.is_some()) + self.later.as_ref().map_or(0, |later| later.len())
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        self.oldest.iter().chain(self.later.iter().flat_map(|later| later.iter()))
    }

    fn take(&mut self, task: TaskNumber) -> Option<Held> {
        if self.oldest.is_some_and(|oldest| oldest.task == task) {
            let next = self.later.as_mut().and_then(|later| later.pop_front());
            return std::mem::replace(&mut self.oldest, next);
        }
        let later = self.later.as_mut()?;
        // A task that is withdrawn has just been dispatched.
        if later.back().is_some_and(|last| last.task == task) {
            return later.pop_back();
        }
        let at = later.iter().position(|held| held.task == task)?;
        later.remove(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(count: u32) -> Workers {
        let mut workers = Workers::default();
        (0..count).for_each(|worker| workers.join(WorkerNumber(worker)));
        workers
    }

    fn held(task: u64) -> Held {
        let nanos = NonZeroU32::new(10).expect("it is not 0");
        Held { task: TaskNumber(task), client: ClientNumber(0), function: FunctionNumber(0), nanos }
    }

    #[test]
    fn a_worker_fits_into_a_line_of_the_cache() {
        assert_eq!(size_of::<Worker>(), 64);
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
        workers.engage(WorkerNumber(2));
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
}
