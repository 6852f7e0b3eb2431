//! The event store: what goes in, and what keeps it in order.
//!
//! One consumer of the event log ingests; anyone may ask. State changes hands under one short lock: a query takes its
//! view there, a flush swaps memory for segments there. Two gates order the slow work: the write gate (flush, and each
//! change of the manifest) and the compaction gate (joining, retention). Lock order: compaction gate, inspection gate,
//! write gate, state.
//! Limits: [`Config`]; memory is at most twice `hot_bytes_max` before [`EventStore::ingest`] waits for the disk.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use model::event::Event;
use model::time::Clock;

use crate::compact;
use crate::config::Config;
use crate::damage;
use crate::disk::{self, StoredFile};
use crate::error::{OpenError, StoreError};
use crate::flush::Flushed;
use crate::hot::Hot;
use crate::manifest::Manifest;
use crate::plan::{Engine, View};
use crate::repeats::Repeats;
use crate::rollup::{self, Rollups};
use crate::segment::{self, SEGMENTS, Segment};
use crate::template::{Template, Templates};

const ROLLUPS: &str = "rollups";

/// Name of a file of templates.
pub(crate) fn templates_file_name(number: u64) -> String {
    format!("{number:010}.templates")
}

/// The event store. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct EventStore(pub(crate) Arc<Inner>);

/// An open store and what was found.
pub struct Opened {
    /// The store.
    pub store: EventStore,
    /// Everything before this place of the event log is in it; ingest from here.
    pub cursor: Option<String>,
    /// Segments that the manifest names and that are not there or have the wrong size: their events are missing.
    pub missing: Vec<String>,
    /// Files that a crash left behind and that were removed.
    pub orphans: usize,
}

/// What [`EventStore::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Events that were written because they had waited long enough.
    pub flushed: Flushed,
    /// Segments that were joined to one.
    pub joined: usize,
    /// Segments that were too old.
    pub expired: usize,
}

/// How large the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct StoreStats {
    /// Events ever taken in.
    pub events_total: u64,
    /// Events that came a second time and were dropped, since the start.
    pub events_repeated: u64,
    /// Events in memory.
    pub hot_rows: u64,
    /// Memory they take, roughly.
    pub hot_bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Events in segments.
    pub segment_rows: u64,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Segments that were set aside because they are damaged or missing.
    pub segments_damaged: u64,
    /// Events in those.
    pub rows_missing: u64,
    /// Roll-up cells in memory.
    pub rollup_cells: u64,
    /// Hours with roll-ups.
    pub rollup_hours: u64,
    /// Roll-up files that could not be read since the start.
    pub rollups_unreadable: u64,
    /// Reply templates.
    pub templates: u64,
    /// Everything before this place of the event log can be queried.
    pub cursor: Option<String>,
    /// Everything before this place of the event log is on disk.
    pub cursor_durable: Option<String>,
}

pub(crate) struct Inner {
    pub dir: PathBuf,
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub engine: Arc<Engine>,
    state: Mutex<State>,
    ingest_gate: tokio::sync::Mutex<()>,
    pub inspect_gate: tokio::sync::Mutex<()>,
    pub write_gate: tokio::sync::Mutex<()>,
    compact_gate: tokio::sync::Mutex<()>,
    /// Held while the store is open.
    _lock: File,
}

pub(crate) struct State {
    pub hot: Hot,
    pub segments: Vec<Arc<Segment>>,
    pub rollups: Rollups,
    pub templates: Templates,
    pub templates_file: Option<StoredFile>,
    pub repeats: Repeats,
    pub events_repeated: u64,
    /// Where ingest stands.
    pub cursor: Option<String>,
    pub events_total: u64,
    /// The manifest on disk but for its lists, which are made when it is written; hands out file numbers.
    pub manifest: Manifest,
}

