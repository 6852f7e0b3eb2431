//! Single terms: what a word, a quoted text or `field:value` means.

use model::category::Family;
use model::id::MessageId;
use model::time::Timestamp;
use model::units;
use model::words::nearest;
use store::{Field, FieldType, Filter, Scalar};

use super::fields::{Named, categories_of, find, nearest_field, values_of};
use super::lexer::{Op, Text};
use super::{SearchError, Span};

/// Where free text is looked for.
const TEXT_FIELDS: [Field; 3] = [Field::Reply, Field::Error, Field::Note];

/// A word or a quoted text by itself.
pub(super) fn free_text(word: &Text) -> Filter {
    let text = word.text.as_str();
    if text.is_empty() {
        return Filter::all();
    }
    let mut of: Vec<Filter> = TEXT_FIELDS.iter().map(|field| Filter::contains(*field, text)).collect();
    // The reader of replies takes the codes off the text, so they are looked for where they are kept.
    if is_enhanced(text) {
        of.push(Filter::eq(Field::Enhanced, text));
    } else if text.len() == 3
        && text.starts_with(['2', '4', '5'])
        && let Ok(code) = text.parse::<i64>()
    {
        of.push(Filter::eq(Field::Code, code));
    } else if !word.quoted && text.contains('@') {
        return address(text);
    } else if !word.quoted && text.parse::<MessageId>().is_ok() {
        of.extend([Field::Message, Field::Recipient, Field::Campaign].map(|field| Filter::eq(field, text)));
    }
    Filter::Or { of }
}

/// `field:value`, `field>value` …
pub(super) fn field_term(name: &Text, op: Op, values: &[Text]) -> Result<Filter, SearchError> {
    match find(&name.text) {
        None => {
            let suggestion = nearest_field(&name.text);
            let hint = suggestion.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            Err(name.span.suggest(format!("there is no field {:?}{hint}", name.text), suggestion))
        }
        Some(Named::Family) => each(values, family),
        Some(Named::Field(field)) => match op {
            Op::Has | Op::Is => equal_or_listed(field, op, values),
            _ => compare(field, op, &values[0]),
        },
    }
}

fn each(values: &[Text], make: impl Fn(&Text) -> Result<Filter, SearchError>) -> Result<Filter, SearchError> {
    let mut of = values.iter().map(make).collect::<Result<Vec<_>, _>>()?;
    Ok(if of.len() == 1 { of.remove(0) } else { Filter::Or { of } })
}

fn family(value: &Text) -> Result<Filter, SearchError> {
    let name = value.text.to_lowercase();
    match Family::from_name(&name) {
        Some(family) => Ok(Filter::one_of(Field::Category, categories_of(family))),
        None => Err(unknown_value("family", value, &name, Family::ALL.iter().map(|family| family.as_str()))),
    }
}

fn unknown_value(
    field: &str,
    value: &Text,
    folded: &str,
    known: impl IntoIterator<Item = &'static str>,
) -> SearchError {
    let known: Vec<&'static str> = known.into_iter().collect();
    let near = nearest(folded, known.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    };
    value.span.suggest(format!("{field} is never {:?}; {hint}", value.text), near)
}

/// `a,b` of a field with plain values is one list; everything else is joined by `or`.
fn equal_or_listed(field: Field, op: Op, values: &[Text]) -> Result<Filter, SearchError> {
    let filters = values.iter().map(|value| value_of(field, op, value)).collect::<Result<Vec<_>, _>>()?;
    let plain = |filter: &Filter| match filter {
        Filter::Eq { field: found, value } if *found == field => Some(value.clone()),
        _ => None,
    };
    let listed: Option<Vec<Scalar>> = filters.iter().map(plain).collect();
    Ok(match (listed, filters) {
        (_, mut filters) if filters.len() == 1 => filters.remove(0),
        (Some(values), _) => Filter::In { field, values },
        (None, filters) => Filter::Or { of: filters },
    })
}

fn value_of(field: Field, op: Op, value: &Text) -> Result<Filter, SearchError> {
    let text = value.text.as_str();
    if text == "*" && !value.quoted {
        return Ok(Filter::Exists { field });
    }
    match field.field_type() {
        FieldType::Name | FieldType::Text => named(field, op, value),
        FieldType::Flag => match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Filter::Eq { field, value: Scalar::Bool(true) }),
            "false" | "no" | "0" => Ok(Filter::Eq { field, value: Scalar::Bool(false) }),
            _ => Err(value.span.error(format!("{field} is true or false"))),
        },
        FieldType::Id => match text.parse::<MessageId>() {
            Ok(id) => Ok(Filter::eq(field, id.to_string())),
            Err(_) => Err(value.span.error(format!("{field} is an id: thirteen letters and digits"))),
        },
        FieldType::Integer | FieldType::Time => match text.split_once("..") {
            Some((low, high)) if !value.quoted => between(field, low, high, value.span),
            _ => Ok(Filter::Eq { field, value: measured(field, text, value.span)? }),
        },
    }
}

