//! The typed query: what to measure, by what, of which events; and its answer.
//!
//! Values only. `plan` turns a [`Query`] into a plan of the engine, so that nobody outside sees the engine.
//! A rate never comes without its n and its interval. Limits: [`MEASURES_MAX`], [`DIMENSIONS_MAX`], [`ROWS_OUT_MAX`].

use model::event::Event;
use model::time::Timestamp;
use model::units::Span;
use serde::{Deserialize, Serialize};

use crate::error::QueryError;
use crate::field::{Field, FieldType};
use crate::filter::Filter;

/// Most measures of one query.
pub const MEASURES_MAX: usize = 16;
/// Most dimensions of one query.
pub const DIMENSIONS_MAX: usize = 6;
/// Most rows of an answer; a longer one is cut, and says so.
pub const ROWS_OUT_MAX: u32 = 10_000;
/// Rows of an answer when the query names no limit.
pub const ROWS_OUT_DEFAULT: u32 = 1_000;
/// Most events of one page of a search.
pub const EVENTS_PAGE_MAX: u32 = 1_000;
/// Most events of one history; a message to a million recipients has more.
pub const HISTORY_EVENTS_MAX: usize = 2_000;

/// What to measure, by what, of which events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Events at or after this time.
    pub from: Timestamp,
    /// Events before this time.
    pub to: Timestamp,
    /// Which of them; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What to compute; at least one.
    pub measures: Vec<Measure>,
    /// For each combination of what; one row for everything when empty.
    #[serde(default)]
    pub dimensions: Vec<Dimension>,
    /// In which order; by the first time bucket, otherwise by the first measure, greatest first.
    #[serde(default)]
    pub order: Vec<Order>,
    /// How many rows at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Something computed over the events of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "measure", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Measure {
    /// How many events.
    Count,
    /// Share of the events for which a condition holds, with n and its 95 % interval (Wilson).
    Rate {
        /// The condition.
        numerator: Filter,
    },
    /// How many different recipients; an estimate within 2 %.
    DistinctRecipients,
    /// A percentile of a number; an estimate (t-digest).
    Percentile {
        /// The number.
        field: Field,
        /// Between 0 and 1: 0.95 for the 95th.
        p: f64,
    },
    /// Sum of a number.
    Sum {
        /// The number.
        field: Field,
    },
    /// Least of a number or time.
    Min {
        /// The number or time.
        field: Field,
    },
    /// Greatest of a number or time.
    Max {
        /// The number or time.
        field: Field,
    },
}

/// By what the events are grouped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Dimension {
    /// The value of a field; absent values are a group of their own.
    Field {
        /// The field.
        field: Field,
    },
    /// The time, cut into pieces that begin at multiples of the span since 1970 (UTC).
    Bucket {
        /// Length of a piece, such as `"1h"`.
        span: Span,
    },
}

/// One criterion of the order of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryOrder)]
pub struct Order {
    /// Name of a column of the answer, such as `count` or `provider`.
    pub by: String,
    /// Greatest first.
    #[serde(default)]
    pub descending: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueryResult {
    /// First the dimensions, then the measures.
    pub columns: Vec<ResultColumn>,
    /// One list of cells for each row, in the order of the columns.
    pub rows: Vec<Vec<Cell>>,
    /// There were more rows than the limit allows.
    pub truncated: bool,
    /// What it cost.
    pub cost: Cost,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResultColumn {
    /// Name, unique in the answer.
    pub name: String,
    /// What its cells are.
    pub kind: CellKind,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Texts.
    Text,
    /// Ids: thirteen letters and digits.
    Id,
    /// Points in time, RFC 3339.
    Time,
    /// Whole numbers.
    Integer,
    /// Any numbers.
    Number,
    /// True or absent.
    Flag,
    /// Rates.
    Rate,
}

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Cell {
    /// Absent.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// A text, an id or a time.
    Text(String),
    /// A rate.
    Rate(Rate),
}

/// A share, never without how many it was taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MeasuredRate)]
pub struct Rate {
    /// For how many the condition held.
    pub hits: u64,
    /// Of how many.
    pub n: u64,
    /// hits / n; 0 when n is 0.
    pub rate: f64,
    /// Lower end of the 95 % interval (Wilson score).
    pub low: f64,
    /// Upper end; 1 when n is 0.
    pub high: f64,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cost {
    /// Events looked at, in memory and in segments; what statistics and indexes rule out is not looked at.
    pub rows_scanned: u64,
    /// Bytes read from segments.
    pub bytes: u64,
    /// Time in milliseconds.
    pub ms: u64,
    /// Segments that were opened.
    pub segments: u64,
    /// Events of this time that are not in the answer, because their segment is damaged or missing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing_rows: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Cost {
    pub(crate) fn add(&mut self, other: Cost) {
        self.rows_scanned += other.rows_scanned;
        self.bytes += other.bytes;
        self.segments += other.segments;
    }
}

/// A search for events themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Events at or after this time.
    pub from: Timestamp,
    /// Events before this time.
    pub to: Timestamp,
    /// Which of them.
    pub filter: Filter,
    /// Goes on behind the page whose `next` this is.
    #[serde(default)]
    pub after: Option<String>,
    /// How many at most, up to [`EVENTS_PAGE_MAX`].
    pub limit: u32,
    /// Newest first.
    pub newest_first: bool,
}

/// A page of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventsPage {
    /// The events, without transcripts.
    pub items: Vec<Event>,
    /// Where the next page goes on; absent when this is the last.
    pub next: Option<String>,
    /// What it cost.
    pub cost: Cost,
}

/// Whose history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryOf {
    /// Everything about a message, its recipients included.
    Message(model::id::MessageId),
    /// Everything about a recipient.
    Recipient(model::id::RecipientId),
    /// Everything about an address, upper or lower case.
    Address(String),
}

