//! The course of the numbers over time, in steps that fit what there is to show.
//!
//! The roll-ups know minutes. A campaign of some minutes would be three bars of them, so a course over at most
//! [`FINE_MINUTES_MAX`] is counted from the events, in steps of seconds; when there are too many of them, or they are
//! not told in time, the minutes stand. A course begins with the first attempt of the period and not with empty space.
//! Limits: [`FINE_EVENTS_MAX`], [`EVENTS_WAIT_MAX`].

use std::collections::BTreeMap;
use std::time::Duration;

use model::category::Category;
use model::event::EventKind;
use model::time::Timestamp;
use model::units::Span;
use serde::{Deserialize, Serialize};
use store::{
    Cell, Dimension, EventStore, Field, Filter, Measure, Query, QueryError, QueryResult, RollupFilter, RollupKey,
    RollupRow, Totals,
};

use super::counts::{Counts, Delay};
use super::period::{Period, Sums};

/// Longest course that is told in seconds.
const FINE_MINUTES_MAX: i64 = 60;
/// Most events that are looked at for a course; with more, minutes are fine enough.
pub const FINE_EVENTS_MAX: u64 = 200_000;
/// A dashboard waits no longer for events: other questions may be before it.
pub const EVENTS_WAIT_MAX: Duration = Duration::from_secs(3);
/// Most rows of one question about events.
const ROWS_MAX: u32 = 10_000;

const MINUTE_US: i64 = 60_000_000;

/// One step of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeriesPoint {
    /// Its begin.
    pub at: Timestamp,
    /// Recipients accepted.
    pub received: u64,
    /// Taken by the receiving host.
    pub delivered: u64,
    /// Put off.
    pub deferred: u64,
    /// Refused for good.
    pub bounced: u64,
    /// Deferred or bounced as spam, for policy or for reputation.
    pub blocked: u64,
    /// Complaints.
    pub complaints: u64,
    /// Pixels fetched.
    pub opens: u64,
    /// Links followed.
    pub clicks: u64,
    /// Time to deliver.
    pub delay: Delay,
}

/// Steps of time, all of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Course {
    pub points: Vec<SeriesPoint>,
    pub step_seconds: u32,
}

/// The course of the last `minutes` minutes.
pub(super) async fn course(
    store: &EventStore,
    at: Timestamp,
    minutes: u32,
    filter: &RollupFilter,
) -> Result<Course, QueryError> {
    let mut step = minutes_step(i64::from(minutes));
    let mut period = Period::last(at, minutes, step);
    let mut points = by_minutes(store, period, filter, step).await?;
    while let Some(first) = points.iter().position(SeriesPoint::has_attempts) {
        points.drain(..first);
        period.from = points[0].at;
        let finer = minutes_step(minutes_between(period.from, period.to));
        if finer >= step {
            break;
        }
        step = finer;
        period.to = Period::last(at, 0, step).to;
        points = by_minutes(store, period, filter, step).await?;
    }
    let events: u64 = points.iter().map(SeriesPoint::events).sum();
    let fine = seconds_step(minutes_between(period.from, period.to));
    if let (1..=FINE_EVENTS_MAX, Some(seconds)) = (events, fine)
        && let Some(points) = by_seconds(store, at, period.from, filter, seconds).await
    {
        return Ok(Course { points, step_seconds: seconds });
    }
    Ok(Course { points, step_seconds: step * 60 })
}

fn minutes_between(from: Timestamp, to: Timestamp) -> i64 {
    (to.0 - from.0).div_euclid(MINUTE_US)
}

/// Whole minutes that make neither too few nor too many steps.
fn minutes_step(minutes: i64) -> u32 {
    match minutes {
        ..=180 => 1,
        181..=720 => 5,
        721..=2_880 => 10,
        _ => 60,
    }
}

/// Seconds that do, where minutes are too coarse.
fn seconds_step(minutes: i64) -> Option<u32> {
    match minutes {
        ..=5 => Some(5),
        6..=15 => Some(10),
        16..=FINE_MINUTES_MAX => Some(30),
        _ => None,
    }
}

/// From the roll-ups: each step, also where nothing happened.
async fn by_minutes(
    store: &EventStore,
    period: Period,
    filter: &RollupFilter,
    step: u32,
) -> Result<Vec<SeriesPoint>, QueryError> {
    let rows = period.rows(store, filter, &[RollupKey::Kind, RollupKey::Category], Some(step)).await?;
    let mut steps: BTreeMap<Timestamp, Sums> = BTreeMap::new();
    for row in &rows {
        if let Some(at) = row.at {
            steps.entry(at).or_default().add(row);
        }
    }
    let point = |at: Timestamp| {
        let sums = steps.get(&at).cloned().unwrap_or_default();
        SeriesPoint::of(at, &sums.counts, sums.delay())
    };
    Ok(period.steps(Duration::from_secs(u64::from(step) * 60)).map(point).collect())
}

