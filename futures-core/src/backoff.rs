//! How a thread waits that must look for something again and again: briefly at full speed, then ever more lazily.

use std::time::Duration;

/// Looks that follow one another at once.
const SPINS: u32 = 500;

/// The same where processes share cores: the one that is waited for may need this very core.
const SPINS_CROWDED: u32 = 20;

/// Looks after which other threads may run first.
const YIELDS: u32 = 100;

/// The first sleep; each further one is twice as long.
const FIRST_SLEEP: Duration = Duration::from_micros(5);

/// The pace of a thread that polls.
#[derive(Debug, Clone)]
pub struct Backoff {
    longest: Duration,
    spins: u32,
    looks: u32,
    sleep: Duration,
}

/// What to do before looking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Look again at once.
    Spin,
    /// Let other threads run first.
    Yield,
    /// Sleep for this long.
    Sleep(Duration),
}

impl Backoff {
    /// A pace whose sleeps grow up to `longest`; with zero it never sleeps.
    ///
    /// `crowded` says that there are more processes than cores: then it gives way early, and never spins for long.
    pub fn new(longest: Duration, crowded: bool) -> Self {
        let spins = match (crowded, longest.is_zero()) {
            (true, _) => SPINS_CROWDED,
            (false, true) => u32::MAX,
            (false, false) => SPINS,
        };
        Backoff { longest, spins, looks: 0, sleep: FIRST_SLEEP }
    }

    /// Something was found: start over.
    pub fn reset(&mut self) {
        self.looks = 0;
        self.sleep = FIRST_SLEEP;
    }

    /// Nothing was found: what to do before the next look.
    pub fn pause(&mut self) -> Pause {
        if self.looks < self.spins {
            self.looks += u32::from(self.spins != u32::MAX);
            return Pause::Spin;
        }
        if self.longest.is_zero() || self.looks < self.spins + YIELDS {
            self.looks += u32::from(!self.longest.is_zero());
            return Pause::Yield;
        }
        let sleep = self.sleep.min(self.longest);
        self.sleep = (self.sleep * 2).min(self.longest);
        Pause::Sleep(sleep)
    }

    /// Pauses the calling thread.
    pub fn wait(&mut self) {
        match self.pause() {
            Pause::Spin => std::hint::spin_loop(),
            Pause::Yield => std::thread::yield_now(),
            Pause::Sleep(duration) => std::thread::sleep(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_spins_then_yields_then_sleeps_up_to_the_longest() {
        let longest = Duration::from_micros(12);
        let mut backoff = Backoff::new(longest, false);
        let pauses: Vec<Pause> = (0..SPINS + YIELDS + 4).map(|_| backoff.pause()).collect();
        let sleep = |micros| Pause::Sleep(Duration::from_micros(micros));
        assert_eq!(pauses[0], Pause::Spin);
        assert_eq!(pauses[SPINS as usize], Pause::Yield);
        assert_eq!(pauses[(SPINS + YIELDS) as usize..], [sleep(5), sleep(10), sleep(12), sleep(12)]);
        backoff.reset();
        assert_eq!(backoff.pause(), Pause::Spin);
        let mut spinning = Backoff::new(Duration::ZERO, false);
        assert!((0..10_000).all(|_| spinning.pause() == Pause::Spin));
        let mut crowded = Backoff::new(Duration::ZERO, true);
        assert_eq!((0..10_000).filter(|_| crowded.pause() == Pause::Spin).count(), SPINS_CROWDED as usize);
        assert_eq!(crowded.pause(), Pause::Yield);
    }
}
