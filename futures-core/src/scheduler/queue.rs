//! The tasks of a client in the order in which they are queued.

use crate::base::ids::TaskNumber;
use std::collections::VecDeque;

/// A queue of task numbers in which consecutive numbers take no room of their own: a client that submits a million
/// tasks while no other does has one entry.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// None is empty.
    runs: VecDeque<Run>,
    /// How many numbers there are.
    len: usize,
}

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
        match self.runs.back_mut() {
            Some(run) if run.first + run.count == task.0 => run.count += 1,
            _ => self.runs.push_back(Run { first: task.0, count: 1 }),
        }
    }

    /// Puts a number before all others.
    pub(super) fn push_front(&mut self, task: TaskNumber) {
        self.len += 1;
        match self.runs.front_mut() {
            Some(run) if run.first == task.0 + 1 => {
                run.first = task.0;
                run.count += 1;
            }
            _ => self.runs.push_front(Run { first: task.0, count: 1 }),
        }
    }

    pub(super) fn front(&self) -> Option<TaskNumber> {
        self.runs.front().map(|run| TaskNumber(run.first))
    }

    /// Takes the front away, if there is one.
    pub(super) fn pop(&mut self) {
        let Some(run) = self.runs.front_mut() else { return };
        run.first += 1;
        run.count -= 1;
        self.len -= 1;
        if run.count == 0 {
            self.runs.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Queue::default();
    }

    /// Leaves only the numbers that are wanted, in their order.
    pub(super) fn retain(&mut self, wanted: impl Fn(TaskNumber) -> bool) {
        let before = std::mem::take(self);
        before.iter().filter(|task| wanted(*task)).for_each(|task| self.push(task));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = TaskNumber> {
        self.runs.iter().flat_map(|run| (run.first..run.first + run.count).map(TaskNumber))
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
        assert_eq!((queue.len(), queue.runs.len()), (10, 5));
        assert!(queue.iter().eq(numbers.map(TaskNumber)));
        queue.retain(|task| task.0 != 9);
        assert!(queue.iter().eq([5, 6, 7, 8, 10, 11, 3, 4, 5].map(TaskNumber)));
        for number in [5, 6, 7, 8, 10, 11, 3, 4, 5] {
            assert_eq!(queue.front(), Some(TaskNumber(number)));
            queue.pop();
        }
        assert_eq!((queue.front(), queue.len()), (None, 0));
        queue.pop();
        [8, 7, 9, 3].into_iter().for_each(|number| queue.push_front(TaskNumber(number)));
        queue.push(TaskNumber(9));
        assert_eq!((queue.len(), queue.runs.len()), (5, 3));
        assert!(queue.iter().eq([3, 9, 7, 8, 9].map(TaskNumber)));
    }

    #[test]
    fn consecutive_numbers_are_one_entry() {
        let mut queue = Queue::default();
        (0..1_000_000).for_each(|number| queue.push(TaskNumber(number)));
        assert_eq!(queue.runs.len(), 1);
        queue.retain(|task| task.0 >= 999_990);
        assert_eq!((queue.len(), queue.front()), (10, Some(TaskNumber(999_990))));
        queue.clear();
        assert_eq!((queue.len(), queue.front()), (0, None));
    }
}
