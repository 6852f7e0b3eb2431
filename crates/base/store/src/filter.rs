//! Which events: a typed condition on the fields of an event.
//!
//! Two-valued: a field that is absent equals nothing, contains nothing and lies in no range, and `not` turns exactly
//! that around. [`Filter::check`] refuses what makes no sense, with the path of the offending part.
//! Limits: [`FILTER_PARTS_MAX`], [`FILTER_DEPTH_MAX`], [`FILTER_TEXT_MAX`].

use model::id::MessageId;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::QueryError;
use crate::field::{Field, FieldType};

/// Most conditions in one filter, values of `in` included: planning time grows with them.
pub const FILTER_PARTS_MAX: usize = 1_000;

/// Deepest nesting of a filter: evaluation is recursive.
pub const FILTER_DEPTH_MAX: usize = 32;

/// Longest text compared with, in bytes.
pub const FILTER_TEXT_MAX: usize = 1_024;

/// A value to compare with. Ids, names, codes and times are texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// For flags.
    Bool(bool),
    /// For numbers.
    Integer(i64),
    /// For names, texts, ids (thirteen letters) and times (RFC 3339).
    Text(String),
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Scalar::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Scalar::Text(text)
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Scalar::Integer(number)
    }
}

impl From<Timestamp> for Scalar {
    fn from(at: Timestamp) -> Self {
        Scalar::Text(at.to_string())
    }
}

/// A condition on an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Filter {
    /// All of these hold; an empty list always holds.
    And {
        /// The conditions.
        #[schema(no_recursion)]
        of: Vec<Filter>,
    },
    /// One of these holds; an empty list never holds.
    Or {
        /// The conditions.
        #[schema(no_recursion)]
        of: Vec<Filter>,
    },
    /// This does not hold.
    Not {
        /// The condition.
        #[schema(no_recursion)]
        of: Box<Filter>,
    },
    /// The field has this value.
    Eq {
        /// The field.
        field: Field,
        /// The value.
        value: Scalar,
    },
    /// The field has one of these values.
    In {
        /// The field.
        field: Field,
        /// The values.
        values: Vec<Scalar>,
    },
    /// The field (a text or a name) contains this text, upper or lower case.
    Contains {
        /// The field.
        field: Field,
        /// The text.
        text: String,
    },
    /// The field (a text or a name) begins with this text, upper or lower case.
    Prefix {
        /// The field.
        field: Field,
        /// The text.
        text: String,
    },
    /// The field (a number or a time) lies within bounds; at least one is given.
    Range {
        /// The field.
        field: Field,
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gte: Option<Scalar>,
        /// More than.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gt: Option<Scalar>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lte: Option<Scalar>,
        /// Less than.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lt: Option<Scalar>,
    },
    /// The field is present.
    Exists {
        /// The field.
        field: Field,
    },
}

/// A value of the kind its field wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Typed {
    Text(String),
    Number(u64),
    Time(i64),
    Flag(bool),
}

impl Filter {
    /// The condition that always holds.
    pub const fn all() -> Filter {
        Filter::And { of: Vec::new() }
    }

    /// `field` equals `value`.
    pub fn eq(field: Field, value: impl Into<Scalar>) -> Filter {
        Filter::Eq { field, value: value.into() }
    }

    /// `field` is one of these names.
    pub fn one_of<'a>(field: Field, values: impl IntoIterator<Item = &'a str>) -> Filter {
        Filter::In { field, values: values.into_iter().map(Scalar::from).collect() }
    }

    /// `field` contains this text.
    pub fn contains(field: Field, text: impl Into<String>) -> Filter {
        Filter::Contains { field, text: text.into() }
    }

    /// The opposite.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads as the condition it makes")]
    pub fn not(self) -> Filter {
        Filter::Not { of: Box::new(self) }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::And { of: mut left }, Filter::And { of: right }) => {
                left.extend(right);
                Filter::And { of: left }
            }
            (Filter::And { mut of }, other) => {
                of.push(other);
                Filter::And { of }
            }
            (one, Filter::And { mut of }) => {
                of.insert(0, one);
                Filter::And { of }
            }
            (one, other) => Filter::And { of: vec![one, other] },
        }
    }

    /// Checks sizes, and that every value fits its field.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with the path of the part, below `path`.
    pub fn check(&self, path: &str) -> Result<(), QueryError> {
        let mut parts = 0;
        self.check_part(path, 0, &mut parts)
    }

    fn check_part(&self, path: &str, depth: usize, parts: &mut usize) -> Result<(), QueryError> {
        *parts += match self {
            Filter::In { values, .. } => values.len().max(1),
            _ => 1,
        };
        if *parts > FILTER_PARTS_MAX {
            return Err(QueryError::invalid(path, format!("more than {FILTER_PARTS_MAX} conditions")));
        }
        if depth > FILTER_DEPTH_MAX {
            return Err(QueryError::invalid(path, format!("nested deeper than {FILTER_DEPTH_MAX}")));
        }
        match self {
            Filter::And { of } | Filter::Or { of } => {
                let parts_of =
                    |(place, part): (usize, &Filter)| part.check_part(&format!("{path}.of[{place}]"), depth + 1, parts);
                of.iter().enumerate().try_for_each(parts_of)
            }
            Filter::Not { of } => of.check_part(&format!("{path}.of"), depth + 1, parts),
            Filter::Eq { field, value } => typed(*field, value, path).map(drop),
            Filter::In { field, values } => values.iter().try_for_each(|value| typed(*field, value, path).map(drop)),
            Filter::Contains { field, text } | Filter::Prefix { field, text } => check_text(*field, text, path),
            Filter::Range { field, gte, gt, lte, lt } => check_range(*field, [gte, gt, lte, lt], path),
            Filter::Exists { .. } => Ok(()),
        }
    }
}

