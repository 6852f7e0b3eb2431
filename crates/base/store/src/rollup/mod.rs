//! Roll-ups: one-minute cells over provider, source, stream, campaign, kind, category and template, updated with every
//! event, so that dashboards need not look at events.
//!
//! Cells are kept by hour of the events. The hours that changed since the last flush are written with it, each to a
//! file of its own that the manifest names; so roll-ups and segments always stand at the same cursor. Only the newest
//! hours stay in memory; older ones are read from their files when a question or a late event concerns them.
//! Limits: [`crate::Config::rollup_cells_max`], [`CELLS_PER_HOUR_MAX`], [`NAMES_MAX`], [`ROLLUP_ROWS_MAX`].
//! Known gap: no coarser cells yet; a question over months reads every minute of them.

mod cell;
mod histogram;
mod read;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use model::event::Event;
use model::time::Timestamp;

pub use cell::{CELLS_PER_HOUR_MAX, NAMES_MAX, Totals};
pub use histogram::Histogram;
pub use read::{ROLLUP_ROWS_MAX, RollupFilter, RollupKey, RollupQuery, RollupRow};

use crate::disk::{self, StoredFile};
use crate::error::StoreError;
use cell::{CellKey, Hour, Names, StoredHour};

/// The newest hours stay in memory whatever their size: they are written to and asked for all the time.
const HOURS_PINNED: usize = 2;
const HOUR_S: i64 = 3_600;

/// All roll-ups.
#[derive(Debug)]
pub(crate) struct Rollups {
    hours: BTreeMap<i64, Slot>,
    names: Arc<Names>,
    cells_max: usize,
    unreadable: u64,
}

/// One hour: in memory, on disk or both.
#[derive(Debug, Default)]
struct Slot {
    cells: usize,
    file: Option<Arc<StoredFile>>,
    number: u64,
    hour: Option<Arc<Hour>>,
    dirty: bool,
}

/// An hour as the manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredEntry {
    /// Hours since 1970.
    pub hour: i64,
    /// Number of its file.
    pub number: u64,
    /// How many cells it has.
    pub cells: usize,
}

/// Hours that changed since the last flush.
pub(crate) struct Changes {
    names: Arc<Names>,
    hours: Vec<(i64, Arc<Hour>)>,
}

/// A changed hour that was written.
pub(crate) struct Written {
    pub entry: StoredEntry,
    pub file: Arc<StoredFile>,
}

impl Changes {
    /// The files of these hours, numbered by `next_number`, below `dir`.
    pub fn write(&self, dir: &Path, mut next_number: impl FnMut() -> u64) -> Result<Vec<Written>, StoreError> {
        let mut written = Vec::with_capacity(self.hours.len());
        for (hour, cells) in &self.hours {
            let number = next_number();
            let path = dir.join(file_name(number));
            let bytes = disk::pack(&StoredHour::of(cells, &self.names)).map_err(StoreError::io(&path))?;
            let file = Arc::new(StoredFile::fresh(path));
            disk::write_new(file.path(), &bytes)?;
            let entry = StoredEntry { hour: *hour, number, cells: cells.cells.len() };
            written.push(Written { entry, file });
        }
        Ok(written)
    }
}

/// Name of a roll-up file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:010}.rollup")
}

impl Rollups {
    pub fn new(dir: &Path, entries: &[StoredEntry], cells_max: usize) -> Rollups {
        let slot = |entry: &StoredEntry| Slot {
            cells: entry.cells,
            file: Some(Arc::new(StoredFile::named(dir.join(file_name(entry.number))))),
            number: entry.number,
            hour: None,
            dirty: false,
        };
        Rollups {
            hours: entries.iter().map(|entry| (entry.hour, slot(entry))).collect(),
            names: Arc::default(),
            cells_max,
            unreadable: 0,
        }
    }

    /// Counts an event.
    pub fn add(&mut self, event: &Event, template: u32) {
        let number = hour_of(event.at);
        let slot = self.hours.entry(number).or_default();
        let names = Arc::make_mut(&mut self.names);
        if slot.hour.is_none() {
            let (hour, readable) = slot.load(names);
            slot.hour = Some(hour);
            self.unreadable += u64::from(!readable);
        }
        let key = CellKey::of(event, template, names);
        let hour = slot.hour.as_mut().expect("invariant: loaded above");
        let hour = Arc::make_mut(hour);
        hour.add(key, event);
        slot.cells = hour.cells.len();
        slot.dirty = true;
    }

