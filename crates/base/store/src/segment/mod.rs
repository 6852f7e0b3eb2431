//! Segments: Parquet files of one UTC day each, sorted by time (provider second), written once.
//!
//! Layout below the store's directory: `segments/2026-09-21/0000000042.parquet`. zstd, dictionaries for names, deltas
//! for times and ids, bloom filters on recipient, message and address hash. Any tool that reads Parquet reads them.
//! Limits: [`write::ROW_GROUP_ROWS`], [`write::ROW_GROUP_BYTES`].

mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk::{self, StoredFile};

pub(crate) use write::{Writer, write_sorted};

/// Directory of the segments below that of the store.
pub(crate) const SEGMENTS: &str = "segments";
const DAY_US: i64 = 86_400_000_000;

/// What the manifest says about a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    /// The UTC day of its events, as its directory is called.
    pub day: String,
    /// Number of its file.
    pub number: u64,
    /// How many events.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Time of its first event, microseconds.
    pub from: i64,
    /// Time of its last event, microseconds.
    pub to: i64,
}

/// A segment that is part of the store.
#[derive(Debug)]
pub(crate) struct Segment {
    pub entry: SegmentEntry,
    pub file: StoredFile,
    /// When it was last read from end to end without a fault, in microseconds; 0 for never.
    pub sound_at: AtomicI64,
}

impl SegmentEntry {
    /// Path below the store's directory, with `/` on every system.
    pub fn relative(&self) -> String {
        format!("{SEGMENTS}/{}/{:010}.parquet", self.day, self.number)
    }

    /// True when some of its events may lie in `from..to`.
    pub fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from < to.0 && self.to >= from.0
    }
}

impl Segment {
    /// A segment that the manifest names.
    pub fn named(dir: &Path, entry: SegmentEntry) -> Segment {
        let path = dir.join(entry.relative());
        Segment::of(entry, StoredFile::named(path))
    }

    /// A segment in this file.
    pub fn of(entry: SegmentEntry, file: StoredFile) -> Segment {
        Segment { entry, file, sound_at: AtomicI64::new(0) }
    }
}

/// The UTC day of a point in time, as directories are called, and the first moment behind it.
pub(crate) fn day_of(at: Timestamp) -> (String, Timestamp) {
    let Ok(known) = jiff::Timestamp::from_microsecond(at.0) else {
        let end = if at.0 < 0 { jiff::Timestamp::MIN.as_microsecond() } else { i64::MAX };
        return ("out-of-range".to_owned(), Timestamp(end));
    };
    let day = known.to_zoned(TimeZone::UTC).date().to_string();
    let end = at.0.div_euclid(DAY_US).saturating_add(1).saturating_mul(DAY_US);
    (day, Timestamp(end))
}

/// The first moment behind the day of this name; the end of time when it names no day.
pub(crate) fn end_of_day(day: &str) -> Timestamp {
    let begin = day.parse::<Date>().ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    begin.map_or(Timestamp(i64::MAX), |zoned| day_of(Timestamp(zoned.timestamp().as_microsecond())).1)
}

/// Sorts out what the manifest names: segments that are there with the right size, and those that are not.
pub(crate) fn load(dir: &Path, entries: Vec<SegmentEntry>) -> (Vec<Arc<Segment>>, Vec<SegmentEntry>) {
    let is_there = |entry: &SegmentEntry| {
        std::fs::metadata(dir.join(entry.relative())).is_ok_and(|metadata| metadata.len() == entry.bytes)
    };
    let (there, missing): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_there);
    (there.into_iter().map(|entry| Arc::new(Segment::named(dir, entry))).collect(), missing)
}

/// Removes files that no manifest names: what a crash left behind. Files of other kinds are not touched.
pub(crate) fn remove_orphans(dir: &Path, named: &HashSet<PathBuf>) -> std::io::Result<usize> {
    let mut removed = 0;
    let mut directories = vec![dir.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("parquet" | "rollup" | "templates" | "new")) && !named.contains(&path) {
                disk::remove(&path);
                removed += 1;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc() {
        let at: Timestamp = "2026-09-21T23:59:59.999999Z".parse().unwrap();
        assert_eq!(day_of(at), ("2026-09-21".to_owned(), Timestamp(at.0 + 1)));
        assert_eq!(end_of_day("2026-09-21"), Timestamp(at.0 + 1));
        for odd in [i64::MIN, i64::MAX] {
            let (day, end) = day_of(Timestamp(odd));
            assert!(day == "out-of-range" && end.0 >= odd);
        }
        assert_eq!(end_of_day("nonsense"), Timestamp(i64::MAX));
    }
}
