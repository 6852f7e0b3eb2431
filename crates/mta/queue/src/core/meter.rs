//! How many per second, lately: two half-minute buckets, the older one fading out.

use std::time::Duration;

use model::time::Timestamp;

const BUCKET: Duration = Duration::from_secs(30);

/// Counts what happens and tells its pace.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    start: Timestamp,
    current: u32,
    previous: u32,
}

impl Meter {
    pub fn add(&mut self, now: Timestamp, count: u32) {
        self.roll(now);
        self.current = self.current.saturating_add(count);
    }

    /// Per second over the last half minute.
    pub fn per_s(&self, now: Timestamp) -> f64 {
        let mut copy = self.clone();
        copy.roll(now);
        let passed = now.since(copy.start).as_secs_f64().min(30.0);
        // The first bucket of all has no elder: divide by the time it has lasted.
        let previous = f64::from(copy.previous) * (1.0 - passed / 30.0);
        let window = if copy.previous == 0 { passed.max(1.0) } else { 30.0 };
        (f64::from(copy.current) + previous) / window
    }

    fn roll(&mut self, now: Timestamp) {
        let age = now.since(self.start);
        if age >= BUCKET * 2 || now < self.start {
            *self = Meter { start: now, current: 0, previous: 0 };
        } else if age >= BUCKET {
            *self = Meter { start: self.start.plus(BUCKET), current: 0, previous: self.current };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_pace_of_the_last_half_minute() {
        let start = Timestamp::from_unix_s(1_790_000_000);
        let (mut meter, at) = (Meter::default(), |seconds| start.plus(Duration::from_secs(seconds)));
        for second in 0..100 {
            meter.add(at(second), 5);
        }
        assert!((meter.per_s(at(100)) - 5.0).abs() < 0.5, "{}", meter.per_s(at(100)));
        assert_eq!(meter.per_s(at(1_000)), 0.0);
    }
}
