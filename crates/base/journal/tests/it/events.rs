//! The event log: order, waiting, cursors, markers, retention.

use std::sync::Arc;
use std::time::Duration;

use journal::events::{AppendError, Batch, Cursor, EventLog, EventLogOptions, EventReader, ReadError};
use model::event::Event;
use model::time::ManualClock;

use crate::support::*;

fn ids(batch: &Batch) -> Vec<u64> {
    batch.events.iter().map(|event| event.id.root).collect()
}

fn read_all(reader: &mut EventReader) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(batch) = reader.poll_batch(7).unwrap() {
        assert_eq!(batch.unreadable, 0);
        all.extend(ids(&batch));
    }
    all
}

#[tokio::test]
async fn events_are_read_in_order_from_any_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    let mut cursors = vec![log.start()];
    for n in 0..2_000_u64 {
        let mut event = delivered(n);
        event.note = Some("x".repeat(n as usize % 200));
        cursors.push(log.append(vec![event]).await.unwrap());
    }
    assert!(log.end().segment > 3, "several segments");
    let everything: Vec<u64> = (0..2_000).collect();
    assert_eq!(read_all(&mut log.reader(Cursor::default())), everything);
    for (n, cursor) in cursors.iter().enumerate().step_by(37) {
        assert_eq!(read_all(&mut log.reader(*cursor)), everything[n..]);
    }
    let mut reader = log.reader(Cursor::default());
    let first = reader.poll_batch(3).unwrap().unwrap();
    assert_eq!(ids(&first), [0, 1, 2]);
    assert_eq!(first.next, cursors[3]);
    let (start, end) = (log.start(), log.end());
    log.close().await;

    let log = open_events(dir.path());
    assert_eq!((log.start(), log.torn_bytes(), log.damage()), (start, 0, [].as_slice()));
    assert!(log.end() >= end);
    assert_eq!(read_all(&mut log.reader(cursors[1_990])), everything[1_990..]);
    let mut at_end = log.reader(*cursors.last().unwrap());
    assert_eq!(at_end.poll_batch(10).unwrap(), None);
    log.append(vec![delivered(2_000)]).await.unwrap();
    assert_eq!(ids(&at_end.next_batch(10).await.unwrap()), [2_000]);
    assert_eq!(at_end.cursor(), log.end().min(at_end.cursor()));
}

#[tokio::test]
async fn a_waiting_reader_is_woken_and_told_of_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    let mut reader = log.reader(log.end());
    let waiting = tokio::spawn(async move {
        let batch = reader.next_batch(10).await.unwrap();
        (ids(&batch), matches!(reader.next_batch(10).await, Err(ReadError::Closed)))
    });
    log.append(vec![delivered(1), delivered(2)]).await.unwrap();
    log.close().await;
    let (seen, closed) = waiting.await.unwrap();
    assert_eq!((seen, closed), (vec![1, 2], true));
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    let mut reader = log.reader(Cursor::default());
    for n in 0..50 {
        tokio::select! {
            biased;
            _ = reader.next_batch(1) => {}
            () = tokio::task::yield_now() => {}
        }
        let before = reader.cursor();
        log.append(vec![delivered(n)]).await.unwrap();
        assert!(before <= log.end());
    }
    let mut again = log.reader(Cursor::default());
    let mut place = again.cursor();
    while place < reader.cursor() {
        place = again.poll_batch(1).unwrap().unwrap().next;
    }
    let rest = read_all(&mut again);
    assert_eq!(read_all(&mut reader), rest);
}

#[tokio::test]
async fn markers_are_set_with_their_events_and_survive_retention() {
    let dir = tempfile::tempdir().unwrap();
    let options = || EventLogOptions { log: small(), bytes_max: 200 << 10, ..EventLogOptions::default() };
    let log = EventLog::open(dir.path(), options()).unwrap();
    log.append_marked(&[delivered(1)], Some(("spool", 41))).await.unwrap();
    log.append_marked(&[], Some(("spool", 42))).await.unwrap();
    let note = Some("x".repeat(1_000));
    for n in 2..600 {
        log.append(vec![Event { note: note.clone(), ..delivered(n) }]).await.unwrap();
    }
    assert!(log.start().segment > 1, "old segments were deleted");
    assert!(log.bytes() <= 300 << 10, "{}", log.bytes());
    assert_eq!((log.marker("spool"), log.marker("other")), (Some(42), None));
    let oldest = log.start();
    assert!(matches!(log.reader(Cursor { segment: 1, offset: 64 }).poll_batch(1),
        Err(ReadError::Behind { oldest: told }) if told == oldest));
    let rest = read_all(&mut log.reader(Cursor::default()));
    assert_eq!(rest.last(), Some(&599));
    assert!(rest.len() < 598);
    log.close().await;
    let log = EventLog::open(dir.path(), options()).unwrap();
    assert_eq!(log.marker("spool"), Some(42));
}

