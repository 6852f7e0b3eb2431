//! The wordings behind failures: which replies, by whom, how often, since when.

use std::collections::{BTreeMap, HashMap};

use model::category::Category;
use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{EventStore, QueryError, RollupFilter, RollupKey, RollupRow, Template};

use super::period::Period;

/// Replies shown by a dashboard.
pub(super) const TOP_REPLIES: usize = 12;

/// A wording of replies at one provider in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TopReply {
    /// Number of the template; search for it with `template:17`.
    pub template_id: u32,
    /// Codes and wording, with masks such as `{ip}` for what changes.
    pub template: String,
    /// Reply code; 0 for an error without a reply.
    pub code: u16,
    /// Bounce category.
    pub category: Option<Category>,
    /// The provider.
    pub provider: Option<Name>,
    /// How often in the period.
    pub count: u64,
    /// How often in the equal period before.
    pub count_before: u64,
    /// First seen at this provider during the period.
    pub is_new: bool,
    /// When it was first seen at this provider.
    pub first_seen: Option<Timestamp>,
    /// When it was last seen at this provider.
    pub last_seen: Option<Timestamp>,
    /// One of these replies, as it was.
    pub sample: String,
}

type Key = (Option<Name>, u32);

/// The most frequent replies of failures.
pub(super) async fn top_replies(
    store: &EventStore,
    period: Period,
    filter: &RollupFilter,
    limit: usize,
) -> Result<Vec<TopReply>, QueryError> {
    let kinds = vec![EventKind::Deferred, EventKind::Bounced, EventKind::Expired, EventKind::RemoteBounce];
    let filter = RollupFilter { kinds, ..filter.clone() };
    let by = [RollupKey::Provider, RollupKey::Template];
    let now = counts(&period.rows(store, &filter, &by, None).await?);
    let before = counts(&period.before().rows(store, &filter, &by, None).await?);
    let mut keys: Vec<(Key, u64)> = now.into_iter().filter(|((_, template), _)| *template != 0).collect();
    keys.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
    keys.truncate(limit);
    let reply = |(key, count): (Key, u64)| {
        let template = store.template(key.1)?;
        let count_before = before.get(&key).copied().unwrap_or(0);
        Some(TopReply::of(&template, key.0, count, count_before, period))
    };
    Ok(keys.into_iter().filter_map(reply).collect())
}

/// The most frequent reply of each provider.
pub(super) async fn top_reply_by_provider(
    store: &EventStore,
    period: Period,
) -> Result<HashMap<Option<Name>, TopReply>, QueryError> {
    let replies = top_replies(store, period, &RollupFilter::default(), usize::MAX).await?;
    let mut by_provider = HashMap::new();
    for reply in replies {
        by_provider.entry(reply.provider.clone()).or_insert(reply);
    }
    Ok(by_provider)
}

fn counts(rows: &[RollupRow]) -> BTreeMap<Key, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry((row.provider.clone(), row.template.unwrap_or(0))).or_insert(0) += row.totals.count;
    }
    counts
}

impl TopReply {
    fn of(template: &Template, provider: Option<Name>, count: u64, count_before: u64, period: Period) -> TopReply {
        let there = provider.as_deref().and_then(|provider| template.at_provider(provider));
        let (first_seen, last_seen) = match there {
            Some(there) => (Some(there.first_seen), Some(there.last_seen)),
            None => (None, None),
        };
        TopReply {
            template_id: template.id,
            template: wording(template),
            code: template.code,
            category: template.category,
            provider,
            count,
            count_before,
            is_new: first_seen.is_some_and(|first| first >= period.from),
            first_seen,
            last_seen,
            sample: template.sample.clone(),
        }
    }
}

/// Codes and text, as a reply is written.
pub(super) fn wording(template: &Template) -> String {
    let mut wording = String::new();
    if template.code != 0 {
        wording = template.code.to_string();
    }
    if let Some(enhanced) = template.enhanced {
        wording = format!("{wording} {enhanced}");
    }
    format!("{wording} {}", template.text).trim().to_owned()
}