fn check_text(field: Field, text: &str, path: &str) -> Result<(), QueryError> {
    if !matches!(field.field_type(), FieldType::Text | FieldType::Name) {
        return Err(QueryError::invalid(path, format!("{field} is no text: compare it with = or a range")));
    }
    if text.is_empty() || text.len() > FILTER_TEXT_MAX {
        return Err(QueryError::invalid(path, format!("the text must have 1 to {FILTER_TEXT_MAX} bytes")));
    }
    Ok(())
}

fn check_range(field: Field, bounds: [&Option<Scalar>; 4], path: &str) -> Result<(), QueryError> {
    if !matches!(field.field_type(), FieldType::Integer | FieldType::Time) {
        return Err(QueryError::invalid(path, format!("{field} is neither number nor time: it has no ranges")));
    }
    if bounds.iter().all(|bound| bound.is_none()) {
        return Err(QueryError::invalid(path, "give at least one of gte, gt, lte, lt"));
    }
    bounds.into_iter().flatten().try_for_each(|bound| typed(field, bound, path).map(drop))
}

/// The value as its field wants it.
pub(crate) fn typed(field: Field, value: &Scalar, path: &str) -> Result<Typed, QueryError> {
    let wrong = |wanted: &str| Err(QueryError::invalid(path, format!("{field} is compared with {wanted}")));
    match (field.field_type(), value) {
        (FieldType::Name | FieldType::Text, Scalar::Text(text)) if text.len() <= FILTER_TEXT_MAX => {
            Ok(Typed::Text(text.clone()))
        }
        (FieldType::Name | FieldType::Text, Scalar::Text(_)) => {
            wrong(&format!("a text of at most {FILTER_TEXT_MAX} bytes"))
        }
        (FieldType::Name | FieldType::Text, Scalar::Integer(number)) => Ok(Typed::Text(number.to_string())),
        (FieldType::Name | FieldType::Text, Scalar::Bool(_)) => wrong("a text"),
        (FieldType::Id, Scalar::Text(text)) => match text.parse::<MessageId>() {
            Ok(id) => Ok(Typed::Number(id.0)),
            Err(_) => wrong("an id: thirteen letters and digits"),
        },
        (FieldType::Id, _) => wrong("an id: thirteen letters and digits"),
        (FieldType::Integer, Scalar::Integer(number)) => match u64::try_from(*number) {
            Ok(number) => Ok(Typed::Number(number)),
            Err(_) => wrong("a number that is not negative"),
        },
        (FieldType::Integer, _) => wrong("a whole number"),
        (FieldType::Time, Scalar::Text(text)) => match text.parse::<Timestamp>() {
            Ok(at) => Ok(Typed::Time(at.0)),
            Err(_) => wrong("a time such as 2026-09-21T14:13:20Z"),
        },
        (FieldType::Time, _) => wrong("a time such as 2026-09-21T14:13:20Z"),
        (FieldType::Flag, Scalar::Bool(flag)) => Ok(Typed::Flag(*flag)),
        (FieldType::Flag, _) => wrong("true or false"),
    }
}

/// The form in which addresses are compared and hashed.
pub(crate) fn folded(address: &str) -> String {
    address.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &Filter, expected: Result<(), &str>) {
        let found = filter.check("filter").map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn values_must_fit_their_fields() {
        check(&Filter::all(), Ok(()));
        check(&Filter::eq(Field::Provider, "gmail"), Ok(()));
        check(&Filter::eq(Field::Code, 421), Ok(()));
        check(&Filter::eq(Field::Enhanced, "4.7.28"), Ok(()));
        check(&Filter::eq(Field::Recipient, "0cq2v7m9hk3xa"), Ok(()));
        let wrong = Filter::all().and(Filter::eq(Field::Code, "many")).not();
        check(&wrong, Err("filter.of.of[0]: code is compared with a whole number"));
        check(
            &Filter::eq(Field::Message, "x"),
            Err("filter: message is compared with an id: thirteen letters and digits"),
        );
        check(&Filter::contains(Field::Code, "4"), Err("filter: code is no text: compare it with = or a range"));
        let open = Filter::Range { field: Field::QueuedMs, gte: None, gt: None, lte: None, lt: None };
        check(&open, Err("filter: give at least one of gte, gt, lte, lt"));
    }

    #[test]
    fn depth_and_size_are_limited() {
        let deep = (0..=FILTER_DEPTH_MAX).fold(Filter::all(), |filter, _| filter.not());
        assert!(deep.check("filter").is_err());
        let names = vec!["x"; FILTER_PARTS_MAX + 1];
        assert!(Filter::one_of(Field::Provider, names).check("filter").is_err());
    }

    #[test]
    fn json_form_is_stable() {
        let filter = Filter::eq(Field::Provider, "gmail").and(Filter::Range {
            field: Field::QueuedMs,
            gte: None,
            gt: Some(Scalar::Integer(5)),
            lte: None,
            lt: None,
        });
        let json = serde_json::to_string(&filter).unwrap();
        let expected = r#"{"op":"and","of":[{"op":"eq","field":"provider","value":"gmail"},{"op":"range","field":"queued_ms","gt":5}]}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter);
    }
}
