//! Time from acceptance to delivery, as a histogram with a fixed relative width.
//!
//! Bucket `b` holds times from `1.1^b - 1` to `1.1^(b+1) - 1` milliseconds: ten per cent wide, about 230 buckets up to a
//! month. A percentile is the middle of its bucket.

const BASE: f64 = 1.1;

/// Buckets beyond this one are counted in it.
const BUCKET_MAX: u16 = 240;

/// The bucket of a time.
pub(crate) fn bucket(milliseconds: u64) -> u16 {
    let bucket = ((milliseconds as f64 + 1.0).ln() / BASE.ln()).floor();
    (bucket as u16).min(BUCKET_MAX)
}

/// Within what time this share (0 to 1) was delivered, in seconds; `None` when nothing was. Buckets in ascending order.
pub(crate) fn percentile_s(buckets: &[(u16, u64)], share: f64) -> Option<f64> {
    let total: u64 = buckets.iter().map(|(_, count)| count).sum();
    let wanted = (total as f64 * share).ceil().max(1.0) as u64;
    let mut seen = 0;
    for (bucket, count) in buckets {
        seen += count;
        if seen >= wanted {
            let milliseconds = BASE.powf(f64::from(*bucket) + 0.5) - 1.0;
            return Some((milliseconds / 10.0).round() / 100.0);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_of_nothing_and_of_one() {
        assert_eq!(percentile_s(&[], 0.5), None);
        assert_eq!(percentile_s(&[(bucket(1_000), 1)], 0.95), Some(1.0));
        assert_eq!(percentile_s(&[(bucket(0), 3)], 0.5), Some(0.0));
    }

    proptest! {
        #[test]
        fn percentiles_are_right_within_ten_per_cent(mut times in prop::collection::vec(1_000_u64..400_000_000, 1..200)) {
            times.sort_unstable();
            let mut buckets: Vec<(u16, u64)> = Vec::new();
            for time in &times {
                match buckets.last_mut() {
                    Some((last, count)) if *last == bucket(*time) => *count += 1,
                    _ => buckets.push((bucket(*time), 1)),
                }
            }
            for share in [0.5, 0.95] {
                let exact = times[((times.len() as f64 * share).ceil() as usize).max(1) - 1] as f64 / 1_000.0;
                let found = percentile_s(&buckets, share).unwrap();
                prop_assert!((found - exact).abs() <= exact * 0.1 + 0.01, "{} for {}", found, exact);
            }
        }
    }
}
