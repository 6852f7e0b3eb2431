//! *Now*: is mail flowing?

use std::collections::HashSet;

use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{EventStore, QueryError, RollupFilter, RollupKey};

use super::counts::{Counts, Delay, Rates};
use super::period::{Period, Sums};
use super::replies::{TOP_REPLIES, TopReply, top_replies};
use super::series::{SeriesPoint, course};
use super::trouble::{Trouble, troubles};

/// Longest period of the dashboard.
pub(crate) const MINUTES_MAX: u32 = 24 * 60;

/// The dashboard *Now*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NowNumbers)]
pub struct NowDashboard {
    /// When it was made.
    pub at: Timestamp,
    /// Begin of the period.
    pub from: Timestamp,
    /// End of the period: of the minute that is running.
    pub to: Timestamp,
    /// Everything in the period.
    pub totals: Counts,
    /// Everything in the equal period before.
    pub previous: Counts,
    /// Rates of everything.
    pub rates: Rates,
    /// Time to deliver, of everything.
    pub delay: Delay,
    /// Time to deliver in the equal period before.
    pub delay_before: Delay,
    /// Each provider where something was attempted or failed, the one with most attempts first.
    pub by_provider: Vec<ProviderRow>,
    /// What keeps mail from being accepted at once, the most frequent first.
    pub troubles: Vec<Trouble>,
    /// Length of a step of `series` in seconds.
    pub step_seconds: u32,
    /// Each step of time from the first attempt of the period on, also where nothing happened.
    pub series: Vec<SeriesPoint>,
    /// The most frequent replies of failures.
    pub top_replies: Vec<TopReply>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProviderRow {
    /// The provider; absent for events that know none.
    pub provider: Option<Name>,
    /// In the period.
    #[serde(flatten)]
    pub counts: Counts,
    /// In the equal period before.
    pub previous: Counts,
    /// Rates.
    pub rates: Rates,
    /// Time to deliver.
    pub delay: Delay,
    /// Its most frequent failing reply (summary of providers only).
    pub top_reply: Option<TopReply>,
}

/// Makes the dashboard of the last `minutes` minutes.
pub(crate) async fn now(store: &EventStore, at: Timestamp, minutes: u32) -> Result<NowDashboard, QueryError> {
    let minutes = minutes.clamp(1, MINUTES_MAX);
    let period = Period::last(at, minutes, 1);
    let (totals, before, by_provider) = provider_rows(store, period).await?;
    let filter = RollupFilter::default();
    let told = (course(store, at, minutes, &filter), troubles(store, at, period, &filter));
    let (course, troubles) = tokio::try_join!(told.0, told.1)?;
    Ok(NowDashboard {
        at,
        from: period.from,
        to: period.to,
        totals: totals.counts,
        previous: before.counts,
        rates: Rates::of(&totals.counts, &before.counts),
        delay: totals.delay(),
        delay_before: before.delay(),
        by_provider,
        troubles,
        step_seconds: course.step_seconds,
        series: course.points,
        top_replies: top_replies(store, period, &filter, TOP_REPLIES).await?,
    })
}

/// Everything now, everything before, and each provider.
pub(super) async fn provider_rows(
    store: &EventStore,
    period: Period,
) -> Result<(Sums, Sums, Vec<ProviderRow>), QueryError> {
    let filter = RollupFilter::default();
    let name = |row: &store::RollupRow| row.provider.clone();
    let now = period.sums_by(store, &filter, RollupKey::Provider, name).await?;
    let before = period.before().sums_by(store, &filter, RollupKey::Provider, name).await?;
    let providers: HashSet<&Option<Name>> = now.keys().chain(before.keys()).collect();
    let row = |provider: &Option<Name>| {
        let sums = now.get(provider).cloned().unwrap_or_default();
        let previous = before.get(provider).map(|sums| sums.counts).unwrap_or_default();
        ProviderRow {
            provider: provider.clone(),
            counts: sums.counts,
            previous,
            rates: Rates::of(&sums.counts, &previous),
            delay: sums.delay(),
            top_reply: None,
        }
    };
    let mut rows: Vec<ProviderRow> = providers.into_iter().map(row).collect();
    // Receptions know no provider yet: by themselves they are no line, least of all one of an unknown provider.
    rows.retain(|row| row.counts.tells_of_provider());
    rows.sort_by(|a, b| b.counts.attempts.cmp(&a.counts.attempts).then_with(|| a.provider.cmp(&b.provider)));
    Ok((Sums::merge(now.values()), Sums::merge(before.values()), rows))
}
