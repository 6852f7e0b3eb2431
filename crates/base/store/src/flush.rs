//! Flush: everything in memory becomes segments, roll-up files and a template file, named by a new manifest.
//!
//! Crash points: before the manifest is replaced, the files made are orphans that the next start removes, and the store
//! stands at the old cursor: its consumer reads the same events again. Behind it, the store stands at the new cursor.
//! In both cases an event is in the store once. A flush that fails leaves everything in memory as it was.

use std::sync::Arc;

use model::time::Timestamp;

use crate::damage;
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
            let damaged_is_old = state.manifest.damaged.iter().any(|entry| Timestamp(entry.to) < oldest);
            let none_is_old = !state.segments.iter().any(is_old) && !damaged_is_old;
            if none_is_old && state.rollups.count_before(oldest_rollup) == 0 {
                return Ok(0);
            }
            let mut manifest = state.manifest.clone();
            manifest.damaged.retain(|entry| Timestamp(entry.to) >= oldest);
            let kept = state.segments.iter().filter(|segment| !is_old(segment));
            manifest.segments = kept.map(|segment| segment.entry.clone()).collect();
            manifest.set_rollups(&state.rollups.entries_since(oldest_rollup));
            manifest
        };
        manifest.replace(&self.dir)?;
        let mut state = self.state();
        let (old, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.segments).into_iter().partition(is_old);
        old.iter().for_each(|segment| segment.file.mark_obsolete());
        let damaged = std::mem::replace(&mut state.manifest.damaged, manifest.damaged);
        damaged
            .iter()
            .filter(|entry| Timestamp(entry.to) < oldest)
            .for_each(|entry| disk::remove(&damage::path_of(&self.dir, entry)));
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

#[cfg(test)]
mod tests {
    //! Crash points: what is on disk when the process ends between two steps, and what the next start makes of it.

    use super::*;
    use crate::{Config, EventStore, Measure, Query, RollupQuery};
    use model::event::{Attempt, Event, EventKind};
    use model::id::RecipientId;
    use model::reply::Reply;
    use model::time::ManualClock;
    use std::path::Path;

    const NOON: i64 = 1_790_000_000;

    fn open(dir: &Path) -> EventStore {
        let clock = ManualClock::new(Timestamp::from_unix_s(NOON));
        EventStore::open(dir, Config::default(), Arc::new(clock)).unwrap().store
    }

    fn events(range: std::ops::Range<u64>) -> Vec<Event> {
        let event = |number: u64| {
            let at = Timestamp::from_unix_s(NOON + i64::try_from(number).unwrap());
            let mut event = Event::of_recipient(EventKind::Deferred, RecipientId(number), 1, at);
            event.provider = Some("gmail".into());
            let reply = Some(Reply::new(421, "4.7.28 slow down"));
            event.attempt = Some(Attempt { number: 1, reply, ..Attempt::default() });
            event
        };
        range.map(event).collect()
    }

    /// How many events, by columns, by roll-ups, by templates.
    async fn counts(store: &EventStore) -> (i64, u64, u64) {
        let (from, to) = (Timestamp(0), Timestamp::from_unix_s(2 * NOON));
        let query = Query {
            from,
            to,
            filter: None,
            measures: vec![Measure::Count],
            dimensions: vec![],
            order: vec![],
            limit: None,
        };
        let crate::Cell::Integer(rows) = store.query(query).await.unwrap().rows[0][0] else { panic!("no count") };
        let rolled = store.rollup(RollupQuery { from, to, ..RollupQuery::default() }).await.unwrap();
        let templates = store.template(1).map_or(0, |template| template.count);
        (rows, rolled.iter().map(|row| row.totals.count).sum(), templates)
    }

    fn files(dir: &Path) -> usize {
        let mut directories = vec![dir.to_path_buf()];
        let mut count = 0;
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { count += 1 }
            }
        }
        count
    }

    #[tokio::test]
    async fn a_crash_before_the_manifest_leaves_the_old_state() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.ingest(events(0..100), "1:100".into()).await.unwrap();
        store.flush().await.unwrap();
        let files_before = files(dir.path());
        store.ingest(events(100..150), "1:150".into()).await.unwrap();
        // The crash: files are written, nothing is cleaned up, no manifest.
        std::mem::forget(store.0.prepare_only());
        assert!(files(dir.path()) > files_before);
        drop(store);

        let store = open(dir.path());
        assert_eq!(store.cursor().as_deref(), Some("1:100"));
        assert_eq!(files(dir.path()), files_before);
        assert_eq!(counts(&store).await, (100, 100, 100));
        // The consumer reads on from the cursor: nothing is lost, nothing is there twice.
        store.ingest(events(100..200), "1:200".into()).await.unwrap();
        assert_eq!(counts(&store).await, (200, 200, 200));
        store.flush().await.unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!(store.cursor().as_deref(), Some("1:200"));
        assert_eq!(counts(&store).await, (200, 200, 200));
    }

    #[tokio::test]
    async fn a_crash_without_a_flush_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.ingest(events(0..10), "1:10".into()).await.unwrap();
        assert_eq!(counts(&store).await, (10, 10, 10));
        drop(store);
        let store = open(dir.path());
        assert_eq!((store.cursor(), counts(&store).await), (None, (0, 0, 0)));
    }

    #[tokio::test]
    async fn a_flush_that_fails_loses_nothing_and_leaves_no_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.ingest(events(0..10), "1:10".into()).await.unwrap();
        // The manifest cannot be replaced: a directory stands where its new version is written.
        let blocker = dir.path().join("manifest.json.new");
        std::fs::create_dir(&blocker).unwrap();
        let files_before = files(dir.path());
        assert!(store.flush().await.is_err());
        assert_eq!(files(dir.path()), files_before);
        store.ingest(events(10..20), "1:20".into()).await.unwrap();
        assert_eq!(counts(&store).await, (20, 20, 20));
        std::fs::remove_dir(&blocker).unwrap();
        assert_eq!(store.flush().await.unwrap().rows, 20);
        drop(store);
        assert_eq!(counts(&open(dir.path())).await, (20, 20, 20));
    }

    #[tokio::test]
    async fn a_second_process_is_refused_and_a_torn_manifest_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let clock: Arc<dyn model::time::Clock> = Arc::new(ManualClock::default());
        let second = EventStore::open(dir.path(), Config::default(), Arc::clone(&clock));
        assert!(matches!(second, Err(crate::OpenError::Locked(_))));
        drop(store);
        std::fs::write(dir.path().join("manifest.json"), b"{\"format\":1,").unwrap();
        let torn = EventStore::open(dir.path(), Config::default(), clock);
        assert!(matches!(torn, Err(crate::OpenError::Damaged { .. })));
    }
}
