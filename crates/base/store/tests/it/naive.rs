//! The meaning of filters and queries, spelled out over a plain list of events.

use std::collections::{BTreeMap, BTreeSet};

use model::event::Event;
use model::id::MessageId;
use model::time::Timestamp;
use store::{Cell, Dimension, Field, FieldType, Filter, Measure, Query, Rate, Scalar};

/// The value of a field, as numbers and texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Text(String),
    Number(u64),
    Time(i64),
    Flag,
}

pub fn value(event: &Event, field: Field) -> Option<Value> {
    let attempt = event.attempt.as_ref();
    let reply = attempt.and_then(|attempt| attempt.reply.as_ref());
    let text = |text: &str| Value::Text(text.to_owned());
    match field {
        Field::At => Some(Value::Time(event.at.0)),
        Field::Kind => Some(text(event.kind.as_str())),
        Field::Message => event.message.map(|id| Value::Number(id.0)),
        Field::Recipient => event.recipient.map(|id| Value::Number(id.0)),
        Field::Campaign => event.campaign.map(|id| Value::Number(id.0)),
        Field::Address => event.address.as_deref().map(text),
        Field::Domain => Some(text(&event.address.as_deref()?.rsplit_once('@')?.1.to_lowercase())),
        Field::Provider => event.provider.as_deref().map(text),
        Field::Source => event.source.as_deref().map(text),
        Field::Code => reply.map(|reply| Value::Number(u64::from(reply.code))),
        Field::Enhanced => Some(text(&reply?.enhanced?.to_string())),
        Field::Reply => reply.map(|reply| text(&reply.text)),
        Field::Error => attempt?.error.as_deref().map(text),
        Field::Category => attempt?.category.map(|category| text(category.as_str())),
        Field::Attempt => attempt.map(|attempt| Value::Number(u64::from(attempt.number))),
        Field::QueuedMs => attempt?.queued_ms.map(Value::Number),
        Field::Suppress => attempt.filter(|attempt| attempt.suppress).map(|_| Value::Flag),
        Field::SizeBytes => event.size_bytes.map(Value::Number),
        Field::Note => event.note.as_deref().map(text),
        other => panic!("the tests do not use {other}"),
    }
}

fn wanted(field: Field, scalar: &Scalar) -> Value {
    match (field.field_type(), scalar) {
        (FieldType::Id, Scalar::Text(id)) => Value::Number(id.parse::<MessageId>().unwrap().0),
        (FieldType::Time, Scalar::Text(at)) => Value::Time(at.parse::<Timestamp>().unwrap().0),
        (_, Scalar::Text(text)) => Value::Text(text.clone()),
        (_, Scalar::Integer(number)) => Value::Number(u64::try_from(*number).unwrap()),
        (_, Scalar::Bool(_)) => Value::Flag,
    }
}

fn equal(event: &Event, field: Field, scalar: &Scalar) -> bool {
    let found = value(event, field);
    match (field, scalar, &found) {
        (Field::Address, Scalar::Text(wanted), Some(Value::Text(found))) => {
            wanted.to_lowercase() == found.to_lowercase()
        }
        (_, Scalar::Bool(false), found) => found.is_none(),
        _ => found == Some(wanted(field, scalar)),
    }
}

pub fn matches(event: &Event, filter: &Filter) -> bool {
    let text_of = |field: Field| match value(event, field) {
        Some(Value::Text(text)) => Some(text.to_lowercase()),
        _ => None,
    };
    match filter {
        Filter::And { of } => of.iter().all(|filter| matches(event, filter)),
        Filter::Or { of } => of.iter().any(|filter| matches(event, filter)),
        Filter::Not { of } => !matches(event, of),
        Filter::Eq { field, value } => equal(event, *field, value),
        Filter::In { field, values } => values.iter().any(|value| equal(event, *field, value)),
        Filter::Contains { field, text } => text_of(*field).is_some_and(|found| found.contains(&text.to_lowercase())),
        Filter::Prefix { field, text } => text_of(*field).is_some_and(|found| found.starts_with(&text.to_lowercase())),
        Filter::Exists { field } => value(event, *field).is_some(),
        Filter::Range { field, gte, gt, lte, lt } => value(event, *field).is_some_and(|found| {
            let bound = |scalar: &Option<Scalar>| scalar.as_ref().map(|scalar| wanted(*field, scalar));
            bound(gte).is_none_or(|bound| found >= bound)
                && bound(gt).is_none_or(|bound| found > bound)
                && bound(lte).is_none_or(|bound| found <= bound)
                && bound(lt).is_none_or(|bound| found < bound)
        }),
    }
}

