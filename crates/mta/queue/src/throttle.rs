//! One rate limit: the generic cell rate algorithm (GCRA, ITU-T I.371) with a burst.
//!
//! Pure; time comes in as an argument. Invariants: in any window of length W at most `burst + W / interval` leave, and
//! whatever the clock does, nobody waits longer than `burst + 1` intervals (a clock that was set back does not starve).

use model::time::Timestamp;
use model::units::{ByteRate, Rate};

/// A limit on how many may leave in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Time between two, in nanoseconds, rounded up.
    interval_ns: i64,
    /// How far ahead of the even pace one may be, in nanoseconds: `(burst - 1) × interval`.
    tolerance_ns: i64,
    /// When the next one would leave at an even pace, in nanoseconds since the Unix epoch.
    next_ns: i64,
}

impl Throttle {
    /// A limit with its whole burst to spend.
    pub fn new(rate: Rate) -> Self {
        let (interval_ns, tolerance_ns) = shape(rate);
        Throttle { interval_ns, tolerance_ns, next_ns: i64::MIN / 4 }
    }

    /// Another rate from now on. What was spent stays spent; no new burst is given.
    pub fn set_rate(&mut self, now: Timestamp, rate: Rate) {
        let (interval_ns, tolerance_ns) = shape(rate);
        if (interval_ns, tolerance_ns) == (self.interval_ns, self.tolerance_ns) {
            return;
        }
        let now_ns = nanos(now);
        // Express what is left of the old burst in the new pace, at most the new burst.
        let left = self.burst_left(now_ns).min(tolerance_ns / interval_ns + 1);
        (self.interval_ns, self.tolerance_ns) = (interval_ns, tolerance_ns);
        self.next_ns = now_ns + tolerance_ns - (left - 1) * interval_ns;
    }

    /// Another pace from now on, set as often as one likes: what has to be waited for the next one is stretched or
    /// shortened with it, where [`Throttle::set_rate`] would begin to wait anew.
    pub fn rescale(&mut self, now: Timestamp, rate: Rate) {
        let now_ns = nanos(now);
        let ahead_ns = self.clamped_next(now_ns).max(now_ns) - now_ns;
        let (interval_ns, tolerance_ns) = shape(rate);
        let ahead_ns = i128::from(ahead_ns) * i128::from(interval_ns) / i128::from(self.interval_ns);
        (self.interval_ns, self.tolerance_ns) = (interval_ns, tolerance_ns);
        self.next_ns = now_ns.saturating_add(i64::try_from(ahead_ns).unwrap_or(i64::MAX / 16));
    }

    /// How many may leave now, at most `wanted`.
    pub fn available(&self, now: Timestamp, wanted: u32) -> u32 {
        let left = self.burst_left(nanos(now));
        u32::try_from(left.clamp(0, i64::from(wanted))).unwrap_or(wanted)
    }

    /// Counts `count` as gone; call with what [`Throttle::available`] allowed.
    pub fn take(&mut self, now: Timestamp, count: u32) {
        let now_ns = nanos(now);
        let base = self.clamped_next(now_ns).max(now_ns);
        self.next_ns = base.saturating_add(self.interval_ns.saturating_mul(i64::from(count)));
    }

    /// When at least one may leave; `now` or earlier when it may at once.
    pub fn ready_at(&self, now: Timestamp) -> Timestamp {
        let at_ns = self.clamped_next(nanos(now)).saturating_sub(self.tolerance_ns);
        Timestamp(at_ns.saturating_add(999).div_euclid(1_000))
    }

    /// Whole ones left of the burst; below 1 when none may leave.
    fn burst_left(&self, now_ns: i64) -> i64 {
        let ahead = self.clamped_next(now_ns).max(now_ns).saturating_sub(now_ns);
        (self.tolerance_ns.saturating_sub(ahead)).div_euclid(self.interval_ns) + 1
    }

