//! Hints about a search that is right and yet finds nothing: a value that nobody knows, such as `provider:gmial`.
//!
//! Unlike a kind or a category, a provider or a source cannot be refused: the next event may bring a new one. So the search
//! is answered as it stands, and the hint says that no such value is known and which one may be meant. A value is known
//! when it is configured or when an event has it that is kept. Must not: claim anything when the events could not tell.
//! Limits: [`HINTS_MAX`], [`KNOWN_MAX`], [`VALUES_MAX`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use model::name::Name;
use model::time::Timestamp;
use model::words::nearest;
use serde::{Deserialize, Serialize};
use store::{Cell, Dimension, EventStore, Field, Filter, Measure, Query, QueryResult};

use crate::dashboards::EVENTS_WAIT_MAX;
use crate::search::{self, NamedValue};

/// Most hints about one search.
pub const HINTS_MAX: usize = 8;
/// Most known values listed in one hint.
pub const KNOWN_MAX: usize = 8;
/// Most values of a field that are looked through; of a field with more nothing is claimed.
pub const VALUES_MAX: u32 = 5_000;

/// Names that are known without any event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Providers with rules of their own.
    pub providers: Vec<Name>,
    /// Sources (virtual MTAs).
    pub sources: Vec<Name>,
}

/// A value of a search that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchHint {
    /// Place of its first character in the search, from 0.
    pub position: usize,
    /// How many characters it has there.
    pub length: usize,
    /// The field.
    pub field: Field,
    /// The value, as it was read.
    pub value: String,
    /// What was probably meant, to put in place of these characters.
    pub suggestion: Option<String>,
    /// Values that are known, the most frequent first, at most 8.
    pub known: Vec<String>,
    /// All of this in a sentence.
    pub message: String,
}

impl Configured {
    fn of(&self, field: Field) -> &[Name] {
        match field {
            Field::Provider => &self.providers,
            Field::Source => &self.sources,
            _ => &[],
        }
    }
}

/// The hints about a search.
pub(crate) async fn hints(store: &EventStore, at: Timestamp, q: &str, configured: &Configured) -> Vec<SearchHint> {
    let mut values = search::named_values(q);
    values.retain(|named| configured.of(named.field).iter().all(|known| **known != *named.value));
    values.truncate(HINTS_MAX);
    let mut seen: BTreeMap<Field, Option<Vec<String>>> = BTreeMap::new();
    for field in values.iter().map(|named| named.field) {
        if let Entry::Vacant(vacant) = seen.entry(field) {
            vacant.insert(seen_values(store, at, field).await);
        }
    }
    let hint = |named: NamedValue| {
        let mut known = seen.get(&named.field)?.clone()?;
        known.extend(configured.of(named.field).iter().map(ToString::to_string));
        SearchHint::of(named, known)
    };
    values.into_iter().filter_map(hint).collect()
}

impl SearchHint {
    /// None when the value is known, or when nothing is.
    fn of(named: NamedValue, mut known: Vec<String>) -> Option<SearchHint> {
        let NamedValue { field, value, position, length } = named;
        if known.is_empty() || known.contains(&value) {
            return None;
        }
        let suggestion = nearest(&value.to_lowercase(), known.iter().map(String::as_str)).map(str::to_owned);
        let mut listed = Vec::with_capacity(KNOWN_MAX);
        for name in known.drain(..) {
            if listed.len() < KNOWN_MAX && !listed.contains(&name) {
                listed.push(name);
            }
        }
        let more = match &suggestion {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", listed.join(", ")),
        };
        let message = format!("no {field} is called {value}; {more}");
        Some(SearchHint { position, length, field, value, suggestion, known: listed, message })
    }
}

/// Every value of a field in the events that are kept, the most frequent first; none when that cannot be told.
async fn seen_values(store: &EventStore, at: Timestamp, field: Field) -> Option<Vec<String>> {
    let query = Query {
        from: Timestamp::default(),
        to: at.plus(Duration::from_secs(86_400)),
        filter: Some(Filter::Exists { field }),
        measures: vec![Measure::Count],
        dimensions: vec![Dimension::Field { field }],
        order: Vec::new(),
        limit: Some(VALUES_MAX),
    };
    match tokio::time::timeout(EVENTS_WAIT_MAX, store.query(query)).await {
        Ok(Ok(answer)) if !answer.truncated => Some(texts(&answer)),
        Ok(Err(error)) => {
            tracing::debug!(%error, %field, "the values of a field could not be listed");
            None
        }
        _ => None,
    }
}

fn texts(answer: &QueryResult) -> Vec<String> {
    let text = |row: &Vec<Cell>| if let Some(Cell::Text(text)) = row.first() { Some(text.clone()) } else { None };
    answer.rows.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_knows_is_hinted_at() {
        let check = |value: &str, known: &[&str], expected: Option<(&str, Option<&str>)>| {
            let named = NamedValue { field: Field::Provider, value: value.to_owned(), position: 9, length: 5 };
            let hint = SearchHint::of(named, known.iter().map(ToString::to_string).collect());
            let short = hint.as_ref().map(|hint| (hint.message.as_str(), hint.suggestion.as_deref()));
            assert_eq!(short, expected, "{value}");
        };
        let known = ["gmail", "orange", "gmail", "laposte"];
        check("gmail", &known, None);
        check("gmial", &known, Some(("no provider is called gmial; did you mean gmail?", Some("gmail"))));
        check("GMail", &known, Some(("no provider is called GMail; did you mean gmail?", Some("gmail"))));
        check("la poste", &known, Some(("no provider is called la poste; did you mean laposte?", Some("laposte"))));
        check("zzz", &known, Some(("no provider is called zzz; there are gmail, orange, laposte", None)));
        check("gmail", &[], None);
    }
}
