//! The spool in fair weather: admission, reading, acks, holding, restarts, reclaim, bounds.

use std::collections::BTreeSet;
use std::time::Duration;

use journal::OpenError;
use journal::events::Cursor;
use journal::spool::{Ack, Admission, AdmitError, Hold, Opened, ReadError, Spool, SpoolOptions};
use model::handoff::RowRef;
use model::id::{MessageId, RecipientId};
use model::submission::{Checkpoint, Content};
use model::time::Timestamp;

use crate::support::*;

#[tokio::test]
async fn an_admission_reaches_the_queue_and_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, recovery } = open_spool(dir.path());
    assert!(recovery.admitted.is_empty() && recovery.newest_id == 0);
    let position = spool.admit(new_message(1, b"hello", [10, 11])).await.unwrap();
    let got = admitted.recv().await.unwrap();
    assert_eq!((got.position, got.recipients.len()), (position, 2));
    assert_eq!(got.message.size_bytes, 5);
    assert_eq!(&*got.recipients[1].domain, "d1.example");
    assert_eq!(got.recipients[1].address.as_deref(), Some("r11@d1.example"));
    for recipient in &got.recipients {
        assert_eq!(spool.read_row(recipient.row).unwrap().address, address(recipient.id.0));
    }
    assert_eq!(*spool.read_content(MessageId(1)).unwrap(), Content::Raw(b"hello".to_vec()));
    assert_eq!(spool.head(MessageId(1)).unwrap(), got.message);
    let stats = spool.stats();
    assert_eq!((stats.live_recipients, stats.live_messages, stats.full), (2, 1, false));
    spool.close().await;
}

#[tokio::test]
async fn large_batches_are_read_row_by_row() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions::default();
    let Opened { spool, mut admitted, .. } = Spool::open(dir.path(), options.clone()).unwrap();
    let mut admission = new_message(1, b"x", 1_000..5_096);
    admission.hold = Hold::Open;
    spool.admit(admission).await.unwrap();
    let got = admitted.recv().await.unwrap();
    assert_eq!(got.recipients.len(), 4_096);
    for recipient in got.recipients.iter().step_by(97).chain(got.recipients.last()) {
        assert_eq!(spool.read_row(recipient.row).unwrap().address, address(recipient.id.0));
    }
    let beyond = RowRef { row: 4_096, ..got.recipients[0].row };
    assert!(matches!(spool.read_row(beyond), Err(ReadError::Gone)));
    let too_many = more_recipients(1, 10_000..14_097, 1);
    assert_eq!(spool.admit(too_many).await, Err(AdmitError::Count(4_097)));
    spool.close().await;
    let Opened { spool, recovery, .. } = Spool::open(dir.path(), options).unwrap();
    assert_eq!(recovery.admitted[0].recipients.len(), 4_096);
    assert_eq!(recovery.newest_id, 5_095);
    assert_eq!(spool.held_open(), vec![MessageId(1)]);
}

#[tokio::test]
async fn acks_and_deferrals_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    spool.admit(new_message(1, b"a", [10, 11, 12])).await.unwrap();
    spool.admit(new_message(2, b"b", [20])).await.unwrap();
    let first = admitted.recv().await.unwrap().recipients;
    let second = admitted.recv().await.unwrap().recipients;
    let due = Timestamp::from_unix_s(1_790_000_600);
    let defer = |recipient: RecipientId, row, attempts| Ack::Deferred { recipient, row, attempts, due };
    spool
        .ack(vec![
            Ack::Done(first[1].id, first[1].row),
            defer(first[2].id, first[2].row, 3),
            defer(second[0].id, second[0].row, 1),
            Ack::Done(first[1].id, first[1].row),
        ])
        .await
        .unwrap();
    spool.note_applied(Cursor { segment: 4, offset: 99 });
    spool.close().await;

    let Opened { spool, recovery, .. } = open_spool(dir.path());
    let live: Vec<_> = recovery.admitted.iter().flat_map(|admitted| &admitted.recipients).collect();
    let seen: Vec<_> = live.iter().map(|r| (r.id.0, r.attempts, r.due)).collect();
    assert_eq!(seen, [(10, 0, NOW), (12, 3, due), (20, 1, due)]);
    assert_eq!(spool.applied(), Some(Cursor { segment: 4, offset: 99 }));
    assert_eq!(live[1].row, first[2].row, "a row keeps its name");
    assert_eq!(recovery.torn_bytes, 0);
    assert_eq!(recovery.quarantined, []);
    assert_eq!(spool.read_row(live[1].row).unwrap().address, address(12));
    assert!(matches!(spool.read_row(first[1].row), Err(ReadError::Gone)));
}

