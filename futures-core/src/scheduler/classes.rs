//! Kinds of tasks: a client and a function, named together by one small number, because millions of tasks may be
//! queued.

use crate::base::ids::{ClientNumber, FunctionNumber};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// The number of a kind: one more than its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskClassNumber(NonZeroU32);

/// What the tasks of a kind have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskClass {
    pub(super) client: ClientNumber,
    pub(super) function: FunctionNumber,
    pub(super) prefetch: Prefetch,
}

/// Whether a task may be sent to a worker that has another one to do before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Prefetch {
    /// Never, and none is sent behind it.
    Never,
    /// To workers from which it can come back.
    #[default]
    Returnable,
    /// To all workers.
    Always,
}

impl From<Option<bool>> for Prefetch {
    /// By what a program has said about it.
    fn from(wanted: Option<bool>) -> Self {
        match wanted {
            Some(false) => Prefetch::Never,
            None => Prefetch::Returnable,
            Some(true) => Prefetch::Always,
        }
    }
}

/// The kinds of all tasks that there are, and of those that their clients may still submit.
#[derive(Debug, Default)]
pub(super) struct TaskClasses {
    /// By number.
    all: Vec<TaskClass>,
    numbers: BTreeMap<(ClientNumber, FunctionNumber, Prefetch), TaskClassNumber>,
    /// Numbers of kinds that are of no use any more.
    free: Vec<TaskClassNumber>,
    /// The kind that was asked for last; mostly the next is the same. No client that is forgotten asks again.
    last: Option<(TaskClass, TaskClassNumber)>,
}

impl TaskClasses {
    /// The number of a kind, which may be new.
    pub(super) fn number(&mut self, class: TaskClass) -> TaskClassNumber {
        match self.last {
            Some((last, number)) if last == class => number,
            _ => self.find(class),
        }
    }

    pub(super) fn get(&self, number: TaskClassNumber) -> TaskClass {
        self.all[number.index()]
    }

    /// A client submits nothing more and has no tasks: its kinds may be forgotten.
    pub(super) fn forget(&mut self, client: ClientNumber) {
        let (first, last) = (FunctionNumber(0), FunctionNumber(u32::MAX));
        let of_client = (client, first, Prefetch::Never)..=(client, last, Prefetch::Always);
        let old: Vec<_> = self.numbers.range(of_client).map(|(key, number)| (*key, *number)).collect();
        for (key, number) in old {
            self.numbers.remove(&key);
            self.free.push(number);
        }
    }

    fn find(&mut self, class: TaskClass) -> TaskClassNumber {
        let key = (class.client, class.function, class.prefetch);
        let number = self.numbers.get(&key).copied().unwrap_or_else(|| self.add(class));
        self.numbers.insert(key, number);
        self.last = Some((class, number));
        number
    }

    fn add(&mut self, class: TaskClass) -> TaskClassNumber {
        if let Some(number) = self.free.pop() {
            self.all[number.index()] = class;
            return number;
        }
        self.all.push(class);
        let number = u32::try_from(self.all.len()).ok().and_then(NonZeroU32::new);
        TaskClassNumber(number.expect("four billion kinds of tasks do not fit into memory"))
    }
}

impl TaskClassNumber {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(client: u32, function: u32) -> TaskClass {
        let prefetch = if function == 7 { Prefetch::Never } else { Prefetch::Always };
        TaskClass { client: ClientNumber(client), function: FunctionNumber(function), prefetch }
    }

    #[test]
    fn a_kind_keeps_its_number_until_its_client_is_forgotten() {
        let mut classes = TaskClasses::default();
        let all = [class(0, 7), class(1, 7), class(0, 0), class(2, u32::MAX)];
        let numbers = all.map(|class| classes.number(class));
        assert_eq!(all.map(|class| classes.number(class)), numbers);
        assert_eq!(numbers.map(|number| classes.get(number)), all);
        classes.forget(ClientNumber(0));
        assert_eq!([1, 3].map(|at| classes.number(all[at])), [numbers[1], numbers[3]]);
        // The numbers of the forgotten are used again, so that the table does not grow with every client.
        let new = [class(3, 1), class(3, 2)].map(|class| classes.number(class));
        assert_eq!(new.map(|number| classes.get(number)), [class(3, 1), class(3, 2)]);
        assert_eq!(classes.all.len(), all.len());
    }
}
