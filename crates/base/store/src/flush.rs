//! Flush: everything in memory becomes segments, roll-up files and a template file, named by a new manifest.
//!
//! Crash points: before the manifest is replaced, the files made are orphans that the next start removes, and the store
//! stands at the old cursor: its consumer reads the same events again. Behind it, the store stands at the new cursor.
//! In both cases an event is in the store once. A flush that fails leaves everything in memory as it was.

use std::sync::Arc;

use model::time::Timestamp;

use crate::disk::{self, StoredFile};
use crate::error::StoreError;
use crate::hot::HotBatch;
use crate::manifest::Manifest;
use crate::rollup::{Changes, Written};
use crate::segment::{Segment, write_sorted};
use crate::store::{Inner, templates_file_name};
use crate::template::Template;

/// What a flush wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Events that left memory.
    pub rows: u64,
    /// Segments they went to.
    pub segments: usize,
}

/// What is to be written: the store at one moment.
struct Frozen {
    batches: Vec<HotBatch>,
    rollups: Changes,
    templates: Option<Vec<Arc<Template>>>,
    cursor: Option<String>,
    events_total: u64,
}

/// What was written and waits for the manifest.
pub(crate) struct Prepared {
    segments: Vec<Segment>,
    rollups: Vec<Written>,
    templates: Option<(u64, StoredFile)>,
    cursor: Option<String>,
    events_total: u64,
}

impl Inner {
    /// Flushes. The caller holds the write gate; blocks for as long as disks take.
    pub(crate) fn flush_blocking(&self) -> Result<Flushed, StoreError> {
        let Some(frozen) = self.freeze()? else { return Ok(Flushed::default()) };
        let done = self.prepare(&frozen).and_then(|prepared| self.commit(prepared));
        if done.is_err() {
            let mut state = self.state();
            state.hot.thaw();
            state.rollups.put_back(&frozen.rollups);
            if frozen.templates.is_some() {
                state.templates.put_back_changes();
            }
        }
        done
    }

    fn freeze(&self) -> Result<Option<Frozen>, StoreError> {
        let mut state = self.state();
        if state.hot.rows() == 0 && state.cursor == state.manifest.cursor {
            return Ok(None);
        }
        Ok(Some(Frozen {
            batches: state.hot.freeze()?,
            rollups: state.rollups.take_changes(),
            templates: state.templates.take_changes(),
            cursor: state.cursor.clone(),
            events_total: state.events_total,
        }))
    }

    fn prepare(&self, frozen: &Frozen) -> Result<Prepared, StoreError> {
        let next_number = || self.state().manifest.take_number();
        let segments = write_sorted(&self.dir, &frozen.batches, next_number)?;
        let rollups = frozen.rollups.write(&self.rollups_dir(), next_number)?;
        let templates = match &frozen.templates {
            None => None,
            Some(list) => {
                let number = next_number();
                let path = self.dir.join(templates_file_name(number));
                let list: Vec<&Template> = list.iter().map(Arc::as_ref).collect();
                let bytes = disk::pack(&list).map_err(StoreError::io(&path))?;
                let file = StoredFile::fresh(path);
                disk::write_new(file.path(), &bytes)?;
                Some((number, file))
            }
        };
        let (cursor, events_total) = (frozen.cursor.clone(), frozen.events_total);
        Ok(Prepared { segments, rollups, templates, cursor, events_total })
    }

    fn commit(&self, prepared: Prepared) -> Result<Flushed, StoreError> {
        let now = self.clock.now();
        self.manifest_with(&prepared).replace(&self.dir)?;
        let mut state = self.state();
        let Prepared { segments, rollups, templates, cursor, events_total } = prepared;
        let flushed =
            Flushed { rows: segments.iter().map(|segment| segment.entry.rows).sum(), segments: segments.len() };
        state.hot.commit(now);
        for segment in segments {
            segment.file.mark_named();
            state.segments.push(Arc::new(segment));
        }
        state.rollups.committed(rollups);
        if let Some((number, file)) = templates {
            file.mark_named();
            state.manifest.templates = Some(number);
            if let Some(old) = state.templates_file.replace(file) {
                old.mark_obsolete();
            }
        }
        state.manifest.cursor = cursor;
        state.manifest.events_total = events_total;
        Ok(flushed)
    }

    /// The manifest as it shall be.
    fn manifest_with(&self, prepared: &Prepared) -> Manifest {
        let state = self.state();
        let mut manifest = state.manifest.clone();
        let named = state.segments.iter().map(|segment| segment.entry.clone());
        manifest.segments = named.chain(prepared.segments.iter().map(|segment| segment.entry.clone())).collect();
        manifest.set_rollups(&state.rollups.entries_with(&prepared.rollups));
        manifest.templates = prepared.templates.as_ref().map(|(number, _)| *number).or(manifest.templates);
        manifest.cursor.clone_from(&prepared.cursor);
        manifest.events_total = prepared.events_total;
        manifest
    }

    /// Everything of a flush but its last step: what a crash in between leaves behind.
    #[cfg(test)]
    pub(crate) fn prepare_only(&self) -> Prepared {
        let frozen = self.freeze().unwrap().unwrap();
        self.prepare(&frozen).unwrap()
    }

    /// Removes segments and roll-ups that are older than what is kept.
    ///
    /// The caller holds the write gate and the compaction gate.
    pub(crate) fn expire_blocking(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let (oldest, oldest_rollup) = (now.minus(self.config.keep.0), now.minus(self.config.keep_rollups.0));
        let is_old = |segment: &Arc<Segment>| Timestamp(segment.entry.to) < oldest;
        let manifest = {
            let state = self.state();
            if !state.segments.iter().any(is_old) && state.rollups.count_before(oldest_rollup) == 0 {
                return Ok(0);
            }
            let mut manifest = state.manifest.clone();
            let kept = state.segments.iter().filter(|segment| !is_old(segment));
            manifest.segments = kept.map(|segment| segment.entry.clone()).collect();
            manifest.set_rollups(&state.rollups.entries_since(oldest_rollup));
            manifest
        };
        manifest.replace(&self.dir)?;
        let mut state = self.state();
        let (old, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.segments).into_iter().partition(is_old);
        old.iter().for_each(|segment| segment.file.mark_obsolete());
        state.segments = kept;
        state.rollups.drop_before(oldest_rollup);
        Ok(old.len())
    }

    /// Puts one segment in place of several.
    ///
    /// The caller holds the write gate and the compaction gate.
    pub(crate) fn replace_blocking(&self, old: &[Arc<Segment>], new: Segment) -> Result<(), StoreError> {
        let is_old = |segment: &Arc<Segment>| old.iter().any(|old| old.entry.number == segment.entry.number);
        let manifest = {
            let state = self.state();
            let mut manifest = state.manifest.clone();
            let kept = state.segments.iter().filter(|segment| !is_old(segment)).map(|segment| segment.entry.clone());
            manifest.segments = kept.chain([new.entry.clone()]).collect();
            manifest.set_rollups(&state.rollups.entries_with(&[]));
            manifest
        };
        manifest.replace(&self.dir)?;
        let mut state = self.state();
        state.segments.retain(|segment| !is_old(segment));
        new.file.mark_named();
        state.segments.push(Arc::new(new));
        old.iter().for_each(|segment| segment.file.mark_obsolete());
        Ok(())
    }
}