pub fn selected<'a>(events: &'a [Event], query: &Query) -> Vec<&'a Event> {
    let in_time = |event: &&Event| event.at >= query.from && event.at < query.to;
    let wanted = |event: &&Event| query.filter.as_ref().is_none_or(|filter| matches(event, filter));
    events.iter().filter(in_time).filter(wanted).collect()
}

fn key(event: &Event, dimension: &Dimension) -> Cell {
    match dimension {
        Dimension::Field { field } => match (field.field_type(), value(event, *field)) {
            (_, None) => Cell::Null,
            (FieldType::Id, Some(Value::Number(id))) => Cell::Text(MessageId(id).to_string()),
            (_, Some(Value::Number(number))) => Cell::Integer(i64::try_from(number).unwrap()),
            (_, Some(Value::Text(text))) => Cell::Text(text),
            (_, Some(Value::Time(at))) => Cell::Text(Timestamp(at).to_string()),
            (_, Some(Value::Flag)) => Cell::Flag(true),
        },
        Dimension::Bucket { span } => {
            let width = i64::try_from(span.0.as_micros()).unwrap();
            Cell::Text(Timestamp(event.at.0.div_euclid(width) * width).to_string())
        }
    }
}

fn measure(events: &[&Event], measure: &Measure) -> Cell {
    let numbers = |field: Field| -> Vec<u64> {
        let number = |event: &&Event| match value(event, field) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        events.iter().filter_map(number).collect()
    };
    let integer =
        |number: Option<u64>| number.map_or(Cell::Null, |number| Cell::Integer(i64::try_from(number).unwrap()));
    match measure {
        Measure::Count => integer(Some(events.len() as u64)),
        Measure::Rate { numerator } => {
            let hits = events.iter().filter(|event| matches(event, numerator)).count();
            Cell::Rate(Rate::of(hits as u64, events.len() as u64))
        }
        Measure::DistinctRecipients => {
            let recipients: BTreeSet<_> = events.iter().filter_map(|event| event.recipient).collect();
            integer(Some(recipients.len() as u64))
        }
        Measure::Sum { field } => {
            let numbers = numbers(*field);
            integer((!numbers.is_empty()).then(|| numbers.iter().sum()))
        }
        Measure::Min { field } => integer(numbers(*field).into_iter().min()),
        Measure::Max { field } => integer(numbers(*field).into_iter().max()),
        Measure::Percentile { .. } => panic!("percentiles are compared elsewhere"),
    }
}

/// The rows of the answer, in no particular order.
pub fn answer(events: &[Event], query: &Query) -> Vec<Vec<Cell>> {
    let mut groups: BTreeMap<String, (Vec<Cell>, Vec<&Event>)> = BTreeMap::new();
    if query.dimensions.is_empty() {
        groups.entry(String::new()).or_default();
    }
    for event in selected(events, query) {
        let cells: Vec<Cell> = query.dimensions.iter().map(|dimension| key(event, dimension)).collect();
        let group = groups.entry(if cells.is_empty() { String::new() } else { format!("{cells:?}") }).or_default();
        group.0 = cells;
        group.1.push(event);
    }
    let row = |(mut cells, events): (Vec<Cell>, Vec<&Event>)| {
        cells.extend(query.measures.iter().map(|wanted| measure(&events, wanted)));
        cells
    };
    groups.into_values().map(row).collect()
}
