//! Random numbers that are the same for ever: SplitMix64, whose whole state is one number.

/// A stream of numbers that a seed determines.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        // The increment and the two factors of Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0; small ones are not preferred by more than one in billions.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// A number from 0 to about `largest`, each order of magnitude as likely as the others.
    pub fn magnitude(&mut self, largest: u64) -> u64 {
        let bits = self.below(u64::from(largest.ilog2()) + 1);
        self.below(2 << bits)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_published_ones() {
        // The first outputs of the reference implementation for the seed 1234567.
        let mut random = Random::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.number()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn ranges_are_kept_and_reached() {
        let mut random = Random::new(1);
        let numbers: Vec<u64> = (0..1000).map(|_| random.between(3, 7)).collect();
        assert!((3..=7).all(|wanted| numbers.contains(&wanted)) && numbers.iter().all(|n| (3..=7).contains(n)));
        assert!((0..1000).all(|_| random.magnitude(1000) < 1024));
        assert!((0..1000).all(|_| random.percent(100) && !random.percent(0)));
    }
}
