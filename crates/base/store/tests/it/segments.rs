//! Flush by age, joining of segments, retention, reopening.

use std::time::Duration;

use store::{Config, EventStore, EventsQuery, Field, Measure, Query};

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
async fn an_event_that_is_told_twice_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_with(dir.path(), Config::default());
    store.ingest(events(1, 0, 50, 60), "1:1".into()).await.unwrap();
    store.flush().await.unwrap();
    store.ingest(events(1, 0, 60, 60), "1:2".into()).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.events_total, stats.events_repeated, stats.cursor.as_deref()), (60, 50, Some("1:2")));
    assert_eq!(count(&store).await, 60);
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
    assert_eq!(page(&opened.store).await, (0, 100));
    assert_eq!(ending(dir.path(), ".parquet.damaged").len(), 1, "what is left of it is kept");
}

/// Changes bytes in the middle of a segment; its size stays.
fn spoil(path: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[4..middle].fill(0xA5);
    std::fs::write(path, bytes).unwrap();
}

fn ending(dir: &std::path::Path, end: &str) -> Vec<String> {
    let mut paths = walk(dir);
    paths.retain(|path| path.ends_with(end));
    paths.sort();
    paths
}

/// A page of all events: how many, and how many are told to be missing.
async fn page(store: &EventStore) -> (usize, u64) {
    let (from, to) = (second(-1_000_000), second(100_000_000));
    let filter = store::Filter::And { of: vec![] };
    let query = EventsQuery { from, to, filter, newest_first: true, after: None, limit: 1_000 };
    let page = store.events(query).await.unwrap();
    (page.items.len(), page.cost.missing_rows)
}

#[tokio::test]
async fn a_damaged_segment_costs_its_own_events_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let (store, clock) = open_with(dir.path(), Config::default());
    for part in 0..3 {
        store.ingest(events(part, 1_000 * part, 100, 3_600), format!("1:{part}")).await.unwrap();
        store.flush().await.unwrap();
    }
    store.ingest(events(3, 3_000, 7, 3_600), "1:3".into()).await.unwrap();
    spoil(&ending(dir.path(), ".parquet")[1]);
    assert_eq!(page(&store).await, (207, 100), "the answer comes, and says what is missing");
    assert_eq!(count(&store).await, 207);
    let stats = store.stats();
    assert_eq!((stats.segments, stats.segments_damaged, stats.rows_missing), (2, 1, 100));
    assert_eq!(ending(dir.path(), ".parquet.damaged").len(), 1);
    assert_eq!(
        store.history(store::HistoryOf::Address("nobody@example.org".into())).await.unwrap().cost.missing_rows,
        100
    );

    // It is said in the next life too, and as long as events of that time are kept.
    store.flush().await.unwrap();
    drop(store);
    let (store, _) = open_with(dir.path(), Config::default());
    assert_eq!(page(&store).await, (207, 100));
    drop(store);
    clock.advance(Duration::from_secs(91 * 86_400));
    let opened = EventStore::open(dir.path(), Config::default(), std::sync::Arc::new(clock)).unwrap();
    opened.store.maintain().await.unwrap();
    assert_eq!(opened.store.stats().segments_damaged, 0);
    assert!(ending(dir.path(), ".damaged").is_empty());
}

#[tokio::test]
async fn a_damaged_segment_does_not_keep_the_others_from_being_joined() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_with(dir.path(), Config::default());
    for part in 0..9 {
        store.ingest(events(part, 1_000 * part, 100, 3_600), format!("1:{part}")).await.unwrap();
        store.flush().await.unwrap();
    }
    spoil(&ending(dir.path(), ".parquet")[2]);
    assert!(store.maintain().await.is_err(), "the first attempt finds it");
    assert_eq!(store.stats().segments_damaged, 1);
    assert_eq!(store.maintain().await.unwrap().joined, 8);
    assert_eq!(count(&store).await, 800);
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths.extend(walk(&path)) } else { paths.push(path.display().to_string()) }
    }
    paths
}