#[tokio::test]
async fn a_message_stays_while_it_is_held_or_has_recipients() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    let held = Admission { hold: Hold::Open, ..new_message(1, b"merge", []) };
    spool.admit(held).await.unwrap();
    spool.admit(more_recipients(1, [10], 1)).await.unwrap();
    assert_eq!(spool.checkpoint(1), Some(1));
    let row = admitted.recv().await.unwrap().recipients[0].clone();
    spool.ack(vec![Ack::Done(row.id, row.row)]).await.unwrap();
    spool.admit(Admission { hold: Hold::Closed, ..more_recipients(1, [11], 2) }).await.unwrap();
    let row = admitted.recv().await.unwrap().recipients[0].clone();
    assert_eq!(spool.stats().live_recipients, 1);
    spool.ack(vec![Ack::Done(row.id, row.row)]).await.unwrap();
    spool.admit(new_message(2, b"other", [20])).await.unwrap();
    assert_eq!(spool.admit(more_recipients(1, [12], 3)).await, Err(AdmitError::UnknownMessage(MessageId(1))));
    assert!(spool.head(MessageId(1)).is_none());
    assert!(matches!(spool.read_content(MessageId(1)), Err(ReadError::Gone)));
    assert_eq!(spool.checkpoint(1), Some(2), "a checkpoint outlives its message");
    spool.forget(1).await.unwrap();
    spool.close().await;
    let Opened { spool, .. } = open_spool(dir.path());
    assert_eq!(spool.checkpoint(1), None);
}

/// Also when the rows that carried it are copied forward, and their segments are gone.
#[tokio::test]
async fn a_forgotten_checkpoint_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    for feed in [1, 2] {
        spool.admit(Admission { hold: Hold::Open, ..new_message(feed, b"merge", []) }).await.unwrap();
        spool.admit(more_recipients(feed, [feed * 10], 5)).await.unwrap();
        admitted.recv().await.unwrap();
    }
    let mut feeds = spool.feeds();
    feeds.sort_unstable();
    assert_eq!(feeds, [1, 2]);
    spool.forget(1).await.unwrap();
    spool.forget(1).await.unwrap();
    spool.forget(77).await.unwrap();
    // So much is written and done with that the first segments are reclaimed.
    for id in 100..400 {
        spool.admit(new_message(id, &[b'x'; 5_000], [id + 10_000])).await.unwrap();
        let gone = admitted.recv().await.unwrap().recipients.remove(0);
        spool.ack(vec![Ack::Done(gone.id, gone.row)]).await.unwrap();
    }
    assert_eq!((spool.feeds(), spool.checkpoint(1), spool.checkpoint(2)), (vec![2], None, Some(5)));
    spool.close().await;
    let Opened { spool, recovery, .. } = open_spool(dir.path());
    assert!(recovery.admitted.iter().any(|admitted| admitted.recipients[0].id.0 == 10), "its mail is still here");
    assert_eq!((spool.feeds(), spool.checkpoint(1), spool.checkpoint(2)), (vec![2], None, Some(5)));
}

#[tokio::test]
async fn segments_are_reclaimed_and_survivors_stay() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    let mut held = Admission { hold: Hold::Open, ..new_message(1, b"campaign", 2_000..2_100) };
    held.checkpoint = Some(Checkpoint { feed: 77, position: 5 });
    spool.admit(held).await.unwrap();
    let old = admitted.recv().await.unwrap().recipients;
    let due = Timestamp::from_unix_s(1_790_000_600);
    let acks = old.iter().skip(1).map(|r| Ack::Done(r.id, r.row)).collect();
    spool.ack(acks).await.unwrap();
    let deferred = Ack::Deferred { recipient: old[0].id, row: old[0].row, attempts: 9, due };
    spool.ack(vec![deferred]).await.unwrap();
    for id in 10_000..10_400 {
        spool.admit(new_message(id, &[b'x'; 2_000], [id + 10_000])).await.unwrap();
        let row = admitted.recv().await.unwrap().recipients[0].clone();
        assert_eq!(spool.read_row(row.row).unwrap().address, address(id + 10_000));
        spool.ack(vec![Ack::Done(row.id, row.row)]).await.unwrap();
        assert_eq!(spool.read_row(old[0].row).unwrap().address, address(2_000));
        assert_eq!(spool.read_content(MessageId(1)).unwrap().len(), 8);
    }
    // 800 KB went through; 64 KB segments. The reclaiming thread is asynchronous: push it by more commits.
    for id in 30_000.. {
        if spool.stats().segments <= 4 {
            break;
        }
        assert!(id < 31_000, "reclaim does not make progress: {:?}", spool.stats());
        spool.admit(new_message(id, b"y", [id + 10_000])).await.unwrap();
        let row = admitted.recv().await.unwrap().recipients[0].clone();
        spool.ack(vec![Ack::Done(row.id, row.row)]).await.unwrap();
    }
    spool.close().await;
    let Opened { spool, recovery, .. } = open_spool(dir.path());
    let live: Vec<_> = recovery.admitted.iter().flat_map(|a| &a.recipients).collect();
    assert_eq!(live.iter().map(|r| (r.id.0, r.attempts, r.due)).collect::<Vec<_>>(), [(2_000, 9, due)]);
    assert_eq!(spool.checkpoint(77), Some(5));
    assert_eq!(spool.held_open(), vec![MessageId(1)]);
    assert_eq!(spool.read_row(old[0].row).unwrap().address, address(2_000));
}

