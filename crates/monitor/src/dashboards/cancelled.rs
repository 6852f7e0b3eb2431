//! Which deferred mail waits no longer because a person cancelled it.
//!
//! A deferral names its next attempt, and nothing takes that back: the order does. An order ends what was in the queue when
//! it came, so it speaks of the deferrals before it and of none after. Limit: [`ORDERS_MAX`].

use std::time::Duration;

use model::event::EventKind;
use model::time::Timestamp;
use store::{Cell, Dimension, EventStore, Field, Filter, Measure, Query, QueryResult, Scalar};

use super::series::EVENTS_WAIT_MAX;

/// Most targets of orders that are looked at; of more, the rest counts as waiting until its time has come.
const ORDERS_MAX: u32 = 200;

/// The deferrals since `from` whose mail was cancelled; none when nothing was, or the events could not tell in time.
pub(super) async fn cancelled(store: &EventStore, from: Timestamp, at: Timestamp) -> Option<Filter> {
    let orders = Filter::And {
        of: vec![Filter::eq(Field::Kind, EventKind::Control.as_str()), Filter::eq(Field::Action, "cancel")],
    };
    let query = Query {
        from,
        to: at.plus(Duration::from_secs(60)),
        filter: Some(orders),
        measures: vec![Measure::Max { field: Field::At }],
        dimensions: [Field::Target, Field::TargetName].map(|field| Dimension::Field { field }).to_vec(),
        order: Vec::new(),
        limit: Some(ORDERS_MAX),
    };
    match tokio::time::timeout(EVENTS_WAIT_MAX, store.query(query)).await {
        Ok(Ok(answer)) => told(&answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a dashboard counts cancelled mail as waiting: its events could not be read");
            None
        }
        Err(_) => None,
    }
}

fn told(answer: &QueryResult) -> Option<Filter> {
    let ended = |row: &Vec<Cell>| match row.as_slice() {
        [Cell::Text(target), Cell::Text(name), Cell::Text(last)] => {
            let lte = Some(Scalar::from(last.parse::<Timestamp>().ok()?));
            let before = Filter::Range { field: Field::At, gte: None, gt: None, lte, lt: None };
            Some(Filter::And { of: vec![Filter::eq(field_of(target)?, name.as_str()), before] })
        }
        _ => None,
    };
    let of: Vec<Filter> = answer.rows.iter().filter_map(ended).collect();
    if of.is_empty() { None } else { Some(Filter::Or { of }) }
}

/// The field of an event that names such a target.
fn field_of(target: &str) -> Option<Field> {
    match target {
        "campaign" => Some(Field::Campaign),
        "job" => Some(Field::Job),
        "message" => Some(Field::Message),
        "recipient" => Some(Field::Recipient),
        "domain" => Some(Field::Domain),
        _ => None,
    }
}