    /// `next_ns`, but never further ahead than it can have come by itself: else the clock was set back.
    fn clamped_next(&self, now_ns: i64) -> i64 {
        self.next_ns.min(now_ns.saturating_add(self.tolerance_ns).saturating_add(self.interval_ns))
    }
}

/// A limit on how many bytes may leave in a time, with debts: a message may leave while anything is left, and what it
/// took too much is waited for afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteThrottle {
    rate: ByteRate,
    /// When the next byte would leave at an even pace, in nanoseconds since the Unix epoch.
    next_ns: i64,
    /// The latest time seen: a clock that is set back takes the debt with it.
    seen_ns: i64,
}

impl ByteThrottle {
    /// A limit with its whole burst to spend.
    pub fn new(rate: ByteRate) -> Self {
        ByteThrottle { rate, next_ns: i64::MIN / 4, seen_ns: i64::MIN / 4 }
    }

    /// True when anything is left.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ready_at(now) <= now
    }

    /// Counts bytes as gone.
    pub fn take(&mut self, now: Timestamp, bytes: u64) {
        let now_ns = nanos(now);
        self.next_ns = self.next_at(now_ns).max(now_ns).saturating_add(self.time_of(bytes));
        self.seen_ns = now_ns;
    }

    /// When a message may leave; `now` or earlier when it may at once.
    pub fn ready_at(&self, now: Timestamp) -> Timestamp {
        // One byte less than the burst: with a debt of the whole burst nothing is left.
        let at_ns = self.next_at(nanos(now)).saturating_sub(self.time_of(self.rate.burst.saturating_sub(1)));
        Timestamp(at_ns.saturating_add(999).div_euclid(1_000))
    }

    fn next_at(&self, now_ns: i64) -> i64 {
        self.next_ns.saturating_sub(self.seen_ns.saturating_sub(now_ns).max(0))
    }

    fn time_of(&self, bytes: u64) -> i64 {
        let ns = u128::from(bytes) * self.rate.period.as_nanos() / u128::from(self.rate.bytes.max(1));
        i64::try_from(ns).unwrap_or(i64::MAX / 16).min(i64::MAX / 16)
    }
}

fn nanos(at: Timestamp) -> i64 {
    at.0.saturating_mul(1_000)
}

