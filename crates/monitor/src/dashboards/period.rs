//! A period and the equal one before it, and questions to the roll-ups about them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;
use store::{EventStore, QueryError, RollupFilter, RollupKey, RollupQuery, RollupRow, Totals};

use super::counts::{Counts, Delay};

const MINUTE_US: i64 = 60_000_000;

/// Whole minutes up to now, the present one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What happened in a period to something: a provider, a source, everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub counts: Counts,
    pub delivered: Totals,
}

impl Period {
    /// The last `minutes` minutes, cut at multiples of `step` minutes.
    pub fn last(now: Timestamp, minutes: u32, step: u32) -> Period {
        let step = i64::from(step) * MINUTE_US;
        let to = now.0.div_euclid(step).saturating_add(1).saturating_mul(step);
        let length = i64::from(minutes) * MINUTE_US;
        Period { from: Timestamp(to.saturating_sub(length)), to: Timestamp(to) }
    }

    /// The equal period before this one.
    pub fn before(self) -> Period {
        let length = self.to.0 - self.from.0;
        Period { from: Timestamp(self.from.0.saturating_sub(length)), to: self.from }
    }

    /// Begins of its steps, all of them, also where nothing happened.
    pub fn steps(self, step: Duration) -> impl Iterator<Item = Timestamp> {
        let step = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
        (0..).map(move |number| Timestamp(self.from.0 + number * step)).take_while(move |at| *at < self.to)
    }

    /// Rows of the roll-ups.
    pub async fn rows(
        self,
        store: &EventStore,
        filter: &RollupFilter,
        by: &[RollupKey],
        step_minutes: Option<u32>,
    ) -> Result<Vec<RollupRow>, QueryError> {
        let query = RollupQuery { from: self.from, to: self.to, filter: filter.clone(), by: by.to_vec(), step_minutes };
        store.rollup(query).await
    }

    /// Sums for each value of something.
    pub async fn sums_by(
        self,
        store: &EventStore,
        filter: &RollupFilter,
        key: RollupKey,
        name: fn(&RollupRow) -> Option<Name>,
    ) -> Result<BTreeMap<Option<Name>, Sums>, QueryError> {
        let rows = self.rows(store, filter, &[key, RollupKey::Kind, RollupKey::Category], None).await?;
        let mut sums: BTreeMap<Option<Name>, Sums> = BTreeMap::new();
        for row in &rows {
            sums.entry(name(row)).or_default().add(row);
        }
        Ok(sums)
    }
}

impl Sums {
    pub fn add(&mut self, row: &RollupRow) {
        self.counts.add(row);
        if row.kind == Some(EventKind::Delivered) {
            self.delivered.merge(&row.totals);
        }
    }

    pub fn merge<'a>(all: impl IntoIterator<Item = &'a Sums>) -> Sums {
        let mut whole = Sums::default();
        for sums in all {
            whole.counts = whole.counts.plus(&sums.counts);
            whole.delivered.merge(&sums.delivered);
        }
        whole
    }

    pub fn delay(&self) -> Delay {
        Delay::of(&self.delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_minutes_and_meet() {
        let now: Timestamp = "2026-09-21T14:13:20Z".parse().unwrap();
        let period = Period::last(now, 60, 1);
        assert_eq!(period.to.to_string(), "2026-09-21T14:14:00.000000Z");
        assert_eq!(period.from.to_string(), "2026-09-21T13:14:00.000000Z");
        assert_eq!(period.before().to, period.from);
        assert_eq!(period.steps(Duration::from_secs(60)).count(), 60);
        assert_eq!(Period::last(now, 1_440, 60).to.to_string(), "2026-09-21T15:00:00.000000Z");
    }
}
