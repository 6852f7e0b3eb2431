//! What is too much is refused or cut, and says so.

use std::task::{Context, Waker};

use model::units::{Size, Span};
use store::{Config, Dimension, EventStore, Field, Measure, Query, QueryError};

use crate::support::{events, open_with, second};

fn grouped() -> Query {
    Query {
        from: second(-1),
        to: second(1_000_000),
        filter: None,
        measures: vec![Measure::Count, Measure::Percentile { field: Field::QueuedMs, p: 0.9 }],
        dimensions: vec![Dimension::Field { field: Field::Recipient }, Dimension::Field { field: Field::Address }],
        order: vec![],
        limit: Some(10),
    }
}

async fn filled(dir: &std::path::Path, config: Config, count: u64) -> EventStore {
    let (store, _) = open_with(dir, config);
    store.ingest(events(1, 0, count, 3_600), "1:1".into()).await.unwrap();
    store
}

#[track_caller]
fn refused_for<T: std::fmt::Debug>(answer: Result<T, QueryError>, wanted: &str) {
    match answer {
        Err(QueryError::TooMuch { limit, message }) => assert_eq!(limit, wanted, "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_huge_grouping_is_cut_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), Config::default(), 2_000).await;
    let answer = store.query(grouped()).await.unwrap();
    assert!(answer.truncated && answer.rows.len() == 10);
}

#[tokio::test]
async fn memory_is_limited() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { query_memory_max: Size(300_000), ..Config::default() };
    let store = filled(dir.path(), config, 20_000).await;
    refused_for(store.query(grouped()).await, "query_memory_max");
}

#[tokio::test]
async fn rows_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), Config { query_rows_max: 1_000, ..Config::default() }, 2_000).await;
    refused_for(store.query(grouped()).await, "query_rows_max");
    let outside = Query { from: second(5_000), ..grouped() };
    assert!(store.query(outside).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn time_is_limited() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), Config { query_time_max: Span::ms(0), ..Config::default() }, 20_000).await;
    refused_for(store.query(grouped()).await, "query_time_max");
}

#[tokio::test]
async fn a_query_that_nobody_waits_for_gives_its_place_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), Config { queries_max: 1, ..Config::default() }, 20_000).await;
    for _ in 0..20 {
        let mut forgotten = store.query(grouped());
        let _ = forgotten.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(forgotten);
    }
    // With one place only, this would run out of time if the others still held it.
    assert!(store.query(grouped()).await.is_ok());
}
