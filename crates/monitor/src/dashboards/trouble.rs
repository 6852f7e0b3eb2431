//! What keeps mail from being accepted at once: the provider's attitude to us, the recipients, or the way there.
//!
//! A full mailbox says nothing about how a provider treats us, so failures are told apart by what they are about. Each
//! trouble says whether it happens now or when it was last seen, and when what it put off is tried again.
//! Counts come from the roll-ups; the next attempts from the events ([`RETRY_BACK`]).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use model::category::{Category, Family};
use model::event::EventKind;
use model::name::Name;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{
    Cell, Dimension, EventStore, Field, Filter, Measure, Query, QueryError, QueryResult, Rate, RollupFilter, RollupKey,
    RollupRow, Scalar,
};

use super::cancelled::cancelled;
use super::period::Period;
use super::provider::CategoryRow;
use super::replies::wording;
use super::series::EVENTS_WAIT_MAX;

/// What happened in the last minutes, the running one included, happens now.
pub const NOW_MINUTES: u32 = 5;
/// How old a deferral may be whose next attempt is still looked for: longer than the longest pause of a schedule.
pub const RETRY_BACK: Duration = Duration::from_secs(24 * 3_600);
/// Most combinations of provider and category whose next attempts are told.
const RETRIES_MAX: u32 = 1_000;

/// What failures are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = TroubleAbout)]
pub enum About {
    /// The provider's attitude to us and our mail: rate, reputation, blocks, greylisting, policy, content, authentication.
    Us,
    /// Single recipients: unknown, disabled or full mailboxes, domains that do not exist.
    Recipients,
    /// The way there: nobody answers, connections break, routes fail.
    Way,
    /// The reply does not say.
    Unclear,
}

/// Failures of one kind at one provider in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Trouble {
    /// The provider; absent where none was found, as for domains that do not exist.
    pub provider: Option<Name>,
    /// What the failures are about.
    pub about: About,
    /// Attempts that were put off for it, of all attempts at the provider.
    pub deferred: Rate,
    /// Attempts that were refused for it, of all attempts at the provider.
    pub bounced: Rate,
    /// Its categories, the most frequent first.
    pub categories: Vec<CategoryRow>,
    /// The most frequent reply; absent when none is known.
    pub reply: Option<TroubleReply>,
    /// It happened in the last five minutes.
    pub now: bool,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
    /// Recipients that were put off for it and wait for their next attempt; absent when that could not be counted.
    pub waiting: Option<u64>,
    /// The first of these next attempts.
    pub next_attempt: Option<Timestamp>,
}

/// What a provider says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TroubleReply {
    /// Number of the template; search for it with `template:17`.
    pub template_id: u32,
    /// Codes and wording, with masks such as `{ip}` for what changes.
    pub template: String,
    /// Reply code; 0 for an error without a reply.
    pub code: u16,
    /// Bounce category.
    pub category: Option<Category>,
    /// One of these replies, as it was.
    pub sample: String,
}

type Key = (Option<Name>, About);

/// Recipients that wait, and when the first of them is tried again.
type Retries = HashMap<Key, (u64, Timestamp)>;

impl About {
    /// What a failure of this category is about.
    pub fn of(category: Option<Category>) -> About {
        match category.map_or(Family::Unknown, Category::family) {
            Family::Reputation | Family::Auth | Family::Content => About::Us,
            Family::Recipient | Family::Full => About::Recipients,
            Family::Delivery => About::Way,
            Family::Feedback | Family::Auto | Family::Unknown => About::Unclear,
        }
    }
}

/// The troubles of a period, the most frequent first.
pub(super) async fn troubles(
    store: &EventStore,
    at: Timestamp,
    period: Period,
    filter: &RollupFilter,
) -> Result<Vec<Trouble>, QueryError> {
    let failures = vec![EventKind::Deferred, EventKind::Bounced];
    let failed = RollupFilter { kinds: failures.clone(), ..filter.clone() };
    let by = [RollupKey::Provider, RollupKey::Kind, RollupKey::Category, RollupKey::Template];
    let rows = period.rows(store, &failed, &by, None).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tried = RollupFilter { kinds: [failures, vec![EventKind::Delivered]].concat(), ..filter.clone() };
    let mut attempts: HashMap<Option<Name>, u64> = HashMap::new();
    for row in period.rows(store, &tried, &[RollupKey::Provider], None).await? {
        *attempts.entry(row.provider).or_default() += row.totals.count;
    }
    let recent = Period::last(at, NOW_MINUTES, 1);
    let recent = recent.rows(store, &failed, &[RollupKey::Provider, RollupKey::Category], None).await?;
    let recent: HashSet<Key> = recent.into_iter().map(|row| (row.provider, About::of(row.category))).collect();
    let retries = retries(store, at, filter).await;

    let mut groups: BTreeMap<Key, Vec<RollupRow>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.provider.clone(), About::of(row.category))).or_default().push(row);
    }
    let trouble = |(key, rows): (Key, Vec<RollupRow>)| {
        let n = attempts.get(&key.0).copied().unwrap_or(0);
        let retry = retries.as_ref().map(|retries| retries.get(&key).copied());
        Trouble { now: recent.contains(&key), ..Trouble::of(store, key, &rows, n, retry) }
    };
    let mut troubles: Vec<Trouble> = groups.into_iter().map(trouble).collect();
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.deferred.hits + trouble.bounced.hits));
    Ok(troubles)
}

