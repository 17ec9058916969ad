//! The workers: what each of them holds, and those that can take more, ordered by how much they hold.

mod reserved;
#[cfg(test)]
mod tests;

use super::classes::{Prefetch, TaskClassNumber};
use super::in_flight::{Blocks, InFlight, List};
use super::window::{AHEAD_NANOS, Bounds, LONG_NANOS};
use crate::base::ids::{TaskNumber, WorkerNumber};
use std::fmt;
use std::num::NonZeroU32;

/// No worker: the end of a line.
const NONE: u32 = u32::MAX;

/// All workers, and lines of those that have room by their load, the number of tasks that they hold. No operation takes
/// longer with more workers, but for a change of the bounds, which is rare.
///
/// With very many workers each event meets another one, and finds nothing of it at hand. So what an event of a worker
/// with one task needs is one small record, and as little as can be of what is beside it.
///
/// Invariants: a worker stands in the line of its load if it has room, and in no line otherwise. In a line the worker
/// that came first is taken first. The worker that came last, `newcomer`, has no place in memory at the end of its line
/// until another one comes: mostly it is given a task before that, and leaves.
#[derive(Default)]
pub(super) struct Workers {
    /// By worker number.
    all: Vec<Worker>,
    /// By worker number, what seldom changes.
    standing: Vec<Standing>,
    /// By worker number, its neighbours in a line.
    neighbours: Vec<Neighbours>,
    /// What is held by workers with more than one task.
    blocks: Blocks,
    /// The line of the workers of each load.
    lines: Vec<Line>,
    newcomer: Option<WorkerNumber>,
    /// No line below this load has a worker.
    lowest: usize,
    bounds: Bounds,
}

#[derive(Debug)]
struct Worker {
    holding: Holding,
    /// How long the tasks that it holds are expected to take together.
    held_nanos: u32,
    /// How many there are.
    load: u16,
    readiness: Readiness,
    /// Whether it has a place in a line.
    in_line: bool,
}

/// What a worker may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// Nothing: it is not there, or engaged.
    Away,
    /// One task at a time, because nothing comes back; others only if they need not.
    Isolated,
    /// Tasks ahead of one another.
    Ready,
}

/// The tasks that a worker holds.
#[derive(Debug, Clone, Copy)]
enum Holding {
    Nothing,
    /// Most have one task at most.
    One(TaskClassNumber, TaskNumber),
    Several(List),
}

#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    present: bool,
    /// Whether no task comes back from it.
    isolated: bool,
    /// Whether it is kept for tasks that are bound to it.
    reserved: bool,
    /// How many other things it has to do.
    paused: u32,
}

#[derive(Debug, Clone, Copy)]
struct Neighbours {
    before: u32,
    behind: u32,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    first: u32,
    last: u32,
}

impl Workers {
    /// A worker has come.
    pub(super) fn join(&mut self, number: WorkerNumber) {
        self.change_standing(number, |standing| {
            assert!(!standing.present, "a worker joins once");
            standing.present = true;
        });
    }

    /// A worker, which may not have come yet, has something else to do.
    pub(super) fn pause_worker(&mut self, number: WorkerNumber) {
        self.change_standing(number, |standing| standing.paused += 1);
    }

    /// A worker is released: it has done the other work.
    pub(super) fn resume_worker(&mut self, number: WorkerNumber) {
        self.change_standing(number, |standing| standing.paused -= 1);
    }

    /// Nothing comes back from a worker, which may not have come yet.
    pub(super) fn isolate(&mut self, number: WorkerNumber) {
        self.change_standing(number, |standing| standing.isolated = true);
    }

    /// Whether one that has room is idle.
    pub(super) fn has_idle(&self) -> bool {
        self.lines.first().is_some_and(|line| line.first != NONE)
            || self.newcomer.is_some_and(|newcomer| self.all[newcomer.index()].load == 0)
    }