impl EventStore {
    /// Opens the store in `dir`, which is made when it is not there. Reads the manifest, not the events.
    ///
    /// # Errors
    /// [`OpenError`]: see its variants.
    pub fn open(dir: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Opened, OpenError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| OpenError::Io { path, source }
        };
        for path in [dir.to_path_buf(), dir.join(SEGMENTS), dir.join(ROLLUPS)] {
            std::fs::create_dir_all(&path).map_err(io(&path))?;
        }
        let lock = lock(dir)?;
        let mut manifest = Manifest::read(dir)?;
        // The crash came between the manifest and the new names.
        manifest.damaged.iter().for_each(|entry| damage::rename(&dir.join(entry.relative())));
        let orphans = segment::remove_orphans(dir, &named_files(dir, &manifest)).map_err(io(dir))?;
        let (segments, missing) = segment::load(dir, manifest.segments.clone());
        missing.iter().for_each(|entry| damage::rename(&dir.join(entry.relative())));
        manifest.damaged.extend(missing.iter().cloned());
        let missing: Vec<String> = missing.iter().map(segment::SegmentEntry::relative).collect();
        if !missing.is_empty() {
            tracing::error!(?missing, "segments of the event store are missing or damaged");
        }
        let templates_path = manifest.templates.map(|number| dir.join(templates_file_name(number)));
        let templates = match &templates_path {
            Some(path) => disk::unpack::<Vec<Template>>(path)
                .map_err(|error| OpenError::Damaged { path: path.clone(), reason: error.to_string() })?,
            None => Vec::new(),
        };
        let state = State {
            hot: Hot::default(),
            segments,
            rollups: Rollups::new(&dir.join(ROLLUPS), &manifest.rollups(), config.rollup_cells_max),
            templates: Templates::new(templates, config.templates_max),
            templates_file: templates_path.map(StoredFile::named),
            repeats: Repeats::default(),
            events_repeated: 0,
            cursor: manifest.cursor.clone(),
            events_total: manifest.events_total,
            manifest: manifest.clone(),
        };
        let inner = Inner {
            dir: dir.to_path_buf(),
            engine: Arc::new(Engine::new(dir, &config)?),
            config,
            clock,
            state: Mutex::new(state),
            ingest_gate: tokio::sync::Mutex::default(),
            inspect_gate: tokio::sync::Mutex::default(),
            write_gate: tokio::sync::Mutex::default(),
            compact_gate: tokio::sync::Mutex::default(),
            _lock: lock,
        };
        Ok(Opened { store: EventStore(Arc::new(inner)), cursor: manifest.cursor, missing, orphans })
    }

    /// Takes events in, all or none; `cursor` is the place of the event log behind them. They can be queried when this
    /// resolves, and are on disk after the next flush. Waits when the disk does not keep up. Not to be dropped before it
    /// resolves: the events may still be taken in a moment later.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was taken in; try again later.
    pub fn ingest(&self, events: Vec<Event>, cursor: String) -> BoxFuture<'static, Result<(), StoreError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let _order = inner.ingest_gate.lock().await;
            let max = usize::try_from(inner.config.hot_bytes_max.0).unwrap_or(usize::MAX);
            if inner.state().hot.bytes() >= max.saturating_mul(2) {
                inner.flush().await?;
            }
            let applier = Arc::clone(&inner);
            let waiting = inner.blocking(move || applier.apply(events, cursor)).await??;
            if waiting >= max && inner.write_gate.try_lock().is_ok() {
                let flusher = Arc::clone(&inner);
                inner.engine.runtime().spawn(async move {
                    if let Err(error) = flusher.flush().await {
                        tracing::error!(%error, "the event store could not be written; events stay in memory");
                    }
                });
            }
            Ok(())
        })
    }

    /// Writes everything in memory to disk.
    ///
    /// # Errors
    /// [`StoreError`]: everything stays in memory and can be queried.
    pub fn flush(&self) -> BoxFuture<'static, Result<Flushed, StoreError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.flush().await })
    }

    /// Does what is due: writes what has waited long enough, joins segments (once), removes what is too old. To be
    /// called every second or so; does nothing most of the time.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is lost; the next call tries again.
    pub fn maintain(&self) -> BoxFuture<'static, Result<Maintained, StoreError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let mut done = Maintained::default();
            let now = inner.clock.now();
            let since = inner.state().hot.since();
            if since.is_some_and(|since| now.since(since) >= inner.config.hot_age_max.0) {
                done.flushed = inner.flush().await?;
            }
            let _one = inner.compact_gate.lock().await;
            done.joined = inner.join_segments().await?;
            let _order = inner.write_gate.lock().await;
            let worker = Arc::clone(&inner);
            done.expired = inner.blocking(move || worker.expire_blocking()).await??;
            Ok(done)
        })
    }

    /// Where ingest stands: everything before this place of the event log can be queried.
    pub fn cursor(&self) -> Option<String> {
        self.0.state().cursor.clone()
    }

    /// How large it is.
    pub fn stats(&self) -> StoreStats {
        let state = self.0.state();
        let (cells, hours, unreadable) = state.rollups.counts();
        StoreStats {
            events_total: state.events_total,
            events_repeated: state.events_repeated,
            hot_rows: state.hot.rows() as u64,
            hot_bytes: state.hot.bytes() as u64,
            segments: state.segments.len() as u64,
            segment_rows: state.segments.iter().map(|segment| segment.entry.rows).sum(),
            segment_bytes: state.segments.iter().map(|segment| segment.entry.bytes).sum(),
            segments_damaged: state.manifest.damaged.len() as u64,
            rows_missing: state.manifest.damaged.iter().map(|entry| entry.rows).sum(),
            rollup_cells: cells as u64,
            rollup_hours: hours as u64,
            rollups_unreadable: unreadable,
            templates: state.templates.len() as u64,
            cursor: state.cursor.clone(),
            cursor_durable: state.manifest.cursor.clone(),
        }
    }
}

