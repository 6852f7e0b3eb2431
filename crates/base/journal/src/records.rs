//! Small records that are worth something for a time: appended, read at the start, and forgotten a segment at a time.
//!
//! Whoever keeps them holds what it needs in memory and tells it here before it relies on it; what a record means is not
//! known here. A record is one frame of kind 1 (see `log::frame`); frames of kind 2 say nothing and begin each segment.
//!
//! **Retention**: a segment goes when its youngest record is older than `keep`, or when all segments together are larger
//! than `bytes_max`; always the oldest first, never the active one. Looked at when a segment is begun and once a minute
//! while records come in. **Limits**: [`RecordLogOptions`]; half a segment for one append.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::time::{Clock, Timestamp};
use tokio::sync::oneshot;

use crate::events::AppendError;
use crate::log::frame::Unit;
use crate::log::recovery::{Scan, Visitor};
use crate::log::segment::SEGMENT_HEADER;
use crate::log::segments::Segments;
use crate::log::walk::FrameAt;
use crate::log::{Failure, Log, Placed, Steward, prepare};
use crate::{OpenError, Options};

const KIND: [u8; 8] = *b"records\0";
/// Kind of the frames that are records.
const RECORD: u8 = 1;
/// Kind of the frame that begins a segment.
const BEGINNING: u8 = 2;
/// Segments are looked at for their age at least this far apart.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// How a log of records is kept.
#[derive(Clone, Debug)]
pub struct RecordLogOptions {
    /// The log below.
    pub log: Options,
    /// A segment is deleted when all its records are older.
    pub keep: Duration,
    /// The oldest segments are deleted while all together are larger.
    pub bytes_max: u64,
}

/// Small records in the order of their commits.
pub struct RecordLog {
    log: Log<Waiting>,
}

type Waiting = oneshot::Sender<Result<(), Failure>>;

impl RecordLog {
    /// Opens or creates the log in `dir`; `visit` gets every record that is there, oldest first. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: &Path, options: RecordLogOptions, visit: &mut dyn FnMut(&[u8])) -> Result<RecordLog, OpenError> {
        let prepared = prepare(dir, KIND, options.log.clone(), Scan::All, &mut Reader(visit))?;
        let segments = prepared.segments();
        let clock = options.log.clock.clone();
        let checked_at = clock.now();
        let active = segments.newest().map_or(0, |(number, _)| number);
        let RecordLogOptions { keep, bytes_max, .. } = options;
        let steward = RecordSteward { clock, keep, bytes_max, checked_at, active };
        steward.retain(&segments, checked_at);
        Ok(RecordLog { log: prepared.start(segments, steward)? })
    }

    /// Appends all of these or none. When it resolves they are on disk.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append<'a>(&self, records: impl IntoIterator<Item = &'a [u8]>) -> Result<(), AppendError> {
        let mut unit = Unit::default();
        for record in records {
            unit.push(RECORD, |out| out.extend_from_slice(record), Vec::new());
        }
        let (bytes, bytes_max) = (unit.bytes(), self.log.unit_bytes_max());
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        if bytes == 0 {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.log.append(unit, answer).await.map_err(|(_, failure)| refuse(failure))?;
        match answered.await {
            Ok(result) => result.map_err(refuse),
            Err(_) => Err(self.log.stopped().map_or(AppendError::Closed, AppendError::Failed)),
        }
    }

    /// Bytes of all segment files, of the active one only what is written.
    pub fn bytes(&self) -> u64 {
        self.log.segments().bytes()
    }

    /// Writes what is taken over, and closes the files.
    pub async fn close(&self) {
        self.log.close().await;
    }
}

fn refuse(failure: Failure) -> AppendError {
    match failure {
        // Both may be tried again.
        Failure::NoSpace | Failure::Suspended(_) => AppendError::NoSpace,
        Failure::Closed => AppendError::Closed,
        Failure::Failed(reason) => AppendError::Failed(reason),
    }
}

struct Reader<'a>(&'a mut dyn FnMut(&[u8]));

impl Visitor for Reader<'_> {
    fn frame(&mut self, _segment: u32, frame: FrameAt, prefix: &[u8], _body: &[u8]) {
        if frame.header.kind == RECORD {
            (self.0)(prefix);
        }
    }
}

