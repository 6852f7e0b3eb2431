//! *Provider*: how does one provider treat us?

use std::collections::{BTreeMap, BTreeSet};

use model::category::{Category, Family};
use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{EventStore, QueryError, Rate, RollupFilter, RollupKey, RollupRow};

use super::counts::{Counts, Delay, Rates};
use super::period::{Period, Sums};
use super::replies::{TOP_REPLIES, TopReply, top_replies};
use super::series::{SeriesPoint, course};
use super::trouble::{Trouble, troubles};

/// Longest period of the dashboard: two weeks.
pub(crate) const HOURS_MAX: u32 = 14 * 24;

/// The dashboard *Provider*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProviderDashboard {
    /// The provider.
    pub provider: Name,
    /// When it was made.
    pub at: Timestamp,
    /// Begin of the period.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// Length of a step of `series` in seconds.
    pub step_seconds: u32,
    /// Everything in the period.
    pub totals: Counts,
    /// Everything in the equal period before.
    pub previous: Counts,
    /// Rates.
    pub rates: Rates,
    /// Time to deliver.
    pub delay: Delay,
    /// Time to deliver in the equal period before.
    pub delay_before: Delay,
    /// What keeps mail from being accepted at once, the most frequent first.
    pub troubles: Vec<Trouble>,
    /// Each step of time from the first attempt of the period on, also where nothing happened.
    pub series: Vec<SeriesPoint>,
    /// Each source, the one with most attempts first.
    pub by_source: Vec<SourceRow>,
    /// Each source in each hour: cells where something happened.
    pub matrix: Vec<MatrixCell>,
    /// Each category of failures, the most frequent first.
    pub by_category: Vec<CategoryRow>,
    /// The most frequent replies of failures.
    pub top_replies: Vec<TopReply>,
}

/// One source at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceRow {
    /// The source; absent for events that know none.
    pub source: Option<Name>,
    /// In the period.
    #[serde(flatten)]
    pub counts: Counts,
    /// In the equal period before.
    pub previous: Counts,
    /// Rates.
    pub rates: Rates,
    /// Time to deliver.
    pub delay: Delay,
}

/// One source in one hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MatrixCell {
    /// The source.
    pub source: Option<Name>,
    /// Begin of the hour.
    pub hour: Timestamp,
    /// Attempts.
    pub attempts: u64,
    /// Share of the attempts that were delivered.
    pub delivered: Rate,
    /// Share of the attempts that were deferred.
    pub deferred: Rate,
    /// Share of the attempts that were blocked.
    pub blocked: Rate,
}

/// One category of failures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CategoryRow {
    /// The category; absent for failures without one.
    pub category: Option<Category>,
    /// Its group.
    pub family: Family,
    /// Deferred for it.
    pub deferred: u64,
    /// Bounced for it.
    pub bounced: u64,
}

/// Hours, within what the dashboard allows, in minutes.
pub(super) fn minutes_of(hours: u32) -> u32 {
    hours.clamp(1, HOURS_MAX) * 60
}

/// Makes the dashboard of the last `hours` hours.
pub(crate) async fn provider(
    store: &EventStore,
    at: Timestamp,
    provider: &Name,
    hours: u32,
) -> Result<ProviderDashboard, QueryError> {
    let period = Period::last(at, minutes_of(hours), 1);
    let filter = RollupFilter { provider: Some(provider.clone()), ..RollupFilter::default() };
    let source = |row: &RollupRow| row.source.clone();
    let now = period.sums_by(store, &filter, RollupKey::Source, source).await?;
    let before = period.before().sums_by(store, &filter, RollupKey::Source, source).await?;
    let (totals, previous) = (Sums::merge(now.values()), Sums::merge(before.values()));
    let told = (course(store, at, minutes_of(hours), &filter), troubles(store, at, period, &filter));
    let (course, troubles) = tokio::try_join!(told.0, told.1)?;
    Ok(ProviderDashboard {
        provider: provider.clone(),
        at,
        from: period.from,
        to: period.to,
        step_seconds: course.step_seconds,
        totals: totals.counts,
        previous: previous.counts,
        rates: Rates::of(&totals.counts, &previous.counts),
        delay: totals.delay(),
        delay_before: previous.delay(),
        troubles,
        series: course.points,
        by_source: source_rows(&now, &before),
        matrix: matrix(store, period, &filter).await?,
        by_category: categories(store, period, &filter).await?,
        top_replies: top_replies(store, period, &filter, TOP_REPLIES).await?,
    })
}

fn source_rows(now: &BTreeMap<Option<Name>, Sums>, before: &BTreeMap<Option<Name>, Sums>) -> Vec<SourceRow> {
    let sources: BTreeSet<&Option<Name>> = now.keys().chain(before.keys()).collect();
    let row = |source: &Option<Name>| {
        let sums = now.get(source).cloned().unwrap_or_default();
        let previous = before.get(source).map(|sums| sums.counts).unwrap_or_default();
        SourceRow {
            source: source.clone(),
            counts: sums.counts,
            previous,
            rates: Rates::of(&sums.counts, &previous),
            delay: sums.delay(),
        }
    };
    let mut rows: Vec<SourceRow> = sources.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.attempts));
    rows
}

async fn matrix(store: &EventStore, period: Period, filter: &RollupFilter) -> Result<Vec<MatrixCell>, QueryError> {
    let by = [RollupKey::Source, RollupKey::Kind, RollupKey::Category];
    let rows = period.rows(store, filter, &by, Some(60)).await?;
    let mut cells: BTreeMap<(Option<Name>, Timestamp), Counts> = BTreeMap::new();
    for row in &rows {
        if let Some(hour) = row.at {
            cells.entry((row.source.clone(), hour)).or_default().add(row);
        }
    }
    let cell = |((source, hour), counts): ((Option<Name>, Timestamp), Counts)| MatrixCell {
        source,
        hour,
        attempts: counts.attempts,
        delivered: Rate::of(counts.delivered, counts.attempts),
        deferred: Rate::of(counts.deferred, counts.attempts),
        blocked: Rate::of(counts.blocked, counts.attempts),
    };
    Ok(cells.into_iter().map(cell).filter(|cell| cell.attempts > 0).collect())
}

async fn categories(store: &EventStore, period: Period, filter: &RollupFilter) -> Result<Vec<CategoryRow>, QueryError> {
    let kinds = vec![EventKind::Deferred, EventKind::Bounced];
    let filter = RollupFilter { kinds, ..filter.clone() };
    let rows = period.rows(store, &filter, &[RollupKey::Kind, RollupKey::Category], None).await?;
    Ok(CategoryRow::all(&rows))
}

impl CategoryRow {
    /// Each category of failures that were asked by kind and category, the most frequent first.
    pub(super) fn all<'a>(rows: impl IntoIterator<Item = &'a RollupRow>) -> Vec<CategoryRow> {
        let mut categories: BTreeMap<Option<Category>, CategoryRow> = BTreeMap::new();
        for row in rows {
            let family = row.category.map_or(Family::Unknown, Category::family);
            let empty = CategoryRow { category: row.category, family, deferred: 0, bounced: 0 };
            let entry = categories.entry(row.category).or_insert(empty);
            match row.kind {
                Some(EventKind::Deferred) => entry.deferred += row.totals.count,
                _ => entry.bounced += row.totals.count,
            }
        }
        let mut rows: Vec<CategoryRow> = categories.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.deferred + row.bounced));
        rows
    }
}