    /// A worker is gone; returns what it held, oldest first.
    pub(super) fn lose(&mut self, number: WorkerNumber) -> Vec<InFlight> {
        if !self.standing.get(number.index()).is_some_and(|standing| standing.present) {
            return Vec::new();
        }
        let held = self.held(number).collect();
        self.change_standing(number, |standing| standing.present = false);
        let worker = &mut self.all[number.index()];
        (worker.held_nanos, worker.load) = (0, 0);
        if let Holding::Several(list) = std::mem::replace(&mut worker.holding, Holding::Nothing) {
            self.blocks.discard(list);
        }
        held
    }

    /// The worker with the least load among those that have room, and how much; among equals the one that has had its
    /// load for the longest time.
    pub(super) fn first(&mut self) -> Option<(WorkerNumber, Room)> {
        let number = self.longest_in_line().or(self.newcomer)?;
        let worker = &self.all[number.index()];
        let isolated = worker.readiness == Readiness::Isolated;
        Some((number, Room { load: worker.load, held_nanos: worker.held_nanos, isolated }))
    }

    /// The first of the lowest line that is not empty, unless the newcomer has less.
    fn longest_in_line(&mut self) -> Option<WorkerNumber> {
        let highest = self.newcomer.map_or(self.lines.len(), |newcomer| {
            self.lines.len().min(usize::from(self.all[newcomer.index()].load) + 1)
        });
        while self.lowest < highest {
            let first = self.lines[self.lowest].first;
            if first != NONE {
                return Some(WorkerNumber(first));
            }
            self.lowest += 1;
        }
        None
    }

    /// Gives a task to a worker.
    pub(super) fn hold(&mut self, number: WorkerNumber, held: InFlight) {
        self.leave_line(number);
        let worker = &mut self.all[number.index()];
        match &mut worker.holding {
            Holding::Nothing => worker.holding = Holding::One(held.class, held.task),
            Holding::One(..) => {
                let oldest = worker.only().expect("it has one");
                worker.holding = Holding::Several(self.blocks.list(oldest, held));
            }
            Holding::Several(list) => self.blocks.push(list, held),
        }
        worker.held_nanos += held.nanos.get();
        worker.load += 1;
        self.line_up(number);
    }

    /// Takes a task off a worker that holds it.
    pub(super) fn take(&mut self, number: WorkerNumber, task: TaskNumber) -> Option<InFlight> {
        let worker = self.all.get_mut(number.index())?;
        let (held, last) = match &mut worker.holding {
            Holding::Nothing => None,
            Holding::One(..) => worker.only().filter(|held| held.task == task).map(|held| (held, true)),
            Holding::Several(list) => self.blocks.take(list, task),
        }?;
        if last {
            worker.holding = Holding::Nothing;
        }
        self.leave_line(number);
        let worker = &mut self.all[number.index()];
        worker.held_nanos -= held.nanos.get();
        worker.load -= 1;
        self.line_up(number);
        Some(held)
    }

    /// What a worker holds, oldest first.
    pub(super) fn held(&self, number: WorkerNumber) -> impl Iterator<Item = InFlight> {
        let worker = self.all.get(number.index());
        let list = worker.and_then(|worker| match worker.holding {
            Holding::Several(list) => Some(list),
            Holding::Nothing | Holding::One(..) => None,
        });
        worker.and_then(Worker::only).into_iter().chain(list.into_iter().flat_map(|list| self.blocks.iter(list)))
    }

    /// How many there are, with those that have gone.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The bounds of what workers may hold.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Changes the bounds of what workers may hold.
    pub(super) fn set_bounds(&mut self, bounds: Bounds) {
        let before = std::mem::replace(&mut self.bounds, bounds);
        for number in (0..self.all.len() as u32).map(WorkerNumber) {
            let worker = &self.all[number.index()];
            if worker.has_room(before) != worker.has_room(bounds) {
                self.leave_line(number);
                self.line_up(number);
            }
        }
    }

