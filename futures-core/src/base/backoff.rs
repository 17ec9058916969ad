//! How a thread waits that must look for something again and again: briefly at full speed, then ever more lazily.
//!
//! A sleep is an eighth of what has been waited before, so that whoever is waited for is found late by an eighth at the
//! most. Two sides that wait for each other in turn would otherwise each wait for the other's sleep, and both would
//! soon sleep as long as they may. Between two looks nobody yields: on a core where something computes, the system
//! gives the rest of its time slice to that, some milliseconds, while it lets one who has slept run at once.
//!
//! Whoever is called when something comes need not look at all: see [deep sleep](crate::engine::DeepSleep).

use std::time::Duration;

/// Looks that follow one another at once.
const SPINS: u32 = 1000;

/// The same where processes share cores: the one that is waited for may need this very core.
const SPINS_CROWDED: u32 = 20;

/// The first sleep, and by how much each further one is longer.
const FIRST_SLEEP: Duration = Duration::from_micros(10);
const GROWTH: u32 = 8;

/// The pace of a thread that polls.
#[derive(Debug, Clone)]
pub struct Backoff {
    longest: Duration,
    crowded: bool,
    spins: u32,
    looks: u32,
    sleep: Duration,
    /// The sleeps since something was found, together.
    slept: Duration,
}

/// What to do before looking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Look again at once.
    Spin,
    /// Let other threads run first; where there are no sleeps.
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
        Backoff { longest, crowded, spins, looks: 0, sleep: FIRST_SLEEP, slept: Duration::ZERO }
    }

    /// Something was found: start over.
    pub fn reset(&mut self) {
        self.looks = 0;
        self.sleep = FIRST_SLEEP;
        self.slept = Duration::ZERO;
    }

    /// Nothing was found: what to do before the next look.
    pub fn pause(&mut self) -> Pause {
        if self.looks < self.spins {
            self.looks += u32::from(self.spins != u32::MAX);
            return Pause::Spin;
        }
        if self.longest.is_zero() {
            return Pause::Yield;
        }
        let sleep = self.sleep.min(self.longest);
        self.sleep = (self.sleep + self.sleep / GROWTH).min(self.longest);
        self.slept += sleep;
        Pause::Sleep(sleep)
    }

    /// The longest sleep.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// The sleeps since something was found, together.
    pub(crate) fn slept(&self) -> Duration {
        self.slept
    }

    /// What [`pause`](Self::pause) says, for a thread that is not needed for a while, by what `patience` finds out: it
    /// then sleeps no shorter. Where processes share cores it does not even spin first, which would take time from those
    /// that work.
    pub fn pause_patiently(&mut self, patience: impl FnOnce() -> Duration) -> Pause {
        if self.longest.is_zero() || !(self.crowded || self.looks >= self.spins) {
            return self.pause();
        }
        let patience = patience().min(self.longest);
        if !patience.is_zero() {
            self.looks = self.spins;
        }
        match self.pause() {
            Pause::Sleep(sleep) => Pause::Sleep(sleep.max(patience)),
            other => other,
        }
    }

    /// Pauses the calling thread.
    pub fn wait(&mut self) {
        self.pause().carry_out(std::thread::sleep);
    }
}

impl Pause {
    /// Pauses the calling thread, which sleeps in its own way.
    pub fn carry_out(self, sleep: impl FnOnce(Duration)) {
        match self {
            Pause::Spin => std::hint::spin_loop(),
            Pause::Yield => std::thread::yield_now(),
            Pause::Sleep(duration) => sleep(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_spins_and_then_sleeps_up_to_the_longest() {
        let longest = Duration::from_micros(12);
        let mut backoff = Backoff::new(longest, false);
        let pauses: Vec<Pause> = (0..SPINS + 4).map(|_| backoff.pause()).collect();
        let sleep = |nanos| Pause::Sleep(Duration::from_nanos(nanos));
        assert_eq!(pauses[0], Pause::Spin);
        assert_eq!(pauses[SPINS as usize - 1], Pause::Spin);
        assert_eq!(pauses[SPINS as usize..], [sleep(10_000), sleep(11_250), sleep(12_000), sleep(12_000)]);
        backoff.reset();
        assert_eq!(backoff.pause(), Pause::Spin);
    }

    #[test]
    fn who_is_not_needed_sleeps_longer() {
        let (longest, patience) = (Duration::from_micros(500), Duration::from_micros(200));
        let mut alone = Backoff::new(longest, false);
        assert!((0..SPINS).all(|_| alone.pause_patiently(|| patience) == Pause::Spin));
        assert_eq!(alone.pause_patiently(|| patience), Pause::Sleep(patience));
        let mut crowded = Backoff::new(longest, true);
        assert_eq!(crowded.pause_patiently(|| Duration::ZERO), Pause::Spin);
        assert_eq!(crowded.pause_patiently(|| patience), Pause::Sleep(patience));
        assert_eq!(crowded.pause_patiently(|| 10 * patience), Pause::Sleep(longest));
        assert_ne!(crowded.pause_patiently(|| Duration::ZERO), Pause::Spin);
        assert_eq!(Backoff::new(Duration::ZERO, true).pause_patiently(|| patience), Pause::Spin);
    }

    #[test]
    fn without_sleeps_it_spins_and_gives_way_where_processes_share_cores() {
        let mut spinning = Backoff::new(Duration::ZERO, false);
        assert!((0..10_000).all(|_| spinning.pause() == Pause::Spin));
        let mut crowded = Backoff::new(Duration::ZERO, true);
        assert_eq!((0..10_000).filter(|_| crowded.pause() == Pause::Spin).count(), SPINS_CROWDED as usize);
        assert_eq!(crowded.pause(), Pause::Yield);
    }

    #[test]
    fn a_sleep_is_a_small_part_of_the_wait() {
        let mut backoff = Backoff::new(Duration::from_millis(1), true);
        let mut waited = Duration::ZERO;
        for _ in 0..SPINS_CROWDED + 1000 {
            if let Pause::Sleep(duration) = backoff.pause() {
                assert!(duration <= FIRST_SLEEP + waited / GROWTH, "{duration:?} after {waited:?}");
                waited += duration;
            }
        }
        assert_eq!(backoff.pause(), Pause::Sleep(Duration::from_millis(1)));
    }
}
