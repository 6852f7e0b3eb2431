//! Restarts and crashes with a real event log: every event is in the store exactly once.

use model::event::{Event, EventKind};
use model::id::RecipientId;
use monitor::{Cell, Measure, Query};

use crate::support::{Suite, at, attempt, open_log};

fn events(range: std::ops::Range<u64>) -> Vec<Event> {
    range.map(|n| attempt(EventKind::Delivered, n, 3, "gmail")).collect()
}

/// How many events, by columns, by recipients, by roll-ups.
async fn counts(suite: &Suite) -> (i64, i64, u64) {
    let query = Query {
        from: at(1_000),
        to: at(-10),
        filter: None,
        measures: vec![Measure::Count, Measure::DistinctRecipients],
        dimensions: vec![],
        order: vec![],
        limit: None,
    };
    let answer = suite.monitor.query(query).await.unwrap();
    let [Cell::Integer(count), Cell::Integer(recipients)] = answer.rows[0][..] else { panic!("{answer:?}") };
    (count, recipients, suite.monitor.now(60).await.unwrap().totals.delivered)
}

fn near(counts: (i64, i64, u64), expected: u64) {
    let exact = i64::try_from(expected).unwrap();
    assert_eq!((counts.0, counts.2), (exact, expected));
    assert!((counts.1 - exact).abs() <= exact / 50, "{} of {exact} recipients", counts.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_and_crashes_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(events(0..300)).await;
    near(counts(&suite).await, 300);
    suite.close().await;

    // In order: everything is on disk.
    let suite = Suite::open(dir.path());
    assert_eq!(suite.monitor.status().store.segment_rows, 300);
    near(counts(&suite).await, 300);
    suite.tell(events(300..500)).await;
    suite.monitor.flush().await.unwrap();
    suite.tell(events(500..730)).await;
    near(counts(&suite).await, 730);

    // A crash: what was in memory only is read again from the log.
    suite.crash().await;
    let suite = Suite::open(dir.path());
    suite.monitor.caught_up(&suite.log).await;
    near(counts(&suite).await, 730);
    let status = suite.monitor.status();
    assert_eq!((status.source.events, status.source.gaps, status.store.events_total), (230, 0, 730));
    suite.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_moved_away_is_rebuilt_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(events(0..120)).await;
    suite.close().await;
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    let suite = Suite::open(dir.path());
    suite.monitor.caught_up(&suite.log).await;
    near(counts(&suite).await, 120);
    suite.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_the_log_deleted_are_a_counted_gap() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::over(dir.path(), open_log(dir.path(), 512 << 10));
    suite.tell(events(0..50)).await;
    suite.close().await;

    // While the monitor is away, more happens than the log keeps.
    let log = open_log(dir.path(), 512 << 10);
    let note = Some("x".repeat(1_000));
    let heavy = |n: u64| Event { note: note.clone(), ..attempt(EventKind::Delivered, n, 3, "gmail") };
    for n in (50..3_000).step_by(50) {
        log.append((n..n + 50).map(heavy).collect()).await.unwrap();
    }
    let suite = Suite::over(dir.path(), log);
    suite.monitor.caught_up(&suite.log).await;
    let status = suite.monitor.status().source;
    assert_eq!((status.gaps, status.recent_gaps.len()), (1, 1));
    let seen = counts(&suite).await.0;
    assert!(seen > 50 && seen < 3_000, "{seen}");
    suite.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_later_stands_under_the_provider_of_the_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let suite = Suite::open(dir.path());
    suite.tell(events(0..120)).await;
    let later = |kind, n: u64| Event::of_recipient(kind, RecipientId(n), 0, at(1));
    suite.tell(vec![later(EventKind::Complaint, 7), later(EventKind::Opened, 8)]).await;
    let seen = async |suite: &Suite| {
        let board = suite.monitor.provider("gmail", 1).await.unwrap();
        (board.totals.complaints, board.totals.opens)
    };
    assert_eq!(seen(&suite).await, (1, 1));
    suite.close().await;

    // Nothing is remembered in the next life: the store is asked.
    let suite = Suite::open(dir.path());
    suite.tell(vec![later(EventKind::Complaint, 9), later(EventKind::Complaint, 999)]).await;
    assert_eq!(seen(&suite).await, (2, 1), "and nobody is given to a provider that was never written to");
    let now = suite.monitor.now(60).await.unwrap();
    assert_eq!((now.totals.complaints, now.totals.opens), (3, 1));
    suite.close().await;
}