    /// What all workers hold.
    pub(super) fn all_held(&self) -> impl Iterator<Item = InFlight> {
        (0..self.all.len() as u32).flat_map(|number| self.held(WorkerNumber(number)))
    }

    /// Changes what seldom changes of a worker, which may be new.
    fn change_standing(&mut self, number: WorkerNumber, change: impl FnOnce(&mut Standing)) {
        let count = self.all.len().max(number.index() + 1);
        self.all.resize_with(count, Worker::default);
        self.standing.resize(count, Standing::default());
        self.neighbours.resize(count, Neighbours { before: NONE, behind: NONE });
        let standing = &mut self.standing[number.index()];
        change(standing);
        let readiness = standing.readiness();
        self.leave_line(number);
        self.all[number.index()].readiness = readiness;
        self.line_up(number);
    }

    /// Puts a worker that is in no line at the end of that of its load, if it has room.
    fn line_up(&mut self, number: WorkerNumber) {
        if !self.all[number.index()].has_room(self.bounds) {
            return;
        }
        let Some(WorkerNumber(before)) = self.newcomer.replace(number) else { return };
        let worker = &mut self.all[before as usize];
        worker.in_line = true;
        let load = usize::from(worker.load);
        if self.lines.len() <= load {
            self.lines.resize(load + 1, Line { first: NONE, last: NONE });
        }
        let last = std::mem::replace(&mut self.lines[load].last, before);
        self.neighbours[before as usize] = Neighbours { before: last, behind: NONE };
        match self.neighbours.get_mut(last as usize) {
            Some(neighbours) => neighbours.behind = before,
            None => self.lines[load].first = before,
        }
        self.lowest = self.lowest.min(load);
    }

    /// Takes a worker out of the line of its load, if it is in one.
    fn leave_line(&mut self, number: WorkerNumber) {
        if self.newcomer == Some(number) {
            self.newcomer = None;
            return;
        }
        let worker = &mut self.all[number.index()];
        if !std::mem::take(&mut worker.in_line) {
            return;
        }
        let line = &mut self.lines[usize::from(worker.load)];
        let Neighbours { before, behind } = self.neighbours[number.index()];
        match self.neighbours.get_mut(before as usize) {
            Some(neighbours) => neighbours.behind = behind,
            None => line.first = behind,
        }
        match self.neighbours.get_mut(behind as usize) {
            Some(neighbours) => neighbours.before = before,
            None => line.last = before,
        }
    }

    /// The workers of each line, first to last, with the newcomer in its place.
    fn lines(&self) -> Vec<(usize, Vec<u32>)> {
        let mut lines = Vec::new();
        let newcomer = self.newcomer.map(|number| (usize::from(self.all[number.index()].load), number.0));
        let loads = self.lines.len().max(newcomer.map_or(0, |(load, _)| load + 1));
        for load in 0..loads {
            let mut line = Vec::new();
            let mut at = self.lines.get(load).map_or(NONE, |line| line.first);
            while at != NONE {
                line.push(at);
                at = self.neighbours[at as usize].behind;
            }
            line.extend(newcomer.filter(|(of_newcomer, _)| *of_newcomer == load).map(|(_, number)| number));
            if !line.is_empty() {
                lines.push((load, line));
            }
        }
        lines
    }

