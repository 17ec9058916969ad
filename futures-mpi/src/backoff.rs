//! How an idle wait gives the processor away: it spins, then yields, then sleeps longer and longer. Knows nothing of MPI.

use std::time::Duration;

/// Looks without pause before the first yield; with a probe between them, some tens of microseconds.
const SPINS: u32 = 500;
/// The same where processes share cores: the peer may be waiting for this very core.
const SPINS_CROWDED: u32 = 20;
/// Yields before the first sleep.
const YIELDS: u32 = 100;
/// The first sleep; each further one is twice as long.
const FIRST_SLEEP: Duration = Duration::from_micros(10);

/// One idle wait.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    longest: Duration,
    spins: u32,
    turns: u32,
}

/// What a wait does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Spin,
    Yield,
    Sleep(Duration),
}

impl Backoff {
    /// A wait that sleeps for up to `longest` at a time, and never if that is zero. `crowded`: there are more processes
    /// than cores.
    pub(crate) fn new(longest: Duration, crowded: bool) -> Self {
        Backoff { longest, spins: if crowded { SPINS_CROWDED } else { SPINS }, turns: 0 }
    }

    /// Begins again, after something has come.
    pub(crate) fn reset(&mut self) {
        self.turns = 0;
    }

    /// Passes a moment.
    pub(crate) fn wait(&mut self) {
        match self.step() {
            Step::Spin => std::hint::spin_loop(),
            Step::Yield => std::thread::yield_now(),
            Step::Sleep(time) => std::thread::sleep(time),
        }
    }

    fn step(&mut self) -> Step {
        let turn = self.turns;
        self.turns = turn.saturating_add(1);
        if turn < self.spins {
            return Step::Spin;
        }
        if self.longest.is_zero() {
            // Never asleep; but where cores are shared, spinning on would keep the awaited process from running.
            return if self.spins == SPINS_CROWDED { Step::Yield } else { Step::Spin };
        }
        match turn - self.spins {
            yields if yields < YIELDS => Step::Yield,
            turns => Step::Sleep((FIRST_SLEEP * (1 << (turns - YIELDS).min(20))).min(self.longest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(backoff: &mut Backoff, count: u32) -> Vec<Step> {
        (0..count).map(|_| backoff.step()).collect()
    }

    #[test]
    fn spins_then_yields_then_sleeps_up_to_the_longest() {
        let longest = Duration::from_micros(35);
        let mut backoff = Backoff::new(longest, false);
        for _ in 0..2 {
            assert!(steps(&mut backoff, SPINS).iter().all(|step| *step == Step::Spin));
            assert!(steps(&mut backoff, YIELDS).iter().all(|step| *step == Step::Yield));
            let sleeps = [10, 20, 35, 35].map(|micros| Step::Sleep(Duration::from_micros(micros)));
            assert_eq!(steps(&mut backoff, 4), sleeps);
            backoff.turns = u32::MAX;
            assert_eq!(backoff.step(), Step::Sleep(longest));
            backoff.reset();
        }
    }

    #[test]
    fn zero_never_sleeps() {
        assert!(steps(&mut Backoff::new(Duration::ZERO, false), 9999).iter().all(|step| *step == Step::Spin));
        assert!(
            !steps(&mut Backoff::new(Duration::ZERO, true), 9999).iter().any(|step| matches!(step, Step::Sleep(_)))
        );
    }
}
