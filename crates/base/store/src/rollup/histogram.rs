//! A small histogram of durations on a logarithmic scale: four buckets for each doubling, from 1 ms to centuries.
//!
//! Percentiles are read with at most 12 % error, and histograms of minutes add up to those of hours and days.

use minicbor::{Decode, Encode};

/// Counts of durations in milliseconds; holds only buckets that are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Histogram(#[n(0)] Vec<Bucket>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Bucket {
    #[n(0)]
    index: u8,
    #[n(1)]
    count: u32,
}

/// Bucket of a duration: 0 for zero, then four for each power of two.
fn index_of(ms: u64) -> u8 {
    let Some(power) = ms.checked_ilog2() else { return 0 };
    let quarter = if power >= 2 { (ms >> (power - 2)) & 3 } else { (ms << (2 - power)) & 3 };
    u8::try_from(1 + u64::from(power) * 4 + quarter).unwrap_or(u8::MAX)
}

/// Where a bucket begins and how wide it is, in milliseconds.
fn bounds(index: u8) -> (f64, f64) {
    let Some(index) = index.checked_sub(1) else { return (0.0, 0.0) };
    let power = f64::from(1_u32 << (index / 4 % 32)) * if index >= 128 { 4_294_967_296.0 } else { 1.0 };
    (power * (1.0 + f64::from(index % 4) / 4.0), power / 4.0)
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, ms: u64) {
        self.add_bucket(index_of(ms), 1);
    }

    /// Counts everything the other has counted.
    pub fn merge(&mut self, other: &Histogram) {
        other.0.iter().for_each(|bucket| self.add_bucket(bucket.index, bucket.count));
    }

    fn add_bucket(&mut self, index: u8, count: u32) {
        match self.0.binary_search_by_key(&index, |bucket| bucket.index) {
            Ok(place) => self.0[place].count = self.0[place].count.saturating_add(count),
            Err(place) => self.0.insert(place, Bucket { index, count }),
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|bucket| u64::from(bucket.count)).sum()
    }

    /// The duration in milliseconds below which the share `p` (0 to 1) lies; none when nothing was counted.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn percentile_ms(&self, p: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = p.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for bucket in &self.0 {
            let count = f64::from(bucket.count);
            if below + count >= rank {
                let (start, width) = bounds(bucket.index);
                return Some(start + width * ((rank - below) / count).clamp(0.0, 1.0));
            }
            below += count;
        }
        self.0.last().map(|bucket| bounds(bucket.index).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_hold_their_durations() {
        for ms in (0..5_000).chain([1 << 20, (1 << 33) + 7, 1 << 40, 1 << 62]) {
            let (start, width) = bounds(index_of(ms));
            #[expect(clippy::cast_precision_loss, reason = "a test")]
            let exact = ms as f64;
            assert!(start <= exact && exact < start + width.max(1.0), "{ms} is not in {start}+{width}");
        }
    }

    proptest! {
        #[test]
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test")]
        fn percentiles_are_near(mut durations in prop::collection::vec(1_u64..10_000_000, 1..300), p in 0.05_f64..0.99) {
            let mut histogram = Histogram::default();
            durations.iter().for_each(|&ms| histogram.add(ms));
            durations.sort_unstable();
            let place = ((p * durations.len() as f64).ceil() as usize).clamp(1, durations.len()) - 1;
            let (exact, found) = (durations[place] as f64, histogram.percentile_ms(p).unwrap());
            prop_assert!((found - exact).abs() <= exact * 0.25 + 1.0, "{found} instead of {exact}");
        }

        #[test]
        fn merging_is_counting_both(a in prop::collection::vec(0_u64..1_000_000, 0..50), b in prop::collection::vec(0_u64..1_000_000, 0..50)) {
            let of = |durations: &[u64]| {
                let mut histogram = Histogram::default();
                durations.iter().for_each(|&ms| histogram.add(ms));
                histogram
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
