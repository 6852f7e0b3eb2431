//! Who does the work makes no difference: threads, or tasks of a one-threaded runtime.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::events::{Cursor, EventLog, EventLogOptions};
use journal::spool::{Ack, Spool, SpoolOptions};
use journal::{Options, SyncMode, Work};

use crate::support::{TrickyDisk, delivered, new_message, small, small_spool};

/// What is left, and what was told, after a life of a spool and an event log with a few segments.
async fn life(work: Work) -> (u64, u64, u64, usize) {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions { log: Options { work: work.clone(), ..small() }, ..small_spool() };
    let mut opened = Spool::open(dir.path(), options.clone()).unwrap();
    for id in 0..200 {
        let admission = new_message(10 * id + 1, &[b'x'; 2_000], 10 * id + 2..10 * id + 5);
        let (admitted, told) = tokio::join!(opened.spool.admit(admission), opened.admitted.recv());
        admitted.unwrap();
        let rows = told.unwrap().recipients;
        assert_eq!(opened.spool.read_row(rows[1].row).unwrap().address, crate::support::address(rows[1].id.0));
        let left = usize::from(id % 50 == 0);
        let done = rows.iter().skip(left).map(|row| Ack::Done(row.id, row.row));
        opened.spool.ack(done.collect()).await.unwrap();
    }
    opened.spool.close().await;
    let again = Spool::open(dir.path(), options).unwrap();
    let left = again.recovery.admitted.iter().flat_map(|admitted| &admitted.recipients).count() as u64;
    let damaged = again.recovery.quarantined.len() as u64 + again.recovery.torn_bytes;
    let live = again.spool.stats().live_recipients;
    again.spool.close().await;

    let log = Options { work, ..small() };
    let events = EventLog::open(&dir.path().join("e"), EventLogOptions { log, ..EventLogOptions::default() }).unwrap();
    let mut reader = events.reader(Cursor::default());
    let (appended, read) = tokio::join!(events.append(vec![delivered(7), delivered(8)]), reader.next_batch(10));
    assert!(appended.unwrap() <= read.as_ref().unwrap().next);
    events.close().await;
    (left, live, damaged, read.unwrap().events.len())
}

#[tokio::test]
async fn threads_do_it() {
    assert_eq!(life(Work::Threads).await, (4, 4, 0, 2));
}

#[tokio::test]
async fn tasks_do_the_same() {
    assert_eq!(life(Work::Tasks(Arc::new(|| Duration::ZERO))).await, (4, 4, 0, 2));
    let slow = Work::Tasks(Arc::new(|| Duration::from_millis(1)));
    assert_eq!(life(slow).await, (4, 4, 0, 2));
}

#[tokio::test]
async fn what_waits_for_a_slow_disk_is_committed_together() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TrickyDisk::default();
    let work = Work::Tasks(Arc::new(|| Duration::from_millis(50)));
    let log = Options { work, disk: Arc::new(disk.clone()), sync: SyncMode::Durable, ..small() };
    let events = EventLog::open(dir.path(), EventLogOptions { log, ..EventLogOptions::default() }).unwrap();
    let before = disk.syncs.load(Ordering::SeqCst);
    let all = (0..50).map(|id| {
        let events = events.clone();
        tokio::spawn(async move { events.append(vec![delivered(id)]).await })
    });
    for append in all.collect::<Vec<_>>() {
        append.await.unwrap().unwrap();
    }
    assert_eq!(disk.syncs.load(Ordering::SeqCst) - before, 1, "one commit for all");
}

#[tokio::test]
async fn a_full_disk_is_not_reclaimed_again_and_again_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TrickyDisk::default();
    let work = Work::Tasks(Arc::new(|| Duration::ZERO));
    let log = Options { work, disk: Arc::new(disk.clone()), segment_bytes: 16 << 10, ..small() };
    let mut opened = Spool::open(dir.path(), SpoolOptions { log, ..small_spool() }).unwrap();
    let mut rows = Vec::new();
    for id in 0.. {
        if opened.spool.stats().segments == 2 {
            disk.no_allocation.store(true, Ordering::SeqCst);
        }
        if opened.spool.admit(new_message(10 * id + 1, &[b'x'; 1_500], [10 * id + 2])).await.is_err() {
            break;
        }
        rows.extend(opened.admitted.recv().await.unwrap().recipients);
    }
    // What is left of the first segment would be worth copying, and does not fit into what is left of the second one.
    let done = rows.iter().skip(3).step_by(4).map(|row| Ack::Done(row.id, row.row));
    opened.spool.ack(done.collect()).await.unwrap();
    let settle = async || {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    let tried = disk.allocations.load(Ordering::SeqCst);
    settle().await;
    let again = disk.allocations.load(Ordering::SeqCst) - tried;
    assert!(again < 5, "{again} attempts with nothing to gain, {:?}", opened.spool.stats());
    // Room comes back, or somebody is done: then it goes on.
    disk.no_allocation.store(false, Ordering::SeqCst);
    let done = rows.iter().map(|row| Ack::Done(row.id, row.row));
    opened.spool.ack(done.collect()).await.unwrap();
    settle().await;
    let stats = opened.spool.stats();
    assert_eq!((stats.live_recipients, stats.segments), (0, 1), "{stats:?}");
}
