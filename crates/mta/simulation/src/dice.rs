//! Numbers from a seed (SplitMix64): one stream for each part of the world, so that what one part draws does not change
//! what another gets.

use std::time::Duration;

use model::hash::{GAMMA, fnv1a, mix};

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of this topic under this seed.
    pub fn new(seed: u64, topic: &str) -> Self {
        Dice(seed.wrapping_mul(GAMMA) ^ fnv1a(topic.bytes()))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// A number from `first` to `last`, both included.
    pub fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// A length of time from `first_ms` to `last_ms` milliseconds.
    pub fn millis(&mut self, first_ms: u64, last_ms: u64) -> Duration {
        Duration::from_millis(self.within(first_ms, last_ms))
    }
}
