//! Opens a log of one segment twice, reads all of it, and compares.

use std::path::Path;
use std::sync::LazyLock;

use journal::events::{Cursor, EventLog, EventLogOptions};
use journal::spool::{Spool, SpoolOptions};
use journal::{OpenError, Options, SyncMode};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));

/// `file` becomes segment 1 of a log of this kind.
pub fn check(kind: &[u8; 8], file: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("0000000001.seg"), file).expect("a file");
    let look = if kind == b"spool\0\0\0" { spool } else { events };
    match look(dir.path()) {
        Ok(first) => {
            let second = look(dir.path()).expect("what was opened can be opened again");
            assert_eq!(second, first, "another look finds something else");
        }
        Err(OpenError::Foreign { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// A small log that does not wait for the disk.
pub fn options() -> Options {
    Options { segment_bytes: 64 << 10, queue_bytes_max: 64 << 10, sync: SyncMode::Relaxed, ..Options::default() }
}

/// Recipients and contents that can be read, as text.
fn spool(dir: &Path) -> Result<Vec<String>, OpenError> {
    let opened = Spool::open(dir, SpoolOptions { log: options(), ..SpoolOptions::default() })?;
    let mut found = Vec::new();
    for admitted in &opened.recovery.admitted {
        let content = opened.spool.read_content(admitted.message.id);
        found.push(format!("{:?} {:?}", admitted.message, content.is_ok()));
        for recipient in &admitted.recipients {
            let row = opened.spool.read_row(recipient.row).map_err(|error| error.to_string());
            if let Ok(row) = &row {
                assert_eq!(recipient.address.as_deref(), Some(row.address.as_str()));
            }
            found.push(format!("{recipient:?} {:?}", row.is_ok()));
        }
    }
    let stats = opened.spool.stats();
    let live: usize = opened.recovery.admitted.iter().map(|admitted| admitted.recipients.len()).sum();
    assert_eq!(stats.live_recipients, live as u64, "recipients that nobody is told of");
    assert_eq!(opened.spool.failure(), None);
    RUNTIME.block_on(opened.spool.close());
    Ok(found)
}

/// All events that can be read, as text.
fn events(dir: &Path) -> Result<Vec<String>, OpenError> {
    let log = EventLog::open(dir, EventLogOptions { log: options(), ..EventLogOptions::default() })?;
    let mut reader = log.reader(Cursor::default());
    let mut found = Vec::new();
    let mut last = Cursor::default();
    while let Some(batch) = reader.poll_batch(100).expect("what is there can be read") {
        assert!(batch.next > last && batch.events.len() <= 100, "the reader stands still");
        last = batch.next;
        found.extend(batch.events.iter().map(|event| format!("{event:?}")));
        found.push(format!("{} unreadable", batch.unreadable));
    }
    assert_eq!(log.failure(), None);
    drop(reader);
    RUNTIME.block_on(log.close());
    Ok(found)
}
