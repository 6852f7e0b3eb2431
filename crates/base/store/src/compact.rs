//! Which segments are joined: a pure choice.
//!
//! While a day lasts, eight segments of about the same size become one, so that an event is rewritten once for each
//! power of eight. When it is over, what is still small is joined too. A segment of half the wanted size stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::time::Timestamp;

use crate::segment::{Segment, end_of_day};

/// Segments of one size that are joined while their day lasts.
const FAN_IN: usize = 8;
/// Most segments joined at once: each takes memory for a row group.
const FAN_IN_MAX: usize = 16;
/// Late events of a day are waited for so long before its rest is joined.
const DAY_CLOSES_AFTER: Duration = Duration::from_secs(2 * 3_600);

/// The next segments to join, oldest first, all of one day; none when all is well.
pub(crate) fn choose(segments: &[Arc<Segment>], now: Timestamp, rows_max: u64) -> Option<Vec<Arc<Segment>>> {
    let mut days: BTreeMap<&str, Vec<&Arc<Segment>>> = BTreeMap::new();
    for segment in segments.iter().filter(|segment| segment.entry.rows < rows_max / 2) {
        days.entry(&segment.entry.day).or_default().push(segment);
    }
    days.into_iter().find_map(|(day, mut small)| {
        small.sort_by_key(|segment| (segment.entry.from, segment.entry.number));
        let is_over = now > end_of_day(day).plus(DAY_CLOSES_AFTER);
        if is_over { choose_rest(&small, rows_max) } else { choose_tier(&small, rows_max) }
    })
}

fn choose_tier(small: &[&Arc<Segment>], rows_max: u64) -> Option<Vec<Arc<Segment>>> {
    let mut tiers: BTreeMap<u32, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in small {
        let tier = (segment.entry.rows / 1_000 + 1).ilog(FAN_IN as u64);
        tiers.entry(tier).or_default().push(Arc::clone(segment));
    }
    let full = tiers.into_values().find(|tier| tier.len() >= FAN_IN)?;
    Some(fitting(full.into_iter().take(FAN_IN), rows_max)).filter(|chosen| chosen.len() > 1)
}

fn choose_rest(small: &[&Arc<Segment>], rows_max: u64) -> Option<Vec<Arc<Segment>>> {
    let chosen = fitting(small.iter().map(|segment| Arc::clone(segment)).take(FAN_IN_MAX), rows_max);
    Some(chosen).filter(|chosen| chosen.len() > 1)
}

/// The first ones that make no more than `rows_max` events together.
fn fitting(segments: impl Iterator<Item = Arc<Segment>>, rows_max: u64) -> Vec<Arc<Segment>> {
    let mut rows = 0;
    segments
        .take_while(|segment| {
            rows += segment.entry.rows;
            rows <= rows_max
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::SegmentEntry;
    use std::path::Path;

    const DAY: &str = "2026-09-21";

    fn segments(rows: &[u64]) -> Vec<Arc<Segment>> {
        let entry = |(number, rows): (usize, &u64)| SegmentEntry {
            day: DAY.to_owned(),
            number: number as u64,
            rows: *rows,
            bytes: 1,
            from: number as i64,
            to: number as i64,
        };
        rows.iter().enumerate().map(entry).map(|entry| Arc::new(Segment::named(Path::new("/x"), entry))).collect()
    }

    #[track_caller]
    fn check(rows: &[u64], now: &str, expected: &[u64]) {
        let chosen = choose(&segments(rows), now.parse().unwrap(), 1_000_000).unwrap_or_default();
        let numbers: Vec<u64> = chosen.iter().map(|segment| segment.entry.number).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn while_the_day_lasts_eight_alike_are_joined() {
        let noon = "2026-09-21T12:00:00Z";
        check(&[500; 7], noon, &[]);
        check(&[500; 9], noon, &[0, 1, 2, 3, 4, 5, 6, 7]);
        check(&[90_000, 500, 500, 500, 500, 500, 500, 500, 500], noon, &[1, 2, 3, 4, 5, 6, 7, 8]);
        check(&[600_000; 9], noon, &[]);
        check(&[300_000; 9], noon, &[0, 1, 2]);
    }

    #[test]
    fn when_it_is_over_the_rest_is_joined() {
        let later = "2026-09-22T03:00:00Z";
        check(&[500, 90_000, 20_000], later, &[0, 1, 2]);
        check(&[500], later, &[]);
        check(&[700_000, 500], later, &[]);
        check(&[500, 90_000], "2026-09-22T01:00:00Z", &[]);
        assert_eq!(choose(&segments(&[10; 40]), later.parse().unwrap(), 1_000_000).unwrap().len(), FAN_IN_MAX);
    }
}