#[tokio::test]
async fn what_a_consumer_has_not_read_stays_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOW);
    let mut log_options = small();
    log_options.clock = Arc::new(clock.clone());
    let keep = Duration::from_secs(3_600);
    let options = || EventLogOptions { log: log_options.clone(), keep, bytes_max: 400 << 10 };
    let log = EventLog::open(dir.path(), options()).unwrap();
    let note = Some("x".repeat(1_000));
    // About so many KiB.
    let fill = async |log: &EventLog, count: u64| {
        for n in 0..count {
            log.append(vec![Event { note: note.clone(), ..delivered(n) }]).await.unwrap();
        }
    };
    log.keep_from(Cursor::default());
    fill(&log, 450).await;
    assert_eq!(log.start().segment, 1, "neither for its size");
    log.close().await;
    // Stopped for long; the consumer says where it is before anything is appended.
    clock.advance(keep * 2);
    let log = EventLog::open(dir.path(), options()).unwrap();
    log.keep_from(Cursor::default());
    log.append(vec![delivered(2)]).await.unwrap();
    fill(&log, 70).await;
    assert_eq!(log.start().segment, 1, "nor for its age");
    let third = Cursor { segment: 3, offset: 64 };
    log.keep_from(third);
    fill(&log, 70).await;
    assert_eq!(log.start().segment, 3, "what was read goes");
    fill(&log, 1_000).await;
    assert!(log.start().segment > 3 && log.bytes() <= 700 << 10, "not without bounds: {}", log.bytes());
    assert!(matches!(log.reader(third).poll_batch(1), Err(ReadError::Behind { .. })));
}

#[tokio::test]
async fn events_are_deleted_by_age() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOW);
    let mut log_options = small();
    log_options.clock = Arc::new(clock.clone());
    let options = EventLogOptions { log: log_options, keep: Duration::from_secs(3_600), ..EventLogOptions::default() };
    let log = EventLog::open(dir.path(), options).unwrap();
    let note = Some("x".repeat(1_000));
    let fill = async |from: u64| {
        for n in from..from + 100 {
            log.append(vec![Event { note: note.clone(), ..delivered(n) }]).await.unwrap();
        }
    };
    fill(0).await;
    clock.advance(Duration::from_secs(3_000));
    fill(100).await;
    assert_eq!(log.start().segment, 1, "nothing is older than an hour");
    let mut slow = log.reader(Cursor::default());
    assert_eq!(ids(&slow.poll_batch(1).unwrap().unwrap()), [0]);
    clock.advance(Duration::from_secs(1_000));
    log.append(vec![delivered(200)]).await.unwrap();
    log.append(vec![delivered(201)]).await.unwrap();
    assert!(log.start().segment > 1);
    let rest = read_all(&mut log.reader(Cursor::default()));
    assert!(rest.len() < 202 && (100..202).all(|n| rest.contains(&n)), "what is younger stays: {rest:?}");
    // A reader that has the deleted segment open may finish it, and is told behind it.
    let mut behind = false;
    for _ in 0..300 {
        match slow.poll_batch(10) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(ReadError::Behind { .. }) => {
                behind = true;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(behind || log.start().segment == 2, "the next segment was still there, or the reader was told");
}

#[tokio::test]
async fn too_many_events_at_once_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    let refused = log.append((0..2_000).map(delivered).collect()).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes_max: 32_724, .. })), "{refused:?}");
    assert_eq!(log.append(Vec::new()).await, Ok(log.end()));
    assert_eq!(read_all(&mut log.reader(Cursor::default())), [0_u64; 0]);
}

#[tokio::test]
async fn a_cursor_from_another_life_is_behind() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    log.append(vec![delivered(1)]).await.unwrap();
    let beyond = Cursor { segment: 9, offset: 64 };
    assert!(matches!(log.reader(beyond).poll_batch(1), Err(ReadError::Behind { .. })));
}