#[tokio::test]
async fn a_second_opener_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open_spool(dir.path());
    match Spool::open(dir.path(), small_spool()) {
        Err(OpenError::Locked { dir: named }) => assert_eq!(named, dir.path()),
        other => panic!("{:?}", other.map(|_| ())),
    }
    opened.spool.close().await;
    open_spool(dir.path());
}

#[tokio::test]
async fn the_directory_of_another_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open_events(dir.path()).close().await;
    assert!(matches!(Spool::open(dir.path(), small_spool()), Err(OpenError::Foreign { .. })));
}

#[tokio::test]
async fn too_large_admissions_are_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, admitted: _admitted, .. } = open_spool(dir.path());
    let refused = spool.admit(new_message(1, &[b'x'; 40_000], [10])).await;
    assert!(matches!(refused, Err(AdmitError::TooLarge { bytes, bytes_max: 32_724 }) if bytes > 40_000), "{refused:?}");
    spool.admit(new_message(2, &[b'x'; 30_000], [20])).await.unwrap();
}

#[tokio::test]
async fn submitters_wait_for_the_queue_and_learn_of_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions { admitted_max: 2, ..small_spool() };
    let Opened { spool, mut admitted, .. } = Spool::open(dir.path(), options).unwrap();
    spool.admit(new_message(1, b"a", [10])).await.unwrap();
    spool.admit(new_message(2, b"a", [20])).await.unwrap();
    let third = spool.admit(new_message(3, b"a", [30]));
    tokio::pin!(third);
    assert!(futures_pending(&mut third).await, "the third waits until the queue takes one");
    // Acks never wait for that.
    let row = admitted.recv().await.unwrap().recipients[0].clone();
    spool.ack(vec![Ack::Done(row.id, row.row)]).await.unwrap();
    third.await.unwrap();
    drop(admitted);
    assert_eq!(spool.admit(new_message(4, b"a", [40])).await, Err(AdmitError::Closed));
}

#[tokio::test]
async fn nobody_waits_for_the_queue_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions { admitted_max: 1, admit_wait_max: Duration::from_millis(20), ..small_spool() };
    let Opened { spool, mut admitted, .. } = Spool::open(dir.path(), options.clone()).unwrap();
    spool.admit(new_message(1, b"a", [10])).await.unwrap();
    assert_eq!(spool.admit(new_message(2, b"a", [20])).await, Err(AdmitError::Busy));
    assert_eq!(admitted.recv().await.unwrap().message.id, MessageId(1));
    spool.admit(new_message(3, b"a", [30])).await.unwrap();
    assert_eq!(admitted.recv().await.unwrap().message.id, MessageId(3), "what was refused did not come");
    spool.close().await;
    let Opened { recovery, .. } = Spool::open(dir.path(), options).unwrap();
    let found: Vec<MessageId> = recovery.admitted.iter().map(|admitted| admitted.message.id).collect();
    assert_eq!(found, [MessageId(1), MessageId(3)], "and was not committed");
}

async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    tokio::select! { biased; _ = future => false, () = tokio::task::yield_now() => true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_submitters_share_the_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let disk = TrickyDisk::default();
    let mut options = small_spool();
    options.log.disk = std::sync::Arc::new(disk.clone());
    options.log.sync = journal::SyncMode::Durable;
    let Opened { spool, mut admitted, .. } = Spool::open(dir.path(), options).unwrap();
    let queue = tokio::spawn(async move {
        let mut last = 0;
        let mut ids = BTreeSet::new();
        while let Some(got) = admitted.recv().await {
            assert!(got.position > last, "in the order of commits");
            last = got.position;
            ids.extend(got.recipients.iter().map(|r| r.id.0));
        }
        ids
    });
    let submitters = (0..40_u64).map(|submitter| {
        let spool = spool.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                let id = 1 + submitter * 100 + n;
                spool.admit(new_message(id, &[b'x'; 1_000], [id + 100_000])).await.unwrap();
            }
        })
    });
    for submitter in submitters.collect::<Vec<_>>() {
        submitter.await.unwrap();
    }
    spool.close().await;
    assert_eq!(queue.await.unwrap().len(), 400);
    let syncs = disk.syncs.load(std::sync::atomic::Ordering::SeqCst);
    assert!(syncs < 200, "400 admissions of 40 submitters took {syncs} syncs");
}
