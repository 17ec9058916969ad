//! The workers that can take more work, ordered by how much they hold.

use crate::ids::WorkerNumber;

/// No worker: the end of a list.
const NONE: u32 = u32::MAX;

/// Lists of workers by load, with every operation in constant time whatever the number of workers.
///
/// Invariant: a worker is in at most one list. Within a list the worker that came first is taken first.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// The list of the workers of each load.
    lists: Vec<List>,
    /// For each worker its neighbours and its list, if it is in one.
    links: Vec<Option<Link>>,
    /// No list below this load has a worker.
    lowest: usize,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    load: usize,
    previous: u32,
    next: u32,
}

impl Ready {
    /// Puts a worker at the end of the list of its load, wherever it was before.
    pub(super) fn insert(&mut self, worker: WorkerNumber, load: usize) {
        self.remove(worker);
        if self.links.len() <= worker.index() {
            self.links.resize(worker.index() + 1, None);
        }
        if self.lists.len() <= load {
            self.lists.resize(load + 1, List { first: NONE, last: NONE });
        }
        let previous = std::mem::replace(&mut self.lists[load].last, worker.0);
        self.links[worker.index()] = Some(Link { load, previous, next: NONE });
        match self.link(previous) {
            Some(neighbour) => neighbour.next = worker.0,
            None => self.lists[load].first = worker.0,
        }
        self.lowest = self.lowest.min(load);
    }

    /// Takes a worker out, if it is in a list.
    pub(super) fn remove(&mut self, worker: WorkerNumber) {
        let Some(Link { load, previous, next }) = self.links.get_mut(worker.index()).and_then(Option::take) else {
            return;
        };
        match self.link(previous) {
            Some(neighbour) => neighbour.next = next,
            None => self.lists[load].first = next,
        }
        match self.link(next) {
            Some(neighbour) => neighbour.previous = previous,
            None => self.lists[load].last = previous,
        }
    }

    /// The worker with the least load, among equals the one that has been in its list for the longest time.
    pub(super) fn first(&mut self) -> Option<WorkerNumber> {
        while self.lowest < self.lists.len() {
            let first = self.lists[self.lowest].first;
            if first != NONE {
                return Some(WorkerNumber(first));
            }
            self.lowest += 1;
        }
        None
    }

    /// The load of the list in which a worker is.
    pub(super) fn load(&self, worker: WorkerNumber) -> Option<usize> {
        self.links.get(worker.index()).copied().flatten().map(|link| link.load)
    }

    fn link(&mut self, worker: u32) -> Option<&mut Link> {
        self.links.get_mut(worker as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_loaded_comes_first_and_equals_take_turns() {
        let mut ready = Ready::default();
        assert_eq!(ready.first(), None);
        for (worker, load) in [(0, 1), (1, 0), (2, 0), (3, 5)] {
            ready.insert(WorkerNumber(worker), load);
        }
        let mut order = Vec::new();
        while let Some(worker) = ready.first() {
            order.push(worker.0);
            ready.remove(worker);
        }
        assert_eq!(order, [1, 2, 0, 3]);
        ready.insert(WorkerNumber(3), 2);
        ready.insert(WorkerNumber(3), 0);
        ready.insert(WorkerNumber(1), 0);
        assert_eq!((ready.first(), ready.load(WorkerNumber(3))), (Some(WorkerNumber(3)), Some(0)));
        ready.remove(WorkerNumber(3));
        ready.remove(WorkerNumber(3));
        assert_eq!((ready.first(), ready.load(WorkerNumber(3))), (Some(WorkerNumber(1)), None));
    }
}
