//! Damaged segments: found when a question fails, set aside, and told from then on.
//!
//! A segment is checked by reading all of it. One that cannot be decoded leaves the store: the manifest names it among
//! the damaged, its file is renamed to `….parquet.damaged`, and every answer over its time says how many events are
//! missing ([`crate::Cost::missing_rows`]). So one bad file costs its own events and no others. Roll-ups have counted
//! them already and stay right.
//!
//! Must not: take a busy machine for damage. A file that cannot be opened or read for another reason than a failing disk
//! stays where it is.
//! Limits: one check at a time; a segment found sound is not checked again for [`SOUND_FOR`].
//! Known gaps: a changed byte that still decodes is not noticed (the files have no checksums of pages).

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use model::time::Timestamp;

use crate::error::StoreError;
use crate::segment::{Segment, SegmentEntry};
use crate::store::Inner;

/// A segment that was read without a fault is not read again for so long, whatever fails.
const SOUND_FOR: Duration = Duration::from_secs(600);

/// What is added to the name of a damaged file.
const SUFFIX: &str = "damaged";

/// The system's number for a disk that cannot read (EIO).
const DISK_FAILS: i32 = 5;

/// What a check has found.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Sound,
    Damaged(String),
    /// It could not be looked at now.
    Unknown(String),
}

impl Inner {
    /// Looks for damaged segments among these and sets them aside. True when one of them is not in the store any more:
    /// asking again may help.
    pub(crate) async fn inspect(self: &Arc<Self>, segments: Vec<Arc<Segment>>) -> Result<bool, StoreError> {
        let inner = Arc::clone(self);
        // A task of its own: it ends what it began also when nobody waits for it any more.
        let done = self.engine.runtime().spawn(async move {
            let _one = inner.inspect_gate.lock().await;
            let mut damaged = Vec::new();
            for segment in &segments {
                if inner.holds(segment) && inner.is_damaged(segment).await {
                    damaged.push(Arc::clone(segment));
                }
            }
            if !damaged.is_empty() {
                let _order = inner.write_gate.lock().await;
                let worker = Arc::clone(&inner);
                inner.blocking(move || worker.set_aside_blocking(&damaged)).await??;
            }
            Ok(!segments.iter().all(|segment| inner.holds(segment)))
        });
        done.await.map_err(|_| StoreError::Closed)?
    }

    fn holds(&self, segment: &Arc<Segment>) -> bool {
        self.state().segments.iter().any(|known| known.entry.number == segment.entry.number)
    }

    async fn is_damaged(&self, segment: &Arc<Segment>) -> bool {
        let now = self.clock.now();
        let checked = Timestamp(segment.sound_at.load(Ordering::Relaxed));
        if checked.0 != 0 && now.since(checked) < SOUND_FOR {
            return false;
        }
        let (path, rows) = (segment.file.path().to_path_buf(), segment.entry.rows);
        let checked = self.engine.runtime().spawn_blocking(move || condition(&path, rows)).await;
        let found = match checked {
            Ok(condition) => condition,
            Err(error) if error.is_panic() => Condition::Damaged("reading it ends in a panic".to_owned()),
            Err(_) => Condition::Unknown("the store is closing".to_owned()),
        };
        let path = segment.file.path().display();
        match found {
            Condition::Sound => segment.sound_at.store(now.0, Ordering::Relaxed),
            Condition::Damaged(reason) => {
                let rows = segment.entry.rows;
                tracing::error!(%path, rows, reason, "a segment of the event store is damaged; it is set aside");
                return true;
            }
            Condition::Unknown(reason) => tracing::warn!(%path, reason, "a segment could not be checked"),
        }
        false
    }

    /// Takes damaged segments out of the store. The caller holds the write gate.
    fn set_aside_blocking(&self, damaged: &[Arc<Segment>]) -> Result<(), StoreError> {
        let is_damaged = |segment: &Arc<Segment>| damaged.iter().any(|bad| bad.entry.number == segment.entry.number);
        let manifest = {
            let state = self.state();
            let mut manifest = state.manifest.clone();
            let (bad, kept): (Vec<_>, Vec<_>) = state.segments.iter().partition(|segment| is_damaged(segment));
            manifest.segments = kept.into_iter().map(|segment| segment.entry.clone()).collect();
            manifest.damaged.extend(bad.into_iter().map(|segment| segment.entry.clone()));
            manifest.set_rollups(&state.rollups.entries_with(&[]));
            manifest
        };
        manifest.replace(&self.dir)?;
        {
            let mut state = self.state();
            state.segments.retain(|segment| !is_damaged(segment));
            state.manifest.damaged = manifest.damaged;
        }
        damaged.iter().for_each(|segment| rename(segment.file.path()));
        Ok(())
    }
}

/// Gives the file of a damaged segment its other name, when it still has the first.
pub(crate) fn rename(path: &Path) {
    let renamed = std::fs::rename(path, other_name(path));
    if let Err(error) = renamed
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a damaged segment could not be renamed");
    }
}

/// Where the file of a damaged segment lies.
pub(crate) fn path_of(dir: &Path, entry: &SegmentEntry) -> PathBuf {
    other_name(&dir.join(entry.relative()))
}

fn other_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(SUFFIX);
    PathBuf::from(name)
}

/// Reads a segment from end to end.
fn condition(path: &Path, rows: u64) -> Condition {
    let reason = match decode(path) {
        Ok(found) if found == rows => return Condition::Sound,
        Ok(found) => format!("it holds {found} events in place of {rows}"),
        Err(reason) => reason,
    };
    // The reader's errors do not tell a bad file from a machine that has no more handles: so its bytes are read alone.
    let bytes = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()));
    match bytes {
        Err(error) if error.kind() != ErrorKind::NotFound && error.raw_os_error() != Some(DISK_FAILS) => {
            Condition::Unknown(error.to_string())
        }
        Err(error) => Condition::Damaged(error.to_string()),
        Ok(_) => Condition::Damaged(reason),
    }
}

/// Counts the events of a segment by decoding every column of them.
fn decode(path: &Path) -> Result<u64, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut rows = 0;
    for batch in reader.map_err(|error| error.to_string())? {
        rows += batch.map_err(|error| error.to_string())?.num_rows() as u64;
    }
    Ok(rows)
}