    /// Takes what changed since the last time.
    pub fn take_changes(&mut self) -> Changes {
        let mut hours = Vec::new();
        for (number, slot) in &mut self.hours {
            if let (true, Some(hour)) = (slot.dirty, &slot.hour) {
                hours.push((*number, Arc::clone(hour)));
                slot.dirty = false;
            }
        }
        Changes { names: Arc::clone(&self.names), hours }
    }

    /// The changes could not be written.
    pub fn put_back(&mut self, changes: &Changes) {
        for (number, _) in &changes.hours {
            if let Some(slot) = self.hours.get_mut(number) {
                slot.dirty = true;
            }
        }
    }

    /// The changes are written and named by the manifest.
    pub fn committed(&mut self, written: Vec<Written>) {
        for Written { entry, file } in written {
            let slot = self.hours.entry(entry.hour).or_default();
            file.mark_named();
            if let Some(old) = slot.file.replace(file) {
                old.mark_obsolete();
            }
            slot.number = entry.number;
        }
        self.evict();
    }

    /// What the manifest has to name once `written` is in it.
    pub fn entries_with(&self, written: &[Written]) -> Vec<StoredEntry> {
        let stored = self.hours.iter().filter(|(_, slot)| slot.file.is_some());
        let mut entries: BTreeMap<i64, StoredEntry> =
            stored.map(|(&hour, slot)| (hour, StoredEntry { hour, number: slot.number, cells: slot.cells })).collect();
        entries.extend(written.iter().map(|written| (written.entry.hour, written.entry)));
        entries.into_values().collect()
    }

    /// Hours before this point in time.
    pub fn count_before(&self, at: Timestamp) -> usize {
        self.hours.range(..hour_of(at)).count()
    }

    /// What the manifest has to name once everything before this point in time is forgotten.
    pub fn entries_since(&self, at: Timestamp) -> Vec<StoredEntry> {
        let mut entries = self.entries_with(&[]);
        entries.retain(|entry| entry.hour >= hour_of(at));
        entries
    }

    /// Forgets hours before this point in time.
    pub fn drop_before(&mut self, at: Timestamp) -> usize {
        let kept = self.hours.split_off(&hour_of(at));
        let dropped = std::mem::replace(&mut self.hours, kept);
        dropped.values().filter_map(|slot| slot.file.as_ref()).for_each(|file| file.mark_obsolete());
        dropped.len()
    }

    /// Drops the oldest written hours from memory while there are too many cells.
    fn evict(&mut self) {
        let mut cells: usize = self.hours.values().filter(|slot| slot.hour.is_some()).map(|slot| slot.cells).sum();
        let evictable = self.hours.len().saturating_sub(HOURS_PINNED);
        for slot in self.hours.values_mut().take(evictable) {
            if cells <= self.cells_max {
                return;
            }
            if !slot.dirty && slot.file.is_some() && slot.hour.take().is_some() {
                cells -= slot.cells;
            }
        }
    }

    /// Cells in memory, hours in all, hours whose file could not be read.
    pub fn counts(&self) -> (usize, usize, u64) {
        let in_memory = self.hours.values().filter(|slot| slot.hour.is_some()).map(|slot| slot.cells).sum();
        (in_memory, self.hours.len(), self.unreadable)
    }
}

impl Slot {
    /// The hour as it is on disk; an empty one, and false, when its file cannot be read.
    fn load(&self, names: &mut Names) -> (Arc<Hour>, bool) {
        let Some(file) = &self.file else { return (Arc::default(), true) };
        match load(file, names) {
            Ok(hour) => (Arc::new(hour), true),
            Err(error) => {
                let path = file.path().display();
                tracing::error!(%path, %error, "a roll-up file cannot be read: its hour begins anew");
                (Arc::default(), false)
            }
        }
    }
}

fn hour_of(at: Timestamp) -> i64 {
    at.as_unix_s().div_euclid(HOUR_S)
}

fn load(file: &StoredFile, names: &mut Names) -> std::io::Result<Hour> {
    disk::unpack::<StoredHour>(file.path()).map(|stored| stored.into_hour(names))
}