/// From the events themselves; none when they cannot be told in time.
async fn by_seconds(
    store: &EventStore,
    at: Timestamp,
    from: Timestamp,
    filter: &RollupFilter,
    seconds: u32,
) -> Option<Vec<SeriesPoint>> {
    let step = Duration::from_secs(u64::from(seconds));
    let whole = step.as_micros() as i64;
    let period = Period { from, to: Timestamp((at.0.div_euclid(whole) + 1) * whole) };
    let kinds = [
        EventKind::Received,
        EventKind::Delivered,
        EventKind::Deferred,
        EventKind::Bounced,
        EventKind::Complaint,
        EventKind::Opened,
        EventKind::Clicked,
    ];
    let by = [Field::Kind, Field::Category];
    let asked = asked(period, filter, &kinds, &by, vec![Measure::Count], step);
    let queued = |p: f64| Measure::Percentile { field: Field::QueuedMs, p };
    let measures = vec![Measure::Count, queued(0.5), queued(0.95)];
    let delays = self::asked(period, filter, &[EventKind::Delivered], &[], measures, step);
    let both = async { tokio::try_join!(store.query(asked), store.query(delays)) };
    let (counts, delays) = match tokio::time::timeout(EVENTS_WAIT_MAX, both).await {
        Ok(Ok((counts, delays))) if !counts.truncated && !delays.truncated => (counts, delays),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the course of a dashboard is told in minutes: its events could not be read");
            return None;
        }
        _ => return None,
    };
    let (counts, delays) = (counts_of(&counts), delays_of(&delays));
    let point = |at: Timestamp| {
        let delay = delays.get(&at).copied().unwrap_or_default();
        SeriesPoint::of(at, &counts.get(&at).copied().unwrap_or_default(), delay)
    };
    Some(period.steps(step).map(point).collect())
}

fn asked(
    period: Period,
    filter: &RollupFilter,
    kinds: &[EventKind],
    by: &[Field],
    measures: Vec<Measure>,
    step: Duration,
) -> Query {
    let mut of = vec![Filter::one_of(Field::Kind, kinds.iter().map(|kind| kind.as_str()))];
    of.extend(filter.provider.as_deref().map(|provider| Filter::eq(Field::Provider, provider)));
    let fields = by.iter().map(|field| Dimension::Field { field: *field });
    Query {
        from: period.from,
        to: period.to,
        filter: Some(Filter::And { of }),
        measures,
        dimensions: std::iter::once(Dimension::Bucket { span: Span(step) }).chain(fields).collect(),
        order: Vec::new(),
        limit: Some(ROWS_MAX),
    }
}

fn counts_of(answer: &QueryResult) -> BTreeMap<Timestamp, Counts> {
    let mut counts: BTreeMap<Timestamp, Counts> = BTreeMap::new();
    for row in &answer.rows {
        if let [Cell::Text(at), Cell::Text(kind), category, Cell::Integer(count)] = row.as_slice()
            && let Ok(at) = at.parse()
        {
            let category = if let Cell::Text(category) = category { Category::from_name(category) } else { None };
            let totals = Totals { count: u64::try_from(*count).unwrap_or(0), ..Totals::default() };
            let row = RollupRow { kind: EventKind::from_name(kind), category, totals, ..RollupRow::default() };
            counts.entry(at).or_default().add(&row);
        }
    }
    counts
}

fn delays_of(answer: &QueryResult) -> BTreeMap<Timestamp, Delay> {
    let seconds = |cell: &Cell| match cell {
        Cell::Number(ms) => Some((ms / 10.0).round() / 100.0),
        _ => None,
    };
    let row = |row: &Vec<Cell>| match row.as_slice() {
        [Cell::Text(at), Cell::Integer(n), p50, p95] => {
            let delay = Delay { n: u64::try_from(*n).unwrap_or(0), p50_s: seconds(p50), p95_s: seconds(p95) };
            Some((at.parse().ok()?, delay))
        }
        _ => None,
    };
    answer.rows.iter().filter_map(row).collect()
}

impl SeriesPoint {
    fn of(at: Timestamp, counts: &Counts, delay: Delay) -> SeriesPoint {
        let Counts { received, delivered, deferred, bounced, blocked, complaints, opens, clicks, .. } = *counts;
        SeriesPoint { at, received, delivered, deferred, bounced, blocked, complaints, opens, clicks, delay }
    }

    fn has_attempts(&self) -> bool {
        self.delivered + self.deferred + self.bounced > 0
    }

    fn events(&self) -> u64 {
        let outcomes = self.received + self.delivered + self.deferred + self.bounced;
        outcomes + self.complaints + self.opens + self.clicks
    }
}
