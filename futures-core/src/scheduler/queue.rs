//! The tasks of a client in the order in which they are queued.

use crate::base::ids::TaskNumber;
use std::collections::VecDeque;

/// A queue of task numbers in which consecutive numbers take no room of their own: a client that submits a million
/// tasks while no other does has one entry.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// They come first.
    ahead: Runs,
    others: Runs,
    /// How many numbers there are.
    len: usize,
}

/// Runs of consecutive numbers, of which none is empty.
#[derive(Debug, Default)]
struct Runs(VecDeque<Run>);

/// Consecutive numbers.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    count: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, task: TaskNumber) {
        self.len += 1;
        self.others.push(task);
    }

    /// Puts a number before all that were pushed, behind others that were put there.
    pub(super) fn push_ahead(&mut self, task: TaskNumber) {
        self.len += 1;
        self.ahead.push(task);
    }

    pub(super) fn front(&self) -> Option<TaskNumber> {
        self.ahead.front().or_else(|| self.others.front())
    }

    /// Takes the front away, if there is one.
    pub(super) fn pop(&mut self) {
        let is_there = self.ahead.pop() || self.others.pop();
        self.len -= usize::from(is_there);
    }

    pub(super) fn clear(&mut self) {
        *self = Queue::default();
    }

    /// Leaves only the numbers that are wanted, in their order.
    pub(super) fn retain(&mut self, wanted: impl Fn(TaskNumber) -> bool) {
        self.ahead.retain(&wanted);
        self.others.retain(&wanted);
        self.len = self.iter().count();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = TaskNumber> {
        self.ahead.iter().chain(self.others.iter())
    }
}

impl Runs {
    fn push(&mut self, task: TaskNumber) {
        match self.0.back_mut() {
            Some(run) if run.first + run.count == task.0 => run.count += 1,
            _ => self.0.push_back(Run { first: task.0, count: 1 }),
        }
    }

    fn front(&self) -> Option<TaskNumber> {
        self.0.front().map(|run| TaskNumber(run.first))
    }

    /// Takes the front away; whether there was one.
    fn pop(&mut self) -> bool {
        let Some(run) = self.0.front_mut() else { return false };
        run.first += 1;
        run.count -= 1;
        if run.count == 0 {
            self.0.pop_front();
        }
        true
    }

    fn retain(&mut self, wanted: impl Fn(TaskNumber) -> bool) {
        let before = std::mem::take(self);
        before.iter().filter(|task| wanted(*task)).for_each(|task| self.push(task));
    }

    fn iter(&self) -> impl Iterator<Item = TaskNumber> {
        self.0.iter().flat_map(|run| (run.first..run.first + run.count).map(TaskNumber))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_queue_whatever_the_numbers() {
        let numbers = [5, 6, 7, 9, 8, 10, 11, 3, 4, 5];
        let mut queue = Queue::default();
        numbers.iter().for_each(|number| queue.push(TaskNumber(*number)));
        assert_eq!((queue.len(), queue.others.0.len()), (10, 5));
        assert!(queue.iter().eq(numbers.map(TaskNumber)));
        queue.retain(|task| task.0 != 9);
        assert!(queue.iter().eq([5, 6, 7, 8, 10, 11, 3, 4, 5].map(TaskNumber)));
        for number in [5, 6, 7, 8, 10, 11, 3, 4, 5] {
            assert_eq!(queue.front(), Some(TaskNumber(number)));
            queue.pop();
        }
        assert_eq!((queue.front(), queue.len()), (None, 0));
        queue.pop();
        [20, 21].into_iter().for_each(|number| queue.push(TaskNumber(number)));
        [8, 9, 7, 3].into_iter().for_each(|number| queue.push_ahead(TaskNumber(number)));
        assert_eq!((queue.len(), queue.ahead.0.len()), (6, 3));
        assert!(queue.iter().eq([8, 9, 7, 3, 20, 21].map(TaskNumber)));
        queue.retain(|task| task.0 != 9);
        for number in [8, 7, 3, 20, 21] {
            assert_eq!(queue.front(), Some(TaskNumber(number)));
            queue.pop();
        }
        assert_eq!((queue.front(), queue.len()), (None, 0));
    }

    #[test]
    fn consecutive_numbers_are_one_entry() {
        let mut queue = Queue::default();
        (0..1_000_000).for_each(|number| queue.push(TaskNumber(number)));
        assert_eq!(queue.others.0.len(), 1);
        queue.retain(|task| task.0 >= 999_990);
        assert_eq!((queue.len(), queue.front()), (10, Some(TaskNumber(999_990))));
        queue.clear();
        assert_eq!((queue.len(), queue.front()), (0, None));
    }
}