struct RecordSteward {
    clock: Arc<dyn Clock>,
    keep: Duration,
    bytes_max: u64,
    checked_at: Timestamp,
    /// The active segment at the last look.
    active: u32,
}

impl Steward for RecordSteward {
    type Tag = Waiting;

    fn snapshot(&mut self) -> Unit {
        let mut unit = Unit::default();
        unit.push(BEGINNING, |_| (), Vec::new());
        unit
    }

    fn committed(&mut self, waiting: Waiting, result: Result<Placed, Failure>) {
        waiting.send(result.map(|_| ())).ok();
    }

    fn reached(&mut self, _segment: u32, _end: u32) {}

    fn after_groups(&mut self, segments: &Segments, _full: bool) {
        let now = self.clock.now();
        let active = segments.newest().map_or(0, |(number, _)| number);
        if active != self.active || now.since(self.checked_at) >= RETENTION_EVERY || now < self.checked_at {
            (self.active, self.checked_at) = (active, now);
            self.retain(segments, now);
        }
    }
}

impl RecordSteward {
    fn retain(&self, segments: &Segments, now: Timestamp) {
        while let Some((oldest, _)) = segments.oldest() {
            let Some((next, successor)) = segments.at_or_behind(oldest + 1) else { return };
            let Some((newest, active)) = segments.newest() else { return };
            if next == newest && active.bytes <= SEGMENT_HEADER {
                return;
            }
            // Its youngest record is not younger than the segment behind it.
            let is_old = now.since(successor.header.created) > self.keep;
            if !is_old && segments.bytes() <= self.bytes_max {
                return;
            }
            if !is_old {
                tracing::warn!(segment = oldest, "records are forgotten before their time: there are too many");
            }
            if let Err(error) = segments.delete_oldest(oldest) {
                tracing::error!(segment = oldest, %error, "cannot delete a segment of records");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::time::ManualClock;

    use super::*;
    use crate::SyncMode;

    fn open(dir: &Path, clock: &ManualClock, bytes_max: u64) -> (RecordLog, Vec<Vec<u8>>) {
        let log = Options {
            segment_bytes: Options::SEGMENT_BYTES_MIN,
            sync: SyncMode::Relaxed,
            clock: Arc::new(clock.clone()),
            ..Options::default()
        };
        let mut found = Vec::new();
        let options = RecordLogOptions { log, keep: Duration::from_secs(3_600), bytes_max };
        let log = RecordLog::open(dir, options, &mut |record| found.push(record.to_vec())).unwrap();
        (log, found)
    }

    #[tokio::test]
    async fn what_was_appended_is_found_until_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Timestamp::from_unix_s(1_790_000_000));
        let (log, found) = open(dir.path(), &clock, 1 << 30);
        assert!(found.is_empty());
        log.append([&b"one"[..], b"two"]).await.unwrap();
        log.append([]).await.unwrap();
        assert!(matches!(log.append([&[0; 9_000][..]]).await, Err(AppendError::TooLarge { .. })));
        log.close().await;
        assert!(matches!(log.append([&b"late"[..]]).await, Err(AppendError::Closed)));

        let (log, found) = open(dir.path(), &clock, 1 << 30);
        assert_eq!(found, [b"one".to_vec(), b"two".to_vec()]);
        for turn in 0..10_u8 {
            clock.advance(Duration::from_secs(1_200));
            log.append([&[turn; 6_000][..]]).await.unwrap();
        }
        log.close().await;
        let (log, found) = open(dir.path(), &clock, 1 << 30);
        let kept: Vec<u8> = found.iter().map(|record| record[0]).collect();
        assert_eq!(kept.last(), Some(&9));
        assert!((3..=6).contains(&kept.len()), "an hour, and the rest of the segment that it begins in: {kept:?}");
        log.close().await;
    }

    #[tokio::test]
    async fn room_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(Timestamp::from_unix_s(1_790_000_000));
        let (log, _) = open(dir.path(), &clock, 40_000);
        for turn in 0..50_u8 {
            log.append([&[turn; 6_000][..]]).await.unwrap();
        }
        assert!(log.bytes() <= 40_000 + Options::SEGMENT_BYTES_MIN, "{}", log.bytes());
        log.close().await;
    }
}
