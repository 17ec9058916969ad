//! How much work a worker may hold at once, from how long its tasks take.

/// How much work a worker should hold: enough to be busy while a message travels there and back.
const HELD_NANOS: u64 = 200_000;

/// The most tasks that a worker may hold.
const MOST: u64 = 1024;

/// The window of one worker: one task until its tasks have shown themselves to be short.
///
/// Long tasks are given out one at a time, to whoever is free; of short ones so many are sent ahead that about
/// 0.2 ms of work is there. The measure is the mean of the worker's execution times with weights that halve every five
/// or six tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    size: usize,
    /// Eight times the mean, so that small times are not lost to rounding.
    mean_nanos_times_8: Option<u64>,
}

impl Window {
    pub(super) fn new() -> Self {
        Window { size: 1, mean_nanos_times_8: None }
    }

    /// How many tasks the worker may hold.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Takes note of how long a task took.
    pub(super) fn observe(&mut self, nanos: u64) {
        // An hour is long enough, and keeps the sum from overflowing.
        let nanos = nanos.min(3_600_000_000_000);
        let mean = match self.mean_nanos_times_8 {
            Some(mean) => mean - mean / 8 + nanos,
            None => nanos * 8,
        };
        self.mean_nanos_times_8 = Some(mean);
        let wanted = (HELD_NANOS * 8 / mean.max(1)).clamp(1, MOST) as usize;
        self.size = wanted.min(self.size * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(times: impl IntoIterator<Item = u64>) -> usize {
        let mut window = Window::new();
        times.into_iter().for_each(|nanos| window.observe(nanos));
        window.size()
    }

    #[test]
    fn short_tasks_open_the_window_and_a_long_one_closes_it() {
        assert_eq!(after([]), 1);
        assert_eq!(after([500]), 2);
        assert_eq!(after([0; 9]), 512);
        assert_eq!(after([100; 100]), MOST as usize);
        assert_eq!(after([20_000; 100]), 10);
        assert_eq!(after([1_000_000; 100]), 1);
        assert_eq!(after([500; 100].into_iter().chain([10_000_000])), 1);
        assert_eq!(after([u64::MAX; 100]), 1);
    }
}