fn named(field: Field, op: Op, value: &Text) -> Result<Filter, SearchError> {
    let text = value.text.as_str();
    // `status:421` and `status:4.7.28` are what people type who think of replies.
    if field == Field::Kind && is_enhanced(text) {
        return Ok(Filter::eq(Field::Enhanced, text));
    }
    if field == Field::Kind && text.len() == 3 && text.parse::<i64>().is_ok() {
        return value_of(Field::Code, op, value);
    }
    if !value.quoted && text.contains('*') {
        return wildcard(field, value);
    }
    let known = values_of(field);
    if !known.is_empty() {
        let folded = text.to_lowercase().replace('_', "-");
        return match known.iter().find(|known| **known == folded) {
            Some(known) => Ok(Filter::eq(field, *known)),
            None => Err(unknown_value(field.as_str(), value, &folded, known)),
        };
    }
    Ok(match field {
        Field::Address => address(text),
        Field::Domain => Filter::eq(field, text.to_lowercase()),
        _ if field.field_type() == FieldType::Text && op == Op::Has => Filter::contains(field, text),
        _ => Filter::eq(field, text),
    })
}

/// `gmail*` begins with, `*gmail*` and `*gmail` contain.
fn wildcard(field: Field, value: &Text) -> Result<Filter, SearchError> {
    let inner = value.text.trim_matches('*');
    if inner.is_empty() || inner.contains('*') {
        return Err(value.span.error("a star stands at the beginning or the end of a word"));
    }
    let text = inner.to_owned();
    let begins = !value.text.starts_with('*');
    Ok(if begins { Filter::Prefix { field, text } } else { Filter::Contains { field, text } })
}

/// `zoe@example.fr` is one address, `@example.fr` a domain, anything else a part.
fn address(text: &str) -> Filter {
    match text.split_once('@') {
        Some(("", domain)) if !domain.is_empty() => Filter::eq(Field::Domain, domain.to_lowercase()),
        Some((_, domain)) if !domain.is_empty() => Filter::eq(Field::Address, text),
        _ => Filter::contains(Field::Address, text),
    }
}

fn compare(field: Field, op: Op, value: &Text) -> Result<Filter, SearchError> {
    if !matches!(field.field_type(), FieldType::Integer | FieldType::Time) {
        let message = format!("{field} is neither number nor time: compare it with `:`");
        return Err(value.span.error(message));
    }
    let bound = Some(measured(field, &value.text, value.span)?);
    let none = || Filter::Range { field, gte: None, gt: None, lte: None, lt: None };
    Ok(match (op, none()) {
        (Op::Above, Filter::Range { gte, lte, lt, .. }) => Filter::Range { field, gte, gt: bound, lte, lt },
        (Op::AtLeast, Filter::Range { gt, lte, lt, .. }) => Filter::Range { field, gte: bound, gt, lte, lt },
        (Op::Below, Filter::Range { gte, gt, lte, .. }) => Filter::Range { field, gte, gt, lte, lt: bound },
        (_, Filter::Range { gte, gt, lt, .. }) => Filter::Range { field, gte, gt, lte: bound, lt },
        (_, other) => other,
    })
}

fn between(field: Field, low: &str, high: &str, span: Span) -> Result<Filter, SearchError> {
    let bound = |text: &str| match text {
        "" => Ok(None),
        text => measured(field, text, span).map(Some),
    };
    let (gte, lte) = (bound(low)?, bound(high)?);
    if gte.is_none() && lte.is_none() {
        return Err(span.error("a range needs a bound, such as 2..5 or 10.."));
    }
    Ok(Filter::Range { field, gte, gt: None, lte, lt: None })
}

/// A number, also with a unit where the field has one; or a time.
fn measured(field: Field, text: &str, span: Span) -> Result<Scalar, SearchError> {
    if field.field_type() == FieldType::Time {
        return match text.parse::<Timestamp>() {
            Ok(at) => Ok(Scalar::from(at)),
            Err(_) => Err(span.error(format!("{field} is a time such as 2026-09-21T14:13:20Z"))),
        };
    }
    if let Ok(number) = text.parse::<i64>()
        && number >= 0
    {
        return Ok(Scalar::Integer(number));
    }
    let is_duration = field.as_str().ends_with("_ms");
    let with_unit = if is_duration {
        text.parse::<units::Span>().ok().and_then(|span| i64::try_from(span.0.as_millis()).ok())
    } else if field == Field::SizeBytes {
        text.parse::<units::Size>().ok().and_then(|size| i64::try_from(size.0).ok())
    } else {
        None
    };
    let wanted = match (is_duration, field) {
        (true, _) => "a time in milliseconds, or with a unit such as 30s",
        (_, Field::SizeBytes) => "a number of bytes, or with a unit such as 25MB",
        _ => "a whole number",
    };
    with_unit.map(Scalar::Integer).ok_or_else(|| span.error(format!("{field} is {wanted}")))
}

fn is_enhanced(text: &str) -> bool {
    text.parse::<model::reply::EnhancedStatus>().is_ok()
}