/// Interval and tolerance of a rate, in nanoseconds.
fn shape(rate: Rate) -> (i64, i64) {
    let period_ns = u64::try_from(rate.period.as_nanos()).unwrap_or(u64::MAX).min(i64::MAX as u64 / 16);
    let interval = i64::try_from(period_ns.div_ceil(rate.count.max(1)).max(1)).unwrap_or(i64::MAX / 16);
    let burst = i64::try_from(rate.burst.max(1)).unwrap_or(i64::MAX);
    (interval, interval.saturating_mul(burst - 1).min(i64::MAX / 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const START: Timestamp = Timestamp::from_unix_s(1_790_000_000);

    fn throttle(rate: &str) -> Throttle {
        Throttle::new(rate.parse().unwrap())
    }

    #[test]
    fn the_burst_leaves_at_once_and_the_rest_at_an_even_pace() {
        let mut limit = throttle("60/min,max_burst=3");
        assert_eq!(limit.available(START, 10), 3);
        limit.take(START, 3);
        assert_eq!(limit.available(START, 10), 0);
        assert_eq!(limit.ready_at(START), START.plus(Duration::from_secs(1)));
        assert_eq!(limit.available(START.plus(Duration::from_secs(2)), 10), 2);
    }

    #[test]
    fn a_new_rate_gives_no_new_burst() {
        let mut limit = throttle("100/s");
        limit.take(START, 100);
        limit.set_rate(START, "10/min,max_burst=1".parse().unwrap());
        assert_eq!(limit.available(START, 10), 0);
        assert_eq!(limit.ready_at(START), START.plus(Duration::from_secs(6)));
        let mut full = throttle("1/min");
        full.set_rate(START, "100/s".parse().unwrap());
        assert_eq!(full.available(START, 1_000), 1);
    }

    #[test]
    fn a_pace_that_is_set_ever_again_is_kept() {
        let (mut limit, mut gone) = (throttle("6/h,max_burst=1"), 0);
        for minute in 0..600 {
            let now = START.plus(Duration::from_secs(60 * minute));
            // Ever a little faster or slower.
            let rate = if minute % 2 == 0 { "6/h,max_burst=1" } else { "7/h,max_burst=1" };
            limit.rescale(now, rate.parse().unwrap());
            let count = limit.available(now, 1);
            limit.take(now, count);
            gone += count;
        }
        assert!((55..=70).contains(&gone), "{gone} in ten hours at six or seven an hour");
    }

    #[test]
    fn bytes_go_into_debt_and_are_waited_for() {
        let after = |seconds| START.plus(Duration::from_secs(seconds));
        let mut limit = ByteThrottle::new("60KB/min,max_burst=10KB".parse().unwrap());
        limit.take(START, 9 << 10);
        assert!(limit.is_open(START), "something is left");
        limit.take(START, 31 << 10);
        assert!(!limit.is_open(after(30)), "40 KB at 1 KB/s, of which 10 were there");
        assert!(limit.is_open(after(31)));
        let before = START.minus(Duration::from_secs(86_400));
        assert!(limit.ready_at(before) <= before.plus(Duration::from_secs(31)), "a clock set back starves nobody");
    }

    #[test]
    fn a_clock_set_back_does_not_starve() {
        let mut limit = throttle("1/min");
        limit.take(START, 1);
        let before = START.minus(Duration::from_secs(86_400));
        assert!(limit.ready_at(before) <= before.plus(Duration::from_secs(60)));
    }

    proptest! {
        #[test]
        fn never_more_than_allowed_in_any_window(
            count in 1_u64..200, period_s in 1_u64..100, burst in 1_u64..50,
            steps in prop::collection::vec((0_i64..3_000_000, 1_u32..80), 1..120),
        ) {
            let rate = Rate { count, period: Duration::from_secs(period_s), burst };
            let (mut limit, mut now) = (Throttle::new(rate), START);
            let mut gone: Vec<(Timestamp, u64)> = Vec::new();
            for (step_us, wanted) in steps {
                now = Timestamp(now.0 + step_us);
                let allowed = limit.available(now, wanted);
                prop_assert!(allowed <= wanted);
                limit.take(now, allowed);
                gone.push((now, u64::from(allowed)));
            }
            for first in 0..gone.len() {
                let mut sum = 0;
                for &(at, taken) in &gone[first..] {
                    sum += taken;
                    let window_s = at.since(gone[first].0).as_secs_f64();
                    let most = burst as f64 + window_s * count as f64 / period_s as f64;
                    prop_assert!(sum as f64 <= most + 1e-6, "{sum} in {window_s} s, allowed {most}");
                }
            }
        }

        #[test]
        fn never_starves(
            count in 1_u64..200, period_s in 1_u64..100, burst in 1_u64..50,
            steps in prop::collection::vec((-10_000_000_i64..10_000_000, 1_u32..80), 1..60),
        ) {
            let rate = Rate { count, period: Duration::from_secs(period_s), burst };
            let (mut limit, mut now) = (Throttle::new(rate), START);
            for (step_us, wanted) in steps {
                now = Timestamp(now.0 + step_us);
                limit.take(now, limit.available(now, wanted));
                let ready = limit.ready_at(now).max(now);
                prop_assert_eq!(limit.available(ready, 1), 1, "one may leave when it says so");
                let longest = Duration::from_secs_f64(period_s as f64 / count as f64 * (burst + 1) as f64);
                prop_assert!(ready.since(now) <= longest + Duration::from_millis(1));
            }
        }
    }
}
