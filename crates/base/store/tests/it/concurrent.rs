//! While events come in and segments are written and joined, every event is seen exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use model::units::Size;
use store::{Cell, Config, EventStore, EventsQuery, Filter, Measure, Query, RollupQuery};

use crate::support::{events, open_with, second};

const BATCHES: u64 = 60;
const BATCH: u64 = 100;

async fn count(store: &EventStore) -> i64 {
    let query = Query {
        from: second(-1),
        to: second(1_000_000),
        filter: None,
        measures: vec![Measure::Count],
        dimensions: vec![],
        order: vec![],
        limit: None,
    };
    match store.query(query).await.unwrap().rows[0][0] {
        Cell::Integer(count) => count,
        _ => panic!("no count"),
    }
}

async fn rolled(store: &EventStore) -> i64 {
    let query = RollupQuery { from: second(-1), to: second(1_000_000), ..RollupQuery::default() };
    let rows = store.rollup(query).await.unwrap();
    i64::try_from(rows.iter().map(|row| row.totals.count).sum::<u64>()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_event_is_visible_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_with(dir.path(), Config::default());
    let ingested = Arc::new(AtomicI64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, ingested, done) = (store.clone(), Arc::clone(&ingested), Arc::clone(&done));
        tokio::spawn(async move {
            for number in 0..BATCHES {
                let batch = events(number, number * BATCH, BATCH, 3_600);
                store.ingest(batch, format!("1:{number}")).await.unwrap();
                ingested.fetch_add(i64::try_from(BATCH).unwrap(), Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let keeper = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut joined = 0;
            while !done.load(Ordering::SeqCst) {
                store.flush().await.unwrap();
                joined += store.maintain().await.unwrap().joined;
            }
            joined
        })
    };
    let batch = i64::try_from(BATCH).unwrap();
    let mut last = (0, 0);
    while !done.load(Ordering::SeqCst) {
        let before = ingested.load(Ordering::SeqCst);
        let seen = (count(&store).await, rolled(&store).await);
        let after = ingested.load(Ordering::SeqCst) + batch;
        for (now, earlier) in [(seen.0, last.0), (seen.1, last.1)] {
            assert!(now >= before && now <= after && now >= earlier && now % batch == 0, "{before} {now} {after}");
        }
        last = seen;
    }
    writer.await.unwrap();
    keeper.await.unwrap();
    let all = i64::try_from(BATCHES * BATCH).unwrap();
    assert_eq!((count(&store).await, rolled(&store).await), (all, all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_flushes_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open_with(dir.path(), Config { hot_bytes_max: Size(1 << 20), ..Config::default() });
    for number in 0..20 {
        store.ingest(events(number, number * 500, 500, 600), format!("1:{number}")).await.unwrap();
        assert!(store.stats().hot_bytes < 4 << 20);
    }
    assert!(store.stats().segments > 0);
    assert_eq!(count(&store).await, 10_000);
    let query = EventsQuery {
        from: second(-1),
        to: second(1_000),
        filter: Filter::all(),
        after: None,
        limit: 1_000,
        newest_first: true,
    };
    assert_eq!(store.events(query).await.unwrap().items.len(), 1_000);
}
