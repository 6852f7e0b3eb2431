//! Full and failing disks: refused, nothing lost, and back to work by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use journal::SyncMode;
use journal::events::{AppendError, Cursor, EventLog, EventLogOptions};
use journal::spool::{Ack, AdmitError, Opened, Spool, SpoolOptions};
use model::handoff::SpooledRecipient;
use model::id::MessageId;

use crate::support::*;

/// Admits until there is no room; who was admitted.
async fn fill(opened: &mut Opened, from: u64) -> Vec<SpooledRecipient> {
    let mut taken = Vec::new();
    for id in from..from + 1_000 {
        match opened.spool.admit(new_message(id, &[b'x'; 5_000], [id + 100_000])).await {
            Ok(_) => taken.extend(opened.admitted.recv().await.unwrap().recipients),
            Err(AdmitError::NoSpace) => return taken,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("never full: {:?}", opened.spool.stats());
}

/// Acks everybody and waits until an admission is taken again.
async fn drain(opened: &mut Opened, taken: &[SpooledRecipient], id: u64) {
    opened.spool.ack(taken.iter().map(|r| Ack::Done(r.id, r.row)).collect()).await.unwrap();
    for attempt in 0.. {
        match opened.spool.admit(new_message(id, b"again", [id + 100_000])).await {
            Ok(_) => break,
            Err(AdmitError::NoSpace) => assert!(attempt < 20_000, "no way back: {:?}", opened.spool.stats()),
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    opened.admitted.recv().await.unwrap();
}

async fn check_full_and_back(options: SpoolOptions, make_room: impl Fn()) {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Spool::open(dir.path(), options.clone()).unwrap();
    let taken = fill(&mut opened, 1).await;
    assert!(taken.len() > 5 && opened.spool.stats().full);
    for recipient in &taken {
        assert_eq!(opened.spool.read_row(recipient.row).unwrap().address, address(recipient.id.0));
    }
    // Refused admissions left nothing behind, also for a restart.
    assert_eq!(opened.spool.stats().live_recipients, taken.len() as u64);
    opened.spool.close().await;
    let mut opened = Spool::open(dir.path(), options.clone()).unwrap();
    assert_eq!(opened.recovery.admitted.len(), taken.len());
    make_room();
    drain(&mut opened, &taken, 50_000).await;
    assert!(!opened.spool.stats().full);
    assert_eq!(opened.spool.stats().live_recipients, 1);
    opened.spool.close().await;
    let opened = Spool::open(dir.path(), options).unwrap();
    assert_eq!(opened.recovery.admitted.len(), 1);
}

#[tokio::test]
async fn a_quota_is_reached_and_left_again() {
    let mut options = small_spool();
    options.log.bytes_max = Some(5 * options.log.segment_bytes);
    check_full_and_back(options, || {}).await;
}

#[tokio::test]
async fn a_full_disk_is_left_again() {
    let disk = TrickyDisk::default();
    let mut options = small_spool();
    options.log.disk = Arc::new(disk.clone());
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Spool::open(dir.path(), options).unwrap();
    let mut taken = Vec::new();
    for id in 1..=30 {
        opened.spool.admit(new_message(id, &[b'x'; 5_000], [id + 100_000])).await.unwrap();
        taken.extend(opened.admitted.recv().await.unwrap().recipients);
    }
    disk.no_allocation.store(true, Ordering::SeqCst);
    taken.extend(fill(&mut opened, 1_000).await);
    // Acks still find room, and what they set free is reclaimed; then there is room.
    opened.spool.ack(taken.iter().map(|r| Ack::Done(r.id, r.row)).collect()).await.unwrap();
    for _ in 0..20 {
        assert_eq!(opened.spool.admit(new_message(2_000, b"x", [3_000])).await, Err(AdmitError::NoSpace));
    }
    assert_eq!(opened.spool.stats().live_recipients, 0);
    disk.no_allocation.store(false, Ordering::SeqCst);
    opened.spool.admit(new_message(2_000, b"x", [3_000])).await.unwrap();
    assert!(!opened.spool.stats().full);
}

#[tokio::test]
async fn a_write_that_fails_half_way_is_taken_back() {
    let disk = TrickyDisk::default();
    let mut options = small_spool();
    options.log.disk = Arc::new(disk.clone());
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Spool::open(dir.path(), options).unwrap();
    for (n, after) in [0_usize, 10, 24, 60, 3_000, 5_100].into_iter().enumerate() {
        let id = n as u64 * 10 + 1;
        *disk.fail_after.lock().unwrap() = Some(after);
        let refused = opened.spool.admit(new_message(id, &[b'x'; 5_000], [id + 1_000])).await;
        assert_eq!(refused, Err(AdmitError::NoSpace), "after {after} bytes");
        assert!(opened.spool.head(MessageId(id)).is_none());
        opened.spool.close().await;
        opened = Spool::open(dir.path(), small_spool()).unwrap();
        assert_eq!(opened.recovery.admitted.len(), n, "after {after} bytes");
        assert_eq!(opened.recovery.quarantined, []);
        opened.spool.close().await;
        let mut options = small_spool();
        options.log.disk = Arc::new(disk.clone());
        opened = Spool::open(dir.path(), options).unwrap();
        opened.spool.admit(new_message(id + 1, &[b'y'; 5_000], [id + 1_001])).await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_sync_stops_the_spool_until_it_is_opened_again() {
    let disk = TrickyDisk::default();
    let mut options = small_spool();
    options.log.disk = Arc::new(disk.clone());
    options.log.sync = SyncMode::Durable;
    let dir = tempfile::tempdir().unwrap();
    let opened = Spool::open(dir.path(), options.clone()).unwrap();
    opened.spool.admit(new_message(1, b"a", [10])).await.unwrap();
    disk.no_sync.store(true, Ordering::SeqCst);
    let failed = opened.spool.admit(new_message(2, b"a", [20])).await;
    assert!(matches!(&failed, Err(AdmitError::Failed(reason)) if reason.starts_with("sync: ")), "{failed:?}");
    disk.no_sync.store(false, Ordering::SeqCst);
    assert_eq!(opened.spool.admit(new_message(3, b"a", [30])).await, failed, "for good");
    opened.spool.close().await;
    let opened = Spool::open(dir.path(), options).unwrap();
    let live: Vec<u64> = opened.recovery.admitted.iter().map(|a| a.message.id.0).collect();
    assert!(live.starts_with(&[1]) && !live.contains(&3), "{live:?}");
    opened.spool.admit(new_message(4, b"a", [40])).await.unwrap();
}

#[tokio::test]
async fn a_full_event_log_takes_events_again() {
    let disk = TrickyDisk::default();
    let mut log = small();
    log.disk = Arc::new(disk.clone());
    let dir = tempfile::tempdir().unwrap();
    let log = EventLog::open(dir.path(), EventLogOptions { log, ..EventLogOptions::default() }).unwrap();
    disk.no_allocation.store(true, Ordering::SeqCst);
    let mut count = 0;
    while log.append(vec![delivered(count)]).await.map_err(|error| assert_eq!(error, AppendError::NoSpace)).is_ok() {
        count += 1;
        assert!(count < 10_000);
    }
    disk.no_allocation.store(false, Ordering::SeqCst);
    log.append(vec![delivered(count)]).await.unwrap();
    let batch = log.reader(Cursor::default()).poll_batch(100_000).unwrap().unwrap();
    let seen: Vec<u64> = batch.events.iter().map(|event| event.id.root).collect();
    assert_eq!(seen, (0..=count).collect::<Vec<_>>());
}
