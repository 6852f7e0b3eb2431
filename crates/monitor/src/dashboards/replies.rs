//! The wordings behind failures: which replies, by whom, how often, since when.
//!
//! A reply is counted when it was given: by attempts and by later reports. The end of a recipient for its age repeats the
//! reply of its last attempt, so it is not counted here; nor does its category name the reply.

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
    let kinds = vec![EventKind::Deferred, EventKind::Bounced, EventKind::RemoteBounce];
    let filter = RollupFilter { kinds, ..filter.clone() };
    let by = [RollupKey::Provider, RollupKey::Template, RollupKey::Category];
    let now = given(&period.rows(store, &filter, &by, None).await?);
    let before = given(&period.before().rows(store, &filter, &by[..2], None).await?);
    let mut keys: Vec<(Key, Given)> = now.into_iter().filter(|((_, template), _)| *template != 0).collect();
    keys.sort_by(|(a, a_given), (b, b_given)| b_given.count.cmp(&a_given.count).then_with(|| a.cmp(b)));
    keys.truncate(limit);
    let reply = |(key, given): (Key, Given)| {
        let template = store.template(key.1)?;
        let count_before = before.get(&key).map_or(0, |before| before.count);
        Some(TopReply::of(&template, key.0, &given, count_before, period))
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

/// How often a reply was given.
#[derive(Default)]
struct Given {
    count: u64,
    /// What it was taken for, and how often for each.
    categories: BTreeMap<Category, u64>,
}

fn given(rows: &[RollupRow]) -> BTreeMap<Key, Given> {
    let mut replies: BTreeMap<Key, Given> = BTreeMap::new();
    for row in rows {
        let given = replies.entry((row.provider.clone(), row.template.unwrap_or(0))).or_default();
        given.count += row.totals.count;
        if let Some(category) = row.category {
            *given.categories.entry(category).or_default() += row.totals.count;
        }
    }
    replies
}

impl Given {
    fn category(&self) -> Option<Category> {
        self.categories.iter().max_by_key(|(_, count)| **count).map(|(category, _)| *category)
    }
}

impl TopReply {
    fn of(template: &Template, provider: Option<Name>, given: &Given, count_before: u64, period: Period) -> TopReply {
        let there = provider.as_deref().and_then(|provider| template.at_provider(provider));
        let (first_seen, last_seen) = match there {
            Some(there) => (Some(there.first_seen), Some(there.last_seen)),
            None => (None, None),
        };
        TopReply {
            template_id: template.id,
            template: wording(template),
            code: template.code,
            category: given.category(),
            provider,
            count: given.count,
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