    /// Derives the invariants of all workers from scratch; returns whether one with room is idle.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(super) fn check(&self) -> bool {
        for (number, (worker, standing)) in self.all.iter().zip(&self.standing).enumerate() {
            let held: Vec<InFlight> = self.held(WorkerNumber(number as u32)).collect();
            assert!(standing.present || held.is_empty(), "worker {number} is gone and holds nothing");
            let nanos: u32 = held.iter().map(|held| held.nanos.get()).sum();
            let counted = (usize::from(worker.load), worker.held_nanos);
            assert_eq!(counted, (held.len(), nanos), "worker {number} counts what it holds");
            let readiness = standing.readiness();
            assert_eq!(worker.readiness, readiness, "worker {number} is ready if it is there and not engaged");
            assert!(!worker.in_line || self.newcomer != Some(WorkerNumber(number as u32)), "a newcomer has no place");
        }
        let mut in_lines = 0;
        for (load, line) in self.lines() {
            let mut before = NONE;
            for number in line {
                let worker = &self.all[number as usize];
                assert!(
                    worker.has_room(self.bounds) && usize::from(worker.load) == load,
                    "worker {number} is in its line"
                );
                if worker.in_line {
                    let place = self.neighbours[number as usize].before;
                    assert!(place == before && self.lowest <= load, "worker {number} has its place");
                    before = number;
                }
                in_lines += 1;
            }
            let last = self.lines.get(load).map_or(NONE, |line| line.last);
            assert_eq!(last, before, "the line of load {load} ends with its last worker");
        }
        let with_room = self.all.iter().filter(|worker| worker.has_room(self.bounds)).count();
        assert_eq!(in_lines, with_room, "every worker with room stands in line once");
        self.blocks.check();
        self.all.iter().any(|worker| worker.has_room(self.bounds) && worker.load == 0)
    }
}

/// What decides about the future, wherever it lies.
impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = (0..self.all.len() as u32).map(|number| self.held(WorkerNumber(number)).collect::<Vec<_>>());
        f.debug_struct("Workers")
            .field("held", &held.collect::<Vec<_>>())
            .field("standing", &self.standing)
            .field("lines", &self.lines())
            .field("bounds", &self.bounds)
            .finish()
    }
}

/// How much more a worker may hold: it has some room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    load: u16,
    held_nanos: u32,
    isolated: bool,
}

impl Room {
    /// How long the tasks that the worker holds are expected to take together.
    pub(super) fn held_nanos(self) -> u32 {
        self.held_nanos
    }

    /// Whether a task that is expected to take so long has room: any has, on an idle worker. On others a long one has
    /// none, and for the rest the `window` decides. With it comes whether so many more are queued that one may be sent
    /// ahead of another even if they do not fit into the window together.
    pub(super) fn admits(self, nanos: NonZeroU32, prefetch: Prefetch, window: impl FnOnce() -> (u32, bool)) -> bool {
        let may_wait = || match prefetch {
            Prefetch::Never => false,
            Prefetch::Returnable => !self.isolated,
            Prefetch::Always => true,
        };
        let fits = || {
            if nanos.get() > AHEAD_NANOS {
                return false;
            }
            let (window_nanos, ahead) = window();
            self.held_nanos.saturating_add(nanos.get()) <= window_nanos || ahead && self.load == 1
        };
        self.load == 0 || may_wait() && fits()
    }
}

impl Standing {
    fn readiness(self) -> Readiness {
        match (self.present && self.paused == 0 && !self.reserved, self.isolated) {
            (false, _) => Readiness::Away,
            (true, true) => Readiness::Isolated,
            (true, false) => Readiness::Ready,
        }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Worker { holding: Holding::Nothing, held_nanos: 0, load: 0, readiness: Readiness::Away, in_line: false }
    }
}

impl Worker {
    /// Whether it may be given more, if it is short enough.
    fn has_room(&self, bounds: Bounds) -> bool {
        let most_nanos = if self.load == 1 { LONG_NANOS } else { bounds.most_nanos };
        match self.readiness {
            Readiness::Away => false,
            Readiness::Isolated | Readiness::Ready => self.held_nanos < most_nanos && self.load < bounds.held_tasks,
        }
    }

    /// The task that it holds, if it is on record as the only one.
    fn only(&self) -> Option<InFlight> {
        let Holding::One(class, task) = self.holding else { return None };
        Some(InFlight { task, class, nanos: NonZeroU32::new(self.held_nanos)? })
    }
}
