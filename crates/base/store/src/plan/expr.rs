//! Filters as expressions of the engine.
//!
//! The engine's logic has three values, ours has two: `not` is pushed down to the single conditions, where an absent
//! field makes the negated one true. Positive conditions stay plain, so that statistics and bloom filters apply.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit, not};
use datafusion::prelude::col;
use model::time::Timestamp;

use crate::columns::{ADDRESS_HASH, ID_LEAF, ID_ROOT, address_hash};
use crate::error::QueryError;
use crate::field::{Field, FieldType};
use crate::filter::{Filter, Scalar, Typed, folded, typed};

/// The filter as an expression that is true for exactly the events it means.
pub(crate) fn filter_expr(filter: &Filter) -> Result<Expr, QueryError> {
    part(filter, false)
}

/// Events in `from..to`.
pub(crate) fn time_expr(from: Timestamp, to: Timestamp) -> Expr {
    column(Field::At).gt_eq(time(from.0)).and(column(Field::At).lt(time(to.0)))
}

/// The column of a field.
pub(crate) fn column(field: Field) -> Expr {
    ident(field.as_str())
}

/// Events behind a place in the order of time and id.
pub(crate) fn behind(at: Timestamp, root: u64, leaf: u32, newest_first: bool) -> Expr {
    let further = |column: Expr, value: Expr| if newest_first { column.lt(value) } else { column.gt(value) };
    let (at_column, root_column) = (column(Field::At), col(ID_ROOT));
    let same_root = root_column.clone().eq(lit(root)).and(further(col(ID_LEAF), lit(leaf)));
    let same_time = at_column.clone().eq(time(at.0)).and(further(root_column, lit(root)).or(same_root));
    further(at_column, time(at.0)).or(same_time)
}

pub(crate) fn time(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

fn part(filter: &Filter, negated: bool) -> Result<Expr, QueryError> {
    let leaf = |field: Field, positive: Expr| match negated {
        false => positive,
        true => column(field).is_null().or(not(positive)),
    };
    Ok(match filter {
        Filter::And { of } if !negated => all(of, negated)?,
        Filter::And { of } => any(of, negated)?,
        Filter::Or { of } if !negated => any(of, negated)?,
        Filter::Or { of } => all(of, negated)?,
        Filter::Not { of } => part(of, !negated)?,
        Filter::Exists { field } if negated => column(*field).is_null(),
        Filter::Exists { field } => column(*field).is_not_null(),
        Filter::Eq { field, value } if field.field_type() == FieldType::Flag => flag(*field, value, negated)?,
        Filter::Eq { field, value } => leaf(*field, equals(*field, value)?),
        Filter::In { field, values } => leaf(*field, one_of(*field, values)?),
        Filter::Contains { field, text } => leaf(*field, like(*field, &format!("%{}%", escaped(text)))),
        Filter::Prefix { field, text } => leaf(*field, like(*field, &format!("{}%", escaped(text)))),
        Filter::Range { field, gte, gt, lte, lt } => leaf(*field, range(*field, gte, gt, lte, lt)?),
    })
}

fn all(parts: &[Filter], negated: bool) -> Result<Expr, QueryError> {
    let mut parts = parts.iter().map(|filter| part(filter, negated));
    let first = parts.next().unwrap_or(Ok(lit(true)))?;
    parts.try_fold(first, |left, right| Ok(left.and(right?)))
}

fn any(parts: &[Filter], negated: bool) -> Result<Expr, QueryError> {
    let mut parts = parts.iter().map(|filter| part(filter, negated));
    let first = parts.next().unwrap_or(Ok(lit(false)))?;
    parts.try_fold(first, |left, right| Ok(left.or(right?)))
}

/// Flags are true or absent; absent is false.
fn flag(field: Field, value: &Scalar, negated: bool) -> Result<Expr, QueryError> {
    let wanted = matches!(typed(field, value, "filter")?, Typed::Flag(true));
    Ok(if wanted == negated { column(field).is_null() } else { column(field).is_not_null() })
}

fn equals(field: Field, value: &Scalar) -> Result<Expr, QueryError> {
    if field == Field::Address
        && let Typed::Text(address) = typed(field, value, "filter")?
    {
        return Ok(address_is(&address));
    }
    Ok(column(field).eq(literal(field, value)?))
}

/// The number finds the address by bloom filter, the text tells it from others of the same number.
pub(crate) fn address_is(address: &str) -> Expr {
    col(ADDRESS_HASH).eq(lit(address_hash(address))).and(like(Field::Address, &escaped(&folded(address))))
}

fn one_of(field: Field, values: &[Scalar]) -> Result<Expr, QueryError> {
    if field == Field::Address || field.field_type() == FieldType::Flag {
        let parts: Vec<Filter> = values.iter().map(|value| Filter::Eq { field, value: value.clone() }).collect();
        return any(&parts, false);
    }
    let values = values.iter().map(|value| literal(field, value)).collect::<Result<Vec<_>, _>>()?;
    Ok(if values.is_empty() { lit(false) } else { column(field).in_list(values, false) })
}

fn range(
    field: Field,
    gte: &Option<Scalar>,
    gt: &Option<Scalar>,
    lte: &Option<Scalar>,
    lt: &Option<Scalar>,
) -> Result<Expr, QueryError> {
    let bound = |value: &Option<Scalar>, compare: fn(Expr, Expr) -> Expr| {
        value.as_ref().map(|value| literal(field, value).map(|value| compare(column(field), value)))
    };
    let bounds = [bound(gte, Expr::gt_eq), bound(gt, Expr::gt), bound(lte, Expr::lt_eq), bound(lt, Expr::lt)];
    let mut bounds = bounds.into_iter().flatten();
    let first = bounds.next().unwrap_or(Ok(lit(false)))?;
    bounds.try_fold(first, |left, right| Ok(left.and(right?)))
}

fn literal(field: Field, value: &Scalar) -> Result<Expr, QueryError> {
    Ok(match typed(field, value, "filter")? {
        Typed::Text(text) => lit(text),
        Typed::Number(number) => lit(number),
        Typed::Time(micros) => time(micros),
        Typed::Flag(flag) => lit(flag),
    })
}

fn like(field: Field, pattern: &str) -> Expr {
    column(field).ilike(lit(pattern))
}

/// The text with the wildcards of LIKE taken literally.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}
