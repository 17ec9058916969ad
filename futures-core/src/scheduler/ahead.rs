//! What may be sent to a worker ahead of its turn, and for how long workers have enough to do.

use super::classes::{Prefetch, TaskClass, TaskClassNumber};
use super::window::{Bounds, LONG};
use super::{QUEUED_FOR_EACH, Scheduler};
use std::num::NonZeroU32;

impl Scheduler {
    /// How long a task of a kind is expected to take, and whether it may be sent ahead: one that may not counts as
    /// long, so that nothing is sent behind it.
    pub(super) fn expectation(&self, class: TaskClassNumber) -> (NonZeroU32, Prefetch) {
        let TaskClass { function, prefetch, .. } = self.classes.get(class);
        let nanos = if prefetch == Prefetch::Never { LONG } else { self.estimates.nanos(function) };
        (nanos, prefetch)
    }

    /// Whether a worker that could be given a task has none.
    pub(crate) fn has_idle(&self) -> bool {
        self.workers.has_idle()
    }

    /// Whether so many tasks are queued that one behind another is not the last to be done.
    fn is_deep(&self) -> bool {
        self.queued.len() > QUEUED_FOR_EACH * self.workers.count()
    }

    /// How much work a worker may hold, if all that is queued is expected to take as long as the next, and whether the
    /// next may be sent ahead of another where both do not fit into that.
    pub(super) fn window(&self, class: TaskClassNumber, nanos: NonZeroU32) -> (u32, bool) {
        let TaskClass { function, prefetch, .. } = self.classes.get(class);
        if prefetch == Prefetch::Never || !self.estimates.is_steady(function) {
            return (self.workers.bounds().least_nanos(nanos), false);
        }
        let window = self.workers.bounds().window_nanos(nanos, self.queued.len(), self.workers.count());
        (window, self.is_deep())
    }

    /// Messages to some workers and back take so long: what all of them may hold follows.
    pub(super) fn follow_round_trip(&mut self, nanos: u32) {
        if !self.broken {
            self.workers.set_bounds(Bounds::new(nanos));
        }
    }

    /// How long the master may leave the workers alone, as they have so much ahead; zero if there is no telling.
    pub(crate) fn patience_nanos(&mut self) -> u32 {
        let Some(turn) = self.round_robin.front().copied() else { return 0 };
        let (_, class) = self.next_queued(turn);
        let (nanos, _) = self.expectation(class);
        match self.window(class, nanos) {
            // At least so much is at hand when a worker has just begun a task, unless it holds tasks of another
            // function, behind which the next did not fit; but for what is on its way.
            (window_nanos, true) => {
                let held_nanos = self.workers.first().map_or(u32::MAX, |(_, room)| room.held_nanos());
                let there = window_nanos.max(nanos.get()).min(held_nanos);
                there.saturating_sub(self.workers.bounds().round_trip_nanos()) / 4
            }
            _ => 0,
        }
    }
}
