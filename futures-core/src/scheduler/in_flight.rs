//! What workers hold: for each a list of tasks, in lines of the processor's cache that all lists share.

use super::classes::TaskClassNumber;
use crate::base::ids::TaskNumber;
use std::num::NonZeroU32;

/// No block: the end of a list.
const NONE: u32 = u32::MAX;

/// So many tasks fill a block.
const BLOCK_TASKS: usize = 3;

/// When all lists are empty, no more blocks than these are kept.
const BLOCKS_KEPT: usize = 1024;

/// A dispatched task.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) task: TaskNumber,
    pub(super) class: TaskClassNumber,
    /// How long it was expected to take when it was dispatched.
    pub(super) nanos: NonZeroU32,
}

/// The blocks of all lists. A list grows at one end and shrinks at the other, and each touches one block.
#[derive(Debug)]
pub(super) struct Blocks {
    all: Vec<Block>,
    /// The first of those that are in no list; they are linked.
    free: u32,
    /// How many are in lists.
    used: usize,
}

/// Consecutive tasks of a list: at least one.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Block {
    tasks: [InFlight; BLOCK_TASKS],
    /// Where they begin and end.
    begin: u8,
    end: u8,
    next: u32,
}

/// A list: its first block and its last. It has at least one task.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl Blocks {
    /// A list of two tasks.
    pub(super) fn list(&mut self, oldest: InFlight, next: InFlight) -> List {
        let block = self.add(oldest);
        let mut list = List { first: block, last: block };
        self.push(&mut list, next);
        list
    }

    /// Adds a task at the end of a list.
    pub(super) fn push(&mut self, list: &mut List, held: InFlight) {
        let last = &mut self.all[list.last as usize];
        if let Some(place) = last.tasks.get_mut(usize::from(last.end)) {
            *place = held;
            last.end += 1;
            return;
        }
        let block = self.add(held);
        self.all[list.last as usize].next = block;
        list.last = block;
    }

    /// Takes a task out of a list that has it; and whether the list has come to its end by that, and must not be used
    /// any more.
    pub(super) fn take(&mut self, list: &mut List, task: TaskNumber) -> Option<(InFlight, bool)> {
        let block = &mut self.all[list.first as usize];
        let oldest = block.tasks[usize::from(block.begin)];
        if oldest.task != task {
            let taken = self.take_newest(list, task).or_else(|| self.take_from_the_middle(list, task))?;
            return Some((taken, false));
        }
        block.begin += 1;
        if block.begin < block.end {
            return Some((oldest, false));
        }
        let next = block.next;
        self.release(list.first);
        list.first = next;
        Some((oldest, next == NONE))
    }

    /// The tasks of a list, oldest first.
    pub(super) fn iter(&self, list: List) -> impl Iterator<Item = InFlight> {
        let mut at = list.first;
        std::iter::from_fn(move || {
            let block = self.all.get(at as usize)?;
            at = block.next;
            Some(block.tasks[usize::from(block.begin)..usize::from(block.end)].iter().copied())
        })
        .flatten()
    }

    /// Empties a list, which must not be used any more.
    pub(super) fn discard(&mut self, list: List) {
        let mut at = list.first;
        while at != NONE {
            let next = self.all[at as usize].next;
            self.release(at);
            at = next;
        }
    }

    /// Takes a task that is the newest and not the oldest: one that is withdrawn has just been dispatched.
    fn take_newest(&mut self, list: &mut List, task: TaskNumber) -> Option<InFlight> {
        let last = &mut self.all[list.last as usize];
        let newest = last.tasks[usize::from(last.end) - 1];
        if newest.task != task {
            return None;
        }
        if last.begin + 1 < last.end {
            last.end -= 1;
            return Some(newest);
        }
        let mut before = list.first;
        while self.all[before as usize].next != list.last {
            before = self.all[before as usize].next;
        }
        self.all[before as usize].next = NONE;
        self.release(std::mem::replace(&mut list.last, before));
        Some(newest)
    }

    /// Takes a task that is neither the oldest nor the newest. That is rare, and so the list is made anew.
    fn take_from_the_middle(&mut self, list: &mut List, task: TaskNumber) -> Option<InFlight> {
        let taken = self.iter(*list).find(|held| held.task == task)?;
        let rest: Vec<InFlight> = self.iter(*list).filter(|held| held.task != task).collect();
        self.discard(*list);
        // The oldest is another one, and so it is left.
        let first = self.add(rest[0]);
        *list = List { first, last: first };
        rest[1..].iter().for_each(|held| self.push(list, *held));
        Some(taken)
    }

    /// A block of one task.
    fn add(&mut self, held: InFlight) -> u32 {
        self.used += 1;
        let block = Block { tasks: [held; BLOCK_TASKS], begin: 0, end: 1, next: NONE };
        let number = self.free;
        if let Some(free) = self.all.get_mut(number as usize) {
            self.free = std::mem::replace(free, block).next;
            return number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(NONE);
        assert_ne!(number, NONE, "four billion blocks do not fit into memory");
        self.all.push(block);
        number
    }

    fn release(&mut self, number: u32) {
        self.used -= 1;
        self.all[number as usize].next = std::mem::replace(&mut self.free, number);
        if self.used == 0 && self.all.len() > BLOCKS_KEPT {
            *self = Blocks::default();
        }
    }

    /// Derives how many blocks are used from those that are not.
    ///
    /// # Panics
    ///
    /// If they are not counted right.
    pub(super) fn check(&self) {
        let mut free = 0;
        let mut at = self.free;
        while let Some(block) = self.all.get(at as usize) {
            free += 1;
            at = block.next;
        }
        assert_eq!(self.used + free, self.all.len(), "every block is in a list or free");
    }
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks { all: Vec::new(), free: NONE, used: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::classes::{Prefetch, TaskClass, TaskClasses};
    use super::*;
    use crate::base::ids::{ClientNumber, FunctionNumber};
    use std::collections::VecDeque;

    fn held(task: u64) -> InFlight {
        let (client, function) = (ClientNumber(0), FunctionNumber(0));
        let class = TaskClasses::default().number(TaskClass { client, function, prefetch: Prefetch::default() });
        InFlight { task: TaskNumber(task), class, nanos: NonZeroU32::MIN }
    }

    #[test]
    fn a_block_is_a_line_of_the_cache() {
        assert_eq!((size_of::<InFlight>(), size_of::<Block>()), (16, 64));
    }

    /// Three lists beside plain ones: what is taken from them are mostly the oldest.
    #[test]
    fn lists_do_what_plain_lists_do() {
        let mut blocks = Blocks::default();
        let mut lists: [Option<List>; 3] = [None; 3];
        let mut models: [VecDeque<u64>; 3] = Default::default();
        for step in 0..3000u64 {
            let random = (step + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let (which, growing) = ((random % 3) as usize, (step / 500).is_multiple_of(2));
            let (list, model) = (&mut lists[which], &mut models[which]);
            if random / 3 % 10 < if growing { 7 } else { 3 } {
                model.push_back(step);
                match list {
                    Some(list) => blocks.push(list, held(step)),
                    None => {
                        model.push_back(step + 10_000);
                        *list = Some(blocks.list(held(step), held(step + 10_000)));
                    }
                }
            } else if let Some(some) = list {
                let at = [0, 0, 0, model.len() - 1, random as usize % model.len()][random as usize / 7 % 5];
                let task = model.remove(at).expect("it is there");
                let (taken, ended) = blocks.take(some, TaskNumber(task)).expect("it is there");
                assert_eq!((taken.task.0, ended), (task, model.is_empty()));
                list.take_if(|_| ended);
                assert!(list.is_none_or(|mut list| blocks.take(&mut list, TaskNumber(task)).is_none()));
            }
            let tasks: Vec<u64> =
                lists[which].into_iter().flat_map(|list| blocks.iter(list)).map(|held| held.task.0).collect();
            assert!(models[which].iter().eq(&tasks));
            blocks.check();
        }
        lists.into_iter().flatten().for_each(|list| blocks.discard(list));
        blocks.check();
        assert_eq!(blocks.used, 0);
    }

    #[test]
    fn many_blocks_are_given_back_when_nothing_is_held() {
        let mut blocks = Blocks::default();
        let mut list = blocks.list(held(0), held(1));
        (2..10_000).for_each(|task| blocks.push(&mut list, held(task)));
        assert!(blocks.all.len() > BLOCKS_KEPT);
        blocks.discard(list);
        assert_eq!(blocks.all.capacity(), 0);
    }
}
