//! Flush by age, joining of segments, retention, reopening.

use std::time::Duration;

use store::{Config, EventStore, Field, Measure, Query};

use crate::support::{events, open_with, second};

async fn count(store: &EventStore) -> i64 {
    let query = Query {
        from: second(-1_000_000),
        to: second(100_000_000),
        filter: None,
        measures: vec![Measure::Count, Measure::Sum { field: Field::SizeBytes }],
        dimensions: vec![],
        order: vec![],
        limit: None,
    };
    match store.query(query).await.unwrap().rows[0][0] {
        store::Cell::Integer(count) => count,
        _ => panic!("no count"),
    }
}

#[tokio::test]
async fn memory_is_written_when_it_is_old_enough() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open_with(dir.path(), Config::default());
    store.ingest(events(1, 0, 50, 60), "1:1".into()).await.unwrap();
    assert_eq!(store.maintain().await.unwrap().flushed.rows, 0);
    clock.advance(Duration::from_secs(121));
    assert_eq!(store.maintain().await.unwrap().flushed.rows, 50);
    let stats = store.stats();
    assert_eq!((stats.hot_rows, stats.segment_rows, stats.cursor_durable.as_deref()), (0, 50, Some("1:1")));
}

#[tokio::test]
async fn small_segments_become_one_and_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open_with(dir.path(), Config::default());
    for part in 0..9 {
        store.ingest(events(part, 1_000 * part, 100, 3_600), format!("1:{part}")).await.unwrap();
        store.flush().await.unwrap();
    }
    assert_eq!((store.stats().segments, count(&store).await), (9, 900));
    assert_eq!(store.maintain().await.unwrap().joined, 8);
    assert_eq!((store.stats().segments, count(&store).await), (2, 900));
    clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(store.maintain().await.unwrap().joined, 2);
    assert_eq!(store.maintain().await.unwrap().joined, 0);
    assert_eq!((store.stats().segments, count(&store).await), (1, 900));
    drop(store);
    let (store, _) = open_with(dir.path(), Config::default());
    assert_eq!((store.stats().segments, count(&store).await), (1, 900));
}

#[tokio::test]
async fn old_segments_go() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open_with(dir.path(), Config::default());
    store.ingest(events(1, 0, 100, 3_600), "1:1".into()).await.unwrap();
    store.flush().await.unwrap();
    clock.advance(Duration::from_secs(89 * 86_400));
    assert_eq!(store.maintain().await.unwrap().expired, 0);
    clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(store.maintain().await.unwrap().expired, 1);
    assert_eq!((store.stats().segments, count(&store).await), (0, 0));
    let parquet = walk(dir.path()).into_iter().filter(|path| path.ends_with(".parquet")).count();
    assert_eq!(parquet, 0);
}

#[tokio::test]
async fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_with(dir.path(), Config::default());
    store.ingest(events(1, 0, 100, 3_600), "1:1".into()).await.unwrap();
    store.flush().await.unwrap();
    drop(store);
    let path = walk(dir.path()).into_iter().find(|path| path.ends_with(".parquet")).unwrap();
    std::fs::write(&path, b"short").unwrap();
    let clock = std::sync::Arc::new(model::time::ManualClock::new(second(0)));
    let opened = EventStore::open(dir.path(), Config::default(), clock).unwrap();
    assert_eq!(opened.missing.len(), 1);
    assert_eq!(count(&opened.store).await, 0);
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths.extend(walk(&path)) } else { paths.push(path.display().to_string()) }
    }
    paths
}
