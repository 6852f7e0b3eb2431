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

fn tricky_spool(disk: &TrickyDisk) -> SpoolOptions {
    let mut options = small_spool();
    options.log.disk = Arc::new(disk.clone());
    options.log.sync = SyncMode::Durable;
    options
}

/// Ids of the messages that are there when the spool is opened again, and what was found damaged.
async fn reopened(opened: Opened, dir: &std::path::Path) -> (Vec<u64>, usize) {
    opened.spool.close().await;
    let opened = Spool::open(dir, small_spool()).unwrap();
    (opened.recovery.admitted.iter().map(|a| a.message.id.0).collect(), opened.recovery.quarantined.len())
}

#[tokio::test]
async fn a_failed_commit_is_mended_without_a_restart() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    // How many syncs fail, how the admission ends that meets them, and how the next one.
    let check = async |syncs: usize, errno: i32, met: &str, next: &str| {
        let disk = TrickyDisk::default();
        let dir = tempfile::tempdir().unwrap();
        let opened = Spool::open(dir.path(), tricky_spool(&disk)).unwrap();
        opened.spool.admit(new_message(1, b"a", [10])).await.unwrap();
        disk.errno.store(errno, Ordering::SeqCst);
        disk.failing_syncs.store(syncs, Ordering::SeqCst);
        let mut found = Vec::new();
        let mut there = vec![1];
        for id in [2, 3] {
            let answer = opened.spool.admit(new_message(id, b"a", [id * 10])).await;
            found.push(match &answer {
                Ok(_) => "taken".to_owned(),
                Err(AdmitError::Failed(reason)) => reason.split(':').next().unwrap().to_owned(),
                Err(error) => error.to_string(),
            });
            there.extend(answer.ok().map(|_| id));
        }
        assert_eq!(found, [met, next], "{syncs} {errno}");
        assert_eq!(opened.spool.failure(), None);
        opened.spool.admit(new_message(4, b"a", [40])).await.unwrap();
        there.push(4);
        assert_eq!(reopened(opened, dir.path()).await, (there, 0), "{syncs} {errno}");
    };
    for errno in [EIO, ENOSPC] {
        // Mended and written again, before anybody is answered.
        check(1, errno, "taken", "taken").await;
        // Not to be mended at once, but when the next one asks.
        check(2, errno, "mend the log", "taken").await;
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_taken_back_waits_for_room() {
    for (errno, met) in
        [(28, "no room in the spool"), (122, "no room in the spool"), (5, "the spool failed: mend the log")]
    {
        let disk = TrickyDisk::default();
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Spool::open(dir.path(), tricky_spool(&disk)).unwrap();
        opened.spool.admit(new_message(1, b"a", [10])).await.unwrap();
        let first = opened.admitted.recv().await.unwrap().recipients[0].clone();
        opened.spool.admit(new_message(2, b"a", [20])).await.unwrap();
        disk.errno.store(errno, Ordering::SeqCst);
        disk.no_write.store(true, Ordering::SeqCst);
        for id in 3..6 {
            let refused = opened.spool.admit(new_message(id, &[b'x'; 3_000], [id * 10])).await.unwrap_err().to_string();
            assert!(refused.starts_with(met), "{errno}: {refused}");
        }
        // What is done meanwhile is not forgotten.
        opened.spool.ack(vec![Ack::Done(first.id, first.row)]).await.unwrap();
        disk.no_write.store(false, Ordering::SeqCst);
        opened.spool.admit(new_message(6, b"a", [60])).await.unwrap();
        assert_eq!(opened.spool.failure(), None);
        assert!(!opened.spool.stats().full);
        assert_eq!(reopened(opened, dir.path()).await, (vec![2, 6], 0), "{errno}");
    }
}

#[tokio::test]
async fn acknowledged_records_that_are_gone_stop_the_spool() {
    use std::os::unix::fs::FileExt;
    let disk = TrickyDisk::default();
    let dir = tempfile::tempdir().unwrap();
    let opened = Spool::open(dir.path(), tricky_spool(&disk)).unwrap();
    for id in 1..=3 {
        opened.spool.admit(new_message(id, &[b'x'; 2_000], [id * 10])).await.unwrap();
    }
    // The system dropped a page with acknowledged bytes, and says that it is clean.
    *disk.lost.lock().unwrap() = Some(|file| file.write_all_at(&[0; 512], 2_500).unwrap());
    disk.errno.store(5, Ordering::SeqCst);
    disk.failing_syncs.store(1, Ordering::SeqCst);
    let failed = opened.spool.admit(new_message(4, b"a", [40])).await;
    let said = "acknowledged records are not on the disk any more: ";
    assert!(matches!(&failed, Err(AdmitError::Failed(reason)) if reason.starts_with(said)), "{failed:?}");
    *disk.lost.lock().unwrap() = None;
    assert_eq!(opened.spool.admit(new_message(5, b"a", [50])).await, failed, "for good");
    let (there, damaged) = reopened(opened, dir.path()).await;
    assert_eq!(there, [1, 3]);
    assert!(damaged > 0, "the damage is told");
}

#[tokio::test]
async fn no_file_for_the_next_segment_is_like_no_room() {
    // EMFILE, EIO, EROFS: nothing that was written is in doubt.
    for errno in [24, 5, 30] {
        let disk = TrickyDisk::default();
        let mut options = small_spool();
        options.log.disk = Arc::new(disk.clone());
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Spool::open(dir.path(), options).unwrap();
        disk.errno.store(errno, Ordering::SeqCst);
        disk.no_allocation.store(true, Ordering::SeqCst);
        let taken = fill(&mut opened, 1).await;
        disk.no_allocation.store(false, Ordering::SeqCst);
        opened.spool.admit(new_message(2_000, b"x", [3_000])).await.unwrap();
        assert_eq!(opened.spool.failure(), None);
        let (there, damaged) = reopened(opened, dir.path()).await;
        assert_eq!((there.len(), damaged), (taken.len() + 1, 0));
    }
}

/// Whatever fails, in whatever order: who was told yes is there after it, who was told "no room" is not, and the spool
/// goes on by itself.
#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_to_any_failure() {
    for seed in 0..60 {
        let disk = TrickyDisk::default();
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Spool::open(dir.path(), tricky_spool(&disk)).unwrap();
        let (mut there, mut refused, mut done) = (Vec::new(), 0, Vec::new());
        for id in 1..=80 {
            let mut dice = Dice::new(seed * 1_000 + id);
            let size = dice.below(9_000);
            *disk.dice.lock().unwrap() = Some(dice);
            match opened.spool.admit(new_message(id, &vec![b'x'; size], [id + 100_000])).await {
                Ok(_) => {
                    there.push(id);
                    let recipient = opened.admitted.recv().await.unwrap().recipients.remove(0);
                    if id % 3 == 0 {
                        opened.spool.ack(vec![Ack::Done(recipient.id, recipient.row)]).await.unwrap();
                        done.push(id);
                    }
                }
                Err(AdmitError::NoSpace | AdmitError::Failed(_)) => refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        assert!(refused > 0 && there.len() > 5, "seed {seed}: {refused} refused, {} taken", there.len());
        // The disk works again: so does the spool, without a restart.
        *disk.dice.lock().unwrap() = None;
        opened.spool.admit(new_message(1_000, b"x", [200_000])).await.unwrap();
        there.push(1_000);
        assert_eq!(opened.spool.failure(), None, "seed {seed}");
        there.retain(|id| !done.contains(id));
        let (mut found, damaged) = reopened(opened, dir.path()).await;
        found.sort_unstable();
        assert_eq!((found, damaged), (there, 0), "seed {seed}");
    }
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

#[tokio::test]
async fn events_wait_for_a_disk_that_has_failed() {
    let disk = TrickyDisk::default();
    let mut log = small();
    log.disk = Arc::new(disk.clone());
    log.sync = SyncMode::Durable;
    let dir = tempfile::tempdir().unwrap();
    let log = EventLog::open(dir.path(), EventLogOptions { log, ..EventLogOptions::default() }).unwrap();
    log.append(vec![delivered(0)]).await.unwrap();
    disk.errno.store(5, Ordering::SeqCst);
    disk.failing_syncs.store(2, Ordering::SeqCst);
    assert_eq!(log.append(vec![delivered(1)]).await, Err(AppendError::NoSpace), "to be tried again");
    log.append(vec![delivered(1)]).await.unwrap();
    assert_eq!(log.failure(), None);
    let batch = log.reader(Cursor::default()).poll_batch(100).unwrap().unwrap();
    let seen: Vec<u64> = batch.events.iter().map(|event| event.id.root).collect();
    assert_eq!(seen, [0, 1]);
}