/// A history: full events in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The events, with transcripts; the oldest [`HISTORY_EVENTS_MAX`], of an address the newest.
    pub events: Vec<Event>,
    /// There are more.
    pub truncated: bool,
    /// What it cost.
    pub cost: Cost,
}

impl Measure {
    /// Name of its column, before numbering of doubles.
    pub fn name(&self) -> String {
        match self {
            Measure::Count => "count".to_owned(),
            Measure::Rate { .. } => "rate".to_owned(),
            Measure::DistinctRecipients => "distinct_recipients".to_owned(),
            Measure::Percentile { field, p } => format!("p{}_{field}", (p * 1_000.0).round() / 10.0),
            Measure::Sum { field } => format!("sum_{field}"),
            Measure::Min { field } => format!("min_{field}"),
            Measure::Max { field } => format!("max_{field}"),
        }
    }

    fn kind(&self) -> CellKind {
        match self {
            Measure::Count | Measure::DistinctRecipients | Measure::Sum { .. } => CellKind::Integer,
            Measure::Rate { .. } => CellKind::Rate,
            Measure::Percentile { .. } => CellKind::Number,
            Measure::Min { field } | Measure::Max { field } => field_kind(*field),
        }
    }

    fn check(&self, path: &str) -> Result<(), QueryError> {
        match self {
            Measure::Count | Measure::DistinctRecipients => Ok(()),
            Measure::Rate { numerator } => numerator.check(&format!("{path}.numerator")),
            Measure::Percentile { p, .. } if !(0.0..=1.0).contains(p) => {
                Err(QueryError::invalid(format!("{path}.p"), "must lie between 0 and 1, such as 0.95"))
            }
            Measure::Percentile { field, .. } | Measure::Sum { field } if !field.is_number() => {
                Err(QueryError::invalid(format!("{path}.field"), format!("{field} is no number")))
            }
            Measure::Min { field } | Measure::Max { field }
                if !field.is_number() && field.field_type() != FieldType::Time =>
            {
                Err(QueryError::invalid(format!("{path}.field"), format!("{field} is neither number nor time")))
            }
            _ => Ok(()),
        }
    }
}

impl Dimension {
    /// Name of its column, before numbering of doubles.
    pub fn name(&self) -> String {
        match self {
            Dimension::Field { field } => field.to_string(),
            Dimension::Bucket { .. } => "time".to_owned(),
        }
    }

    fn kind(&self) -> CellKind {
        match self {
            Dimension::Field { field } => field_kind(*field),
            Dimension::Bucket { .. } => CellKind::Time,
        }
    }

    fn check(&self, path: &str) -> Result<(), QueryError> {
        match self {
            Dimension::Bucket { span } if span.0.as_secs() == 0 => {
                Err(QueryError::invalid(format!("{path}.span"), "must be at least 1s"))
            }
            _ => Ok(()),
        }
    }
}

fn field_kind(field: Field) -> CellKind {
    match field.field_type() {
        FieldType::Time => CellKind::Time,
        FieldType::Name | FieldType::Text => CellKind::Text,
        FieldType::Id => CellKind::Id,
        FieldType::Integer => CellKind::Integer,
        FieldType::Flag => CellKind::Flag,
    }
}

