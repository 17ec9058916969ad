//! What a worker was sent ahead of other tasks, and how far it is with giving it back.

use crate::base::ids::TaskNumber;
use std::collections::VecDeque;
use std::time::Duration;

/// What a worker was sent ahead of other tasks.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The tasks that it has not answered and that were sent while it had others, with their numbers among all that it
    /// was sent; oldest first. Their arguments are kept.
    pub(super) tasks: VecDeque<(u64, TaskNumber)>,
    /// How many tasks it was given in all.
    pub(super) given: u64,
    /// Whether it is among those that are looked at.
    pub(super) listed: bool,
    /// How many it had answered at the last look, and since when.
    pub(super) answered: u64,
    pub(super) since: Duration,
    pub(super) recall: Recall,
}

/// How far a worker is with giving tasks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Recall {
    #[default]
    None,
    /// It was asked for the tasks from this number on; it is engaged.
    Asked(u64),
    /// It has given back what it had, and has not answered the rest; it is engaged.
    Emptied,
}

impl Ahead {
    /// The tasks, oldest first.
    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskNumber> {
        self.tasks.iter().map(|(_, task)| *task)
    }
}
