//! Bad disks: what was acknowledged and cannot be read any more is reported and kept aside, the rest is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use journal::events::Cursor;
use journal::spool::{Opened, Spool};
use model::id::MessageId;

use crate::support::*;

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    segments.sort();
    segments
}

fn find(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).position(|window| window == needle).unwrap()
}

fn flip(path: &Path, needle: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = find(&bytes, needle);
    bytes[place] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

fn copy_dir(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for path in segments(from) {
        std::fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

async fn filled_spool() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    for id in 1..=60_u64 {
        spool
            .admit(new_message(id, format!("content-{id:04} {}", "x".repeat(3_000)).as_bytes(), [1_000 + id]))
            .await
            .unwrap();
        admitted.recv().await.unwrap();
    }
    spool.close().await;
    assert!(segments(dir.path()).len() > 2);
    dir
}

fn live(opened: &Opened) -> BTreeSet<u64> {
    opened.recovery.admitted.iter().flat_map(|admitted| &admitted.recipients).map(|r| r.id.0).collect()
}

#[tokio::test]
async fn a_damaged_content_costs_its_recipients_and_nothing_else() {
    let dir = filled_spool().await;
    flip(&segments(dir.path())[0], b"content-0010");
    let opened = open_spool(dir.path());
    let expected: BTreeSet<u64> = (1_001..=1_060).filter(|id| *id != 1_010).collect();
    assert_eq!(live(&opened), expected);
    let reasons: Vec<_> = opened.recovery.quarantined.iter().map(|damage| damage.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["a record does not match its checksum", "recipients of a message whose content is damaged or missing"]
    );
    assert_eq!(opened.recovery.torn_bytes, 0);
    let kept = std::fs::read_dir(dir.path().join("quarantine")).unwrap();
    let kept: Vec<u8> = kept.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    find(&kept, b"ontent-0010");
    find(&kept, b"r1010@d0.example");
}

#[tokio::test]
async fn a_damaged_row_is_noticed_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { spool, mut admitted, .. } = open_spool(dir.path());
    spool.admit(new_message(1, b"x", 1_000..1_200)).await.unwrap();
    let rows = admitted.recv().await.unwrap().recipients;
    flip(&segments(dir.path())[0], b"r1100@");
    assert!(spool.read_row(rows[99].row).is_ok() && spool.read_row(rows[101].row).is_ok());
    let error = spool.read_row(rows[100].row).unwrap_err().to_string();
    assert!(error.starts_with("damaged in segment 1 at "), "{error}");
}

#[tokio::test]
async fn a_segment_without_its_header_is_put_aside() {
    let dir = filled_spool().await;
    let paths = segments(dir.path());
    let (first, last) = (&paths[0], paths.last().unwrap());
    for path in [first, last] {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[33] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let opened = open_spool(dir.path());
    assert!(opened.recovery.quarantined.iter().any(|damage| damage.reason == "the header of the segment is damaged"));
    assert!(first.with_extension("seg.damaged").exists() && last.with_extension("seg.damaged").exists());
    let found = live(&opened);
    assert!(!found.is_empty() && found.iter().all(|id| (1_001..=1_060).contains(id)));
    // Nothing new takes a number that was used.
    let position = opened.spool.admit(new_message(500, b"new", [5_000])).await.unwrap();
    assert_eq!(position >> 32, paths.len() as u64 + 1);
    opened.spool.close().await;
    assert!(live(&open_spool(dir.path())).contains(&5_000));
}

#[tokio::test]
async fn events_around_damage_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_events(dir.path());
    let event = |n: u64| {
        let mut event = delivered(n);
        event.note = Some(format!("note-{n:04}"));
        event
    };
    for n in 0..20 {
        log.append(vec![event(3 * n), event(3 * n + 1), event(3 * n + 2)]).await.unwrap();
    }
    flip(&segments(dir.path())[0], b"note-0031");
    let check = |log: &journal::events::EventLog| {
        let batch = log.reader(Cursor::default()).poll_batch(1_000).unwrap().unwrap();
        let seen: Vec<u64> = batch.events.iter().map(|event| event.id.root).collect();
        assert_eq!((seen, batch.unreadable), ((0..60).filter(|n| *n != 31).collect(), 1));
    };
    check(&log);
    log.close().await;
    let log = open_events(dir.path());
    assert_eq!(log.damage().len(), 1);
    check(&log);
}

/// Whatever happens to the bytes, opening neither fails nor invents anything, and the spool works.
#[tokio::test]
async fn any_damage_is_survived() {
    let dir = filled_spool().await;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for round in 0..80 {
        let copy = copy_dir(dir.path());
        let paths = segments(copy.path());
        for _ in 0..=next(4) {
            let path = &paths[next(paths.len())];
            let mut bytes = std::fs::read(path).unwrap();
            let place = next(bytes.len());
            match next(4) {
                0 => bytes[place] ^= 1 << next(8),
                1 => bytes.truncate(place),
                2 => bytes[place..].iter_mut().take(4_096).for_each(|byte| *byte = 0),
                _ => {
                    let block = bytes[next(place + 1)..].iter().take(700).copied().collect::<Vec<_>>();
                    bytes[place..].iter_mut().zip(block).for_each(|(to, from)| *to = from);
                }
            }
            std::fs::write(path, bytes).unwrap();
        }
        let mut opened = Spool::open(copy.path(), small_spool()).unwrap();
        let found = live(&opened);
        assert!(found.iter().all(|id| (1_001..=1_060).contains(id)), "round {round}");
        let count: usize = opened.recovery.admitted.iter().map(|admitted| admitted.recipients.len()).sum();
        assert_eq!(count, found.len(), "round {round}: nobody twice");
        for admitted in &opened.recovery.admitted {
            let id = admitted.recipients[0].id.0;
            let content = opened.spool.read_content(MessageId(id - 1_000)).unwrap();
            assert_eq!(content.len(), 3_013, "round {round}");
        }
        opened.spool.admit(new_message(900, b"new", [9_000])).await.unwrap();
        opened.admitted.recv().await.unwrap();
        opened.spool.close().await;
        let again = live(&open_spool(copy.path()));
        assert_eq!(again.len(), found.len() + 1, "round {round}: the second opening finds the same");
    }
}