impl Inner {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn rollups_dir(&self) -> PathBuf {
        self.dir.join(ROLLUPS)
    }

    /// All events at this moment.
    pub fn view(&self) -> Result<View, StoreError> {
        let mut state = self.state();
        Ok(View {
            hot: state.hot.snapshot()?,
            segments: state.segments.clone(),
            damaged: state.manifest.damaged.clone(),
        })
    }

    /// Runs blocking work on the store's own threads.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.engine.runtime().spawn_blocking(work).await.map_err(|_| StoreError::Closed)
    }

    async fn flush(self: &Arc<Self>) -> Result<Flushed, StoreError> {
        let _order = self.write_gate.lock().await;
        let worker = Arc::clone(self);
        self.blocking(move || worker.flush_blocking()).await?
    }

    /// Returns the bytes that wait for a flush.
    fn apply(&self, mut events: Vec<Event>, cursor: String) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut state = self.state();
        let state = &mut *state;
        let repeated = state.repeats.sift(&mut events);
        let ids = events.iter().map(|event| event.id).collect();
        let count = events.len() as u64;
        let counted = events.into_iter().map(|event| {
            let template = state.templates.observe(&event);
            state.rollups.add(&event, template);
            (event, template)
        });
        state.hot.push(counted, now)?;
        state.repeats.remember(ids);
        state.events_repeated += repeated;
        state.events_total += count;
        state.cursor = Some(cursor);
        Ok(state.hot.bytes_waiting())
    }

    /// Joins the next segments, if any; how many.
    async fn join_segments(self: &Arc<Self>) -> Result<usize, StoreError> {
        let (chosen, number) = {
            let mut state = self.state();
            let chosen = compact::choose(&state.segments, self.clock.now(), self.config.segment_rows_max);
            let Some(chosen) = chosen else { return Ok(0) };
            (chosen, state.manifest.take_number())
        };
        let (engine, dir, old) = (Arc::clone(&self.engine), self.dir.clone(), chosen.clone());
        let joining = self.engine.runtime().spawn(async move { engine.merge(dir, &old, number).await });
        let joined = match joining.await {
            Ok(Ok(joined)) => joined,
            // One bad segment must not keep the others from being joined for ever.
            failed => {
                self.inspect(chosen).await?;
                return failed.map_err(|_| StoreError::Closed)?.map(|_| 0);
            }
        };
        let _order = self.write_gate.lock().await;
        let (worker, count) = (Arc::clone(self), chosen.len());
        self.blocking(move || worker.replace_blocking(&chosen, joined)).await??;
        Ok(count)
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_path_buf())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

fn named_files(dir: &Path, manifest: &Manifest) -> HashSet<PathBuf> {
    let segments = manifest.segments.iter().map(|entry| dir.join(entry.relative()));
    let rollups = manifest.rollups().into_iter().map(|entry| dir.join(ROLLUPS).join(rollup::file_name(entry.number)));
    let templates = manifest.templates.iter().map(|number| dir.join(templates_file_name(*number)));
    segments.chain(rollups).chain(templates).collect()
}