impl Trouble {
    fn of(
        store: &EventStore,
        (provider, about): Key,
        rows: &[RollupRow],
        attempts: u64,
        retry: Option<Option<(u64, Timestamp)>>,
    ) -> Trouble {
        let count = |kind: EventKind| -> u64 {
            rows.iter().filter(|row| row.kind == Some(kind)).map(|row| row.totals.count).sum()
        };
        let (deferred, bounced) = (count(EventKind::Deferred), count(EventKind::Bounced));
        let most = if deferred >= bounced { EventKind::Deferred } else { EventKind::Bounced };
        let quoted = rows.iter().filter(|row| row.kind == Some(most) && row.template.is_some_and(|id| id != 0));
        let reply = quoted.max_by_key(|row| row.totals.count).and_then(|row| TroubleReply::of(store, row));
        let seen = |row: &RollupRow| {
            let template = store.template(row.template?)?;
            Some(match &provider {
                Some(provider) => template.at_provider(provider)?.last_seen,
                None => template.last_seen,
            })
        };
        Trouble {
            about,
            deferred: Rate::of(deferred, attempts),
            bounced: Rate::of(bounced, attempts),
            categories: CategoryRow::all(rows),
            reply,
            now: false,
            last_seen: rows.iter().filter_map(seen).max(),
            waiting: retry.map(|retry| retry.map_or(0, |(waiting, _)| waiting)),
            next_attempt: retry.flatten().map(|(_, next)| next),
            provider,
        }
    }
}

impl TroubleReply {
    fn of(store: &EventStore, row: &RollupRow) -> Option<TroubleReply> {
        let template = store.template(row.template?)?;
        Some(TroubleReply {
            template_id: template.id,
            template: wording(&template),
            code: template.code,
            category: row.category,
            sample: template.sample.clone(),
        })
    }
}

/// When what was put off is tried again; none when the events could not tell it in time.
///
/// An attempt that lies ahead is the last word about its recipient: whatever ended or moved it would have made another
/// event, except an order of a person: see [`cancelled`].
async fn retries(store: &EventStore, at: Timestamp, filter: &RollupFilter) -> Option<Retries> {
    let ahead = Filter::Range { field: Field::NextAttempt, gte: None, gt: Some(Scalar::from(at)), lte: None, lt: None };
    let mut of = vec![Filter::one_of(Field::Kind, [EventKind::Deferred.as_str()]), ahead];
    of.extend(filter.provider.as_deref().map(|provider| Filter::eq(Field::Provider, provider)));
    of.extend(cancelled(store, at.minus(RETRY_BACK), at).await.map(Filter::not));
    let query = Query {
        from: at.minus(RETRY_BACK),
        to: at.plus(Duration::from_secs(60)),
        filter: Some(Filter::And { of }),
        measures: vec![Measure::Count, Measure::Min { field: Field::NextAttempt }],
        dimensions: [Field::Provider, Field::Category].map(|field| Dimension::Field { field }).to_vec(),
        order: Vec::new(),
        limit: Some(RETRIES_MAX),
    };
    match tokio::time::timeout(EVENTS_WAIT_MAX, store.query(query)).await {
        Ok(Ok(answer)) => Some(retries_of(&answer)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a dashboard does not say when mail is tried again: its events could not be read");
            None
        }
        Err(_) => None,
    }
}

fn retries_of(answer: &QueryResult) -> Retries {
    let mut retries = Retries::new();
    for row in &answer.rows {
        if let [provider, category, Cell::Integer(count), Cell::Text(next)] = row.as_slice()
            && let (Ok(count), Ok(next)) = (u64::try_from(*count), next.parse::<Timestamp>())
        {
            let text = |cell: &Cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None };
            let category = text(category).and_then(|name| Category::from_name(&name));
            let key = (text(provider).map(|name| Name::from(name.as_str())), About::of(category));
            let (waiting, first) = retries.entry(key).or_insert((0, next));
            *waiting += count;
            *first = next.min(*first);
        }
    }
    retries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_is_no_attitude() {
        let check = |category: Option<Category>, about: About| assert_eq!(About::of(category), about, "{category:?}");
        for category in [
            Category::RateLimited,
            Category::Reputation,
            Category::PolicyRelated,
            Category::Greylisted,
            Category::SpamRelated,
            Category::AuthenticationFailed,
            Category::TooManyRecipients,
        ] {
            check(Some(category), About::Us);
        }
        check(Some(Category::QuotaIssues), About::Recipients);
        check(Some(Category::BadMailbox), About::Recipients);
        check(Some(Category::BadDomain), About::Recipients);
        check(Some(Category::NoAnswerFromHost), About::Way);
        check(Some(Category::Other), About::Unclear);
        check(None, About::Unclear);
    }
}