impl Query {
    /// Checks everything that can be checked without looking at events.
    ///
    /// # Errors
    /// [`QueryError::Invalid`]: the writer of the query can mend it.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.from >= self.to {
            return Err(QueryError::invalid("to", "must be later than from"));
        }
        let count = self.measures.len();
        if count == 0 || count > MEASURES_MAX {
            return Err(QueryError::invalid("measures", format!("give 1 to {MEASURES_MAX}")));
        }
        if self.dimensions.len() > DIMENSIONS_MAX {
            return Err(QueryError::invalid("dimensions", format!("give at most {DIMENSIONS_MAX}")));
        }
        if self.limit.is_some_and(|limit| limit == 0 || limit > ROWS_OUT_MAX) {
            return Err(QueryError::invalid("limit", format!("must lie between 1 and {ROWS_OUT_MAX}")));
        }
        if let Some(filter) = &self.filter {
            filter.check("filter")?;
        }
        for (place, measure) in self.measures.iter().enumerate() {
            measure.check(&format!("measures[{place}]"))?;
        }
        for (place, dimension) in self.dimensions.iter().enumerate() {
            dimension.check(&format!("dimensions[{place}]"))?;
        }
        let columns = self.columns();
        for (place, order) in self.order.iter().enumerate() {
            if !columns.iter().any(|column| column.name == order.by) {
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("there is no column {:?}; there are {}", order.by, names.join(", "));
                return Err(QueryError::invalid(format!("order[{place}].by"), message));
            }
        }
        Ok(())
    }

    /// The columns of its answer: dimensions, then measures; the second of the same name gets `_2`, and so on.
    pub fn columns(&self) -> Vec<ResultColumn> {
        let dimensions = self.dimensions.iter().map(|dimension| (dimension.name(), dimension.kind()));
        let measures = self.measures.iter().map(|measure| (measure.name(), measure.kind()));
        let mut columns: Vec<ResultColumn> = Vec::new();
        for (name, kind) in dimensions.chain(measures) {
            let free = |candidate: &String| !columns.iter().any(|column| column.name == *candidate);
            let numbered = (2..).map(|number| format!("{name}_{number}"));
            let unique = std::iter::once(name.clone()).chain(numbered).find(free);
            columns.push(ResultColumn { name: unique.expect("invariant: endless numbers"), kind });
        }
        columns
    }
}

impl Rate {
    /// 1.96 squared: 95 % of a normal distribution lie within ±1.96 standard deviations.
    const Z: f64 = 1.959_964;

    /// The rate and its Wilson score interval (E. B. Wilson, 1927), which behaves for few and for extreme cases.
    #[expect(clippy::cast_precision_loss, reason = "shares of counts below 2^53")]
    pub fn of(hits: u64, n: u64) -> Rate {
        if n == 0 {
            return Rate { hits, n, rate: 0.0, low: 0.0, high: 1.0 };
        }
        let (hits_f, n_f) = (hits.min(n) as f64, n as f64);
        let share = hits_f / n_f;
        let z2 = Self::Z * Self::Z;
        let centre = (share + z2 / (2.0 * n_f)) / (1.0 + z2 / n_f);
        let half = Self::Z / (1.0 + z2 / n_f) * (share * (1.0 - share) / n_f + z2 / (4.0 * n_f * n_f)).sqrt();
        Rate { hits, n, rate: share, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        Query {
            from: Timestamp(0),
            to: Timestamp(1),
            filter: None,
            measures: vec![Measure::Count],
            dimensions: vec![],
            order: vec![],
            limit: None,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Query), expected: Result<(), &str>) {
        let mut query = query();
        change(&mut query);
        let found = query.check().map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn errors_name_the_part() {
        check(|_| (), Ok(()));
        check(|q| q.to = Timestamp(0), Err("to: must be later than from"));
        check(|q| q.measures.clear(), Err("measures: give 1 to 16"));
        check(|q| q.limit = Some(0), Err("limit: must lie between 1 and 10000"));
        check(
            |q| q.measures.push(Measure::Sum { field: Field::Provider }),
            Err("measures[1].field: provider is no number"),
        );
        check(
            |q| q.measures[0] = Measure::Percentile { field: Field::QueuedMs, p: 95.0 },
            Err("measures[0].p: must lie between 0 and 1, such as 0.95"),
        );
        check(
            |q| q.order.push(Order { by: "sum".into(), descending: false }),
            Err("order[0].by: there is no column \"sum\"; there are count"),
        );
    }

    #[test]
    fn columns_are_unique() {
        let mut query = query();
        query.measures.push(Measure::Count);
        query.measures.push(Measure::Percentile { field: Field::QueuedMs, p: 0.95 });
        query.dimensions.push(Dimension::Field { field: Field::Provider });
        let names: Vec<String> = query.columns().into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["provider", "count", "count_2", "p95_queued_ms"]);
    }

    #[test]
    fn schemas_are_finite_and_complete() {
        use utoipa::ToSchema;
        let mut schemas = Vec::new();
        Query::schemas(&mut schemas);
        QueryResult::schemas(&mut schemas);
        let named = |name: &str| schemas.iter().any(|(known, _)| known == name);
        for name in
            ["Filter", "EventField", "Scalar", "Measure", "Dimension", "QueryOrder", "ResultColumn", "Cell", "Cost"]
        {
            assert!(named(name), "{name} is missing");
        }
    }

    #[test]
    fn intervals_hold_the_published_values() {
        // Newcombe (1998), table I: 81/263, 15/148, 0/20, 1/29 by the Wilson method without correction.
        for (hits, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let rate = Rate::of(hits, n);
            assert!((rate.low - low).abs() < 1e-4 && (rate.high - high).abs() < 1e-4, "{rate:?}");
        }
        assert_eq!(Rate::of(0, 0), Rate { hits: 0, n: 0, rate: 0.0, low: 0.0, high: 1.0 });
    }
}
