//! The manifest: the one file that says what the store consists of, and up to which place of the event log.
//!
//! Replaced whole by a rename. A file it does not name is not part of the store; so a crash before the rename leaves
//! the store as it was, at the old cursor, and a crash behind it leaves it as it shall be, at the new one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{OpenError, StoreError};
use crate::rollup::StoredEntry;
use crate::segment::SegmentEntry;

/// Version of this form.
const FORMAT: u32 = 1;

/// What the store consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: u32,
    /// Number of the next file.
    pub next_number: u64,
    /// Everything before this place of the event log is in the store.
    pub cursor: Option<String>,
    /// Events ever taken in.
    pub events_total: u64,
    /// The segments.
    pub segments: Vec<SegmentEntry>,
    /// Segments that were set aside because they are damaged or missing: their events are not in any answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<SegmentEntry>,
    /// Hour, number of its file, cells.
    rollups: Vec<(i64, u64, usize)>,
    /// Number of the file of templates.
    pub templates: Option<u64>,
}

impl Default for Manifest {
    fn default() -> Self {
        Manifest {
            format: FORMAT,
            next_number: 1,
            cursor: None,
            events_total: 0,
            segments: Vec::new(),
            damaged: Vec::new(),
            rollups: Vec::new(),
            templates: None,
        }
    }
}

impl Manifest {
    /// Where it lies.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join("manifest.json")
    }

    /// The manifest of a store; an empty one when there is none yet.
    pub fn read(dir: &Path) -> Result<Manifest, OpenError> {
        let path = Manifest::path(dir);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Manifest::default()),
            Err(source) => return Err(OpenError::Io { path, source }),
        };
        let refuse = |reason: String| OpenError::Damaged { path: path.clone(), reason };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(refuse(format!("format {} is not known, this program writes {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }

    /// Makes this the store's manifest.
    pub fn replace(&self, dir: &Path) -> Result<(), StoreError> {
        let text = serde_json::to_vec(self).map_err(StoreError::columns("writing the manifest"))?;
        let path = Manifest::path(dir);
        // An error says that the old manifest is still in force: the caller then gives up the files it made.
        journal::file::replace(&path, &text, 0o644).map_err(StoreError::io(&path))
    }

    /// The roll-up files.
    pub fn rollups(&self) -> Vec<StoredEntry> {
        self.rollups.iter().map(|&(hour, number, cells)| StoredEntry { hour, number, cells }).collect()
    }

    /// Names these roll-up files.
    pub fn set_rollups(&mut self, entries: &[StoredEntry]) {
        self.rollups = entries.iter().map(|entry| (entry.hour, entry.number, entry.cells)).collect();
    }

    /// A number for a new file.
    pub fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}
